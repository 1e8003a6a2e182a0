// Ops that become one dsk op in a group of its own.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

static Type elementOf(Value v) { return cast<RankedTensorType>(v.getType()).getElementType(); }

static LogicalResult lowerAttention(Lowering &l, AttentionOp op) {
  if (!op.getType().getElementType().isF32())
    return failure();
  SmallVector<Value> operands = {l.get(op.getQ()), l.get(op.getK()), l.get(op.getV())};
  if (op.getMask()) {
    Value mask = l.get(op.getMask());
    Dims dims = l.dims(op.getMask());
    while (dims.size() < 4)
      dims.insert(dims.begin(), l.shapes.constant(1));
    operands.push_back(l.reshape(mask, dims));
  }
  l.set(op, l.callGroup("attention", operands, op.getType().getElementType(), l.dims(op.getResult()),
                        [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    IntegerAttr right = op.getCausal() ? b.getI64IntegerAttr(0) : op.getWindowRightAttr();
    auto layout = [&](ArrayRef<int64_t> a) { return b.getDenseI64ArrayAttr(a); };
    return SmallVector<Value>{dsk::AttentionOp::create(
        b, types[0], args[0], args[1], args[2], args.size() > 3 ? args[3] : Value(), op.getScaleAttr(),
        op.getWindowLeftAttr(), right, op.getExcludedAttr(), layout(op.getQLayout()), layout(op.getKLayout()), layout(op.getVLayout()), layout(op.getOutLayout()))};
  })[0]);
  return success();
}

static LogicalResult lowerPool(Lowering &l, PoolOp op) {
  bool image = op.getInput().getType().getRank() == 4 && op.getChannelsLast() && op.getType().getElementType().isF32();
  if (!image || op.getKind() == PoolKind::lp || op.getCeilMode())
    return failure();
  auto kind = op.getKind() == PoolKind::max ? dsk::PoolKind::max : dsk::PoolKind::avg;
  l.set(op, l.callGroup(kind == dsk::PoolKind::max ? "max_pool" : "avg_pool", l.get(op.getInput()), op.getType().getElementType(),
                        l.dims(op.getResult()), [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    return SmallVector<Value>{dsk::PoolOp::create(b, types[0], args[0], kind, op.getKernel(), op.getStrides(), op.getPads(),
                                                  op.getDilations(), op.getCountIncludePad())};
  })[0]);
  return success();
}

static LogicalResult lowerScan(Lowering &l, ScanOp op) {
  if (op.getAxis() != op.getInput().getType().getRank() - 1)
    return failure();
  auto kind = op.getKind() == ReduceKind::sum ? dsk::ScanKind::sum : dsk::ScanKind::prod;
  Value input = l.get(op.getInput());
  l.set(op, l.callGroup("scan", input, elementOf(input), l.dims(op.getResult()), [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    return SmallVector<Value>{dsk::ScanOp::create(b, types[0], kind, args[0], op.getExclusive(), op.getReverse())};
  })[0]);
  return success();
}

static LogicalResult lowerTopK(Lowering &l, TopKOp op) {
  if (op.getAxis() != op.getInput().getType().getRank() - 1)
    return failure();
  Value input = l.get(op.getInput());
  Type elements[] = {elementOf(input), l.b.getI64Type()};
  Dims dims[] = {l.dims(op.getValues()), l.dims(op.getIndices())};
  SmallVector<Value> results = l.callGroup("top_k", input, elements, dims, [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    auto top = dsk::TopKOp::create(b, types[0], types[1], args[0], op.getLargest());
    return llvm::to_vector_of<Value>(top->getResults());
  });
  l.set(op.getValues(), results[0]);
  l.set(op.getIndices(), results[1]);
  return success();
}

// A group counts, main makes room, a group writes.
static LogicalResult lowerNonZero(Lowering &l, NonZeroOp op) {
  Value input = l.get(op.getInput());
  auto module = l.func->getParentOfType<ModuleOp>();
  OpBuilder::InsertionGuard guard(l.b);
  auto count = func::FuncOp::create(l.b.getLoc(), "count_non_zero", l.b.getFunctionType(input.getType(), l.b.getIndexType()));
  count.setPrivate();
  count->setAttr(dsk::kGroupAttr, l.b.getUnitAttr());
  SymbolTable(module).insert(count, l.func->getIterator());
  ImplicitLocOpBuilder inner(l.b.getLoc(), l.b.getContext());
  inner.setInsertionPointToStart(count.addEntryBlock());
  func::ReturnOp::create(inner, dsk::CountNonZeroOp::create(inner, inner.getIndexType(), count.getArgument(0)).getResult());
  Value columns = func::CallOp::create(l.b, count, input).getResult(0);
  Dims dims = {l.shapes.constant(op.getInput().getType().getRank()), l.shapes.index(columns)};
  l.shapes.setDims(op, dims);
  l.set(op, l.callGroup("non_zero", input, l.b.getI64Type(), dims, [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    return SmallVector<Value>{dsk::NonZeroOp::create(b, types[0], args[0])};
  })[0]);
  return success();
}

static LogicalResult lowerRoute(Lowering &l, RouteOp op) {
  SmallVector<Value> operands;
  for (Value v : op->getOperands()) {
    if (!elementOf(v).isF32())
      return failure();
    operands.push_back(l.get(v));
  }
  SmallVector<Type> elements = llvm::map_to_vector(op->getResults(), [&](Value v) { return elementOf(v); });
  SmallVector<Dims> dims = llvm::map_to_vector(op->getResults(), [&](Value v) { return l.dims(v); });
  SmallVector<Value> results = l.callGroup("route", operands, elements, dims, [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    auto next = args.begin();
    auto given = [&](Value v) { return v ? *next++ : Value(); };
    Value scores = given(op.getScores()), mixing = given(op.getMixing()), bias = given(op.getBias()), load = given(op.getLoad());
    auto score = dsk::ScoreKindAttr::get(b.getContext(), *dsk::symbolizeScoreKind(stringifyScoreKind(op.getScore())));
    auto balance = dsk::BalanceKindAttr::get(b.getContext(), *dsk::symbolizeBalanceKind(stringifyBalanceKind(op.getBalance())));
    Type loadType = types.size() > 4 ? types[4] : Type();
    auto route = dsk::RouteOp::create(b, types[0], types[1], types[2], types[3], loadType, scores, mixing, bias, load, op.getKAttr(), score,
                                      op.getNormalizeAttr(), op.getEpsilonAttr(), op.getScaleAttr(), op.getGroupsAttr(), op.getTopGroupsAttr(),
                                      op.getGroupBestAttr(), balance, op.getRateAttr());
    return llvm::to_vector_of<Value>(route->getResults());
  });
  for (auto [result, lowered] : llvm::zip_equal(op->getResults(), results))
    l.set(result, lowered);
  return success();
}

void mlir::ds::lowerKernel(Lowering &l, Operation *op, StringRef word) {
  SmallVector<Value> operands = llvm::map_to_vector(op->getOperands(), [&](Value v) { return l.get(v); });
  Value result = op->getResult(0);
  l.set(result, l.callGroup(word, operands, elementOf(result), l.dims(result), [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    OperationState state(op->getLoc(), op->getName(), args, types, op->getAttrs());
    state.propertiesAttr = op->getPropertiesAsAttribute();
    return SmallVector<Value>{b.create(state)->getResult(0)};
  })[0]);
}

LogicalResult mlir::ds::lowerAlone(Lowering &l, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](AttentionOp o) { return lowerAttention(l, o); })
      .Case([&](PoolOp o) { return lowerPool(l, o); })
      .Case([&](ScanOp o) { return lowerScan(l, o); })
      .Case([&](TopKOp o) { return lowerTopK(l, o); })
      .Case([&](RouteOp o) { return lowerRoute(l, o); })
      .Case([&](NonZeroOp o) { return lowerNonZero(l, o); })
      .Default([](Operation *) { return failure(); });
}
