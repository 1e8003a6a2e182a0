// How each tensor op of a group answers a pull, and the sizes of its axes.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/support/OnnxLoc.h"
#include "lib/target/common/Emitter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult unsupported(Operation *op, const Twine &why) {
  return op->emitError() << "not supported by code generation: " << describe(op->getLoc()) << ": " << op->getName() << " " << why;
}

FailureOr<Value> Emitter::scalar(Value value) {
  if (Value known = scalars.lookupOrNull(value))
    return known;
  llvm::SaveAndRestore<bool> free(hoisting, true);
  Operation *op = value.getDefiningOp();
  if (!op)
    return emitError(value.getLoc(), "an unbound argument in index arithmetic"), failure();
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> axis = dim.getConstantIndex();
    if (!axis)
      return FailureOr<Value>(unsupported(op, "with a computed axis"));
    FailureOr<Value> result = size(dim.getSource(), *axis);
    if (succeeded(result))
      scalars.map(value, *result);
    return result;
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Indices indices;
    for (Value i : extract.getIndices()) {
      FailureOr<Value> mapped = scalar(i);
      if (failed(mapped))
        return failure();
      indices.push_back(*mapped);
    }
    return pull(extract.getTensor(), indices);
  }
  for (Value operand : op->getOperands())
    if (failed(scalar(operand)))
      return failure();
  if (failed(cloneOp(op, scalars)))
    return failure();
  return scalars.lookup(value);
}

static Value dynamicSize(tensor::EmptyOp op, unsigned axis) {
  auto type = op.getType();
  return op.getDynamicSizes()[type.getDynamicDimIndex(axis)];
}

FailureOr<Value> Emitter::size(Value tensor, unsigned axis) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(axis))
    return constant(tensor.getLoc(), type.getDimSize(axis));
  if (Value known = sizes.lookup({tensor, axis}))
    return known;
  Operation *op = tensor.getDefiningOp();
  FailureOr<Value> result = failure();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op)) {
    result = scalar(dynamicSize(empty, axis));
  } else if (auto destination = dyn_cast_or_null<DestinationStyleOpInterface>(op)) {
    result = size(destination.getDpsInitOperand(cast<OpResult>(tensor).getResultNumber())->get(), axis);
  } else if (auto reshape = dyn_cast_or_null<dsk::ReshapeOp>(op)) {
    result = scalar(reshape.getSizes()[type.getDynamicDimIndex(axis)]);
  } else if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned kept = 0, sourceAxis = 0;
    for (; sourceAxis < dropped.size(); ++sourceAxis)
      if (!dropped[sourceAxis] && kept++ == axis)
        break;
    OpFoldResult mixed = slice.getMixedSizes()[sourceAxis];
    result = scalar(cast<Value>(mixed));
  } else if (auto cast = dyn_cast_or_null<tensor::CastOp>(op)) {
    result = size(cast.getSource(), axis);
  } else {
    return emitError(tensor.getLoc(), "not supported by code generation: an intermediate of unknown size"), failure();
  }
  if (succeeded(result))
    sizes[{tensor, axis}] = *result;
  return result;
}

FailureOr<Value> Emitter::compute(Value tensor, ArrayRef<Value> indices) {
  Operation *op = tensor.getDefiningOp();
  Location loc = tensor.getLoc();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op))
    return pullGeneric(generic, cast<OpResult>(tensor).getResultNumber(), indices);
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(op))
    return scalar(fill.getInputs().front());
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return pull(cast.getSource(), indices);
  if (auto reshape = dyn_cast_or_null<dsk::ReshapeOp>(op)) {
    FailureOr<Indices> source = reshapeIndices(loc, reshape.getInput(), tensor, indices);
    return failed(source) ? FailureOr<Value>(failure()) : pull(reshape.getInput(), *source);
  }
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    Indices source;
    unsigned next = 0;
    auto index = [&](OpFoldResult ofr) -> FailureOr<Value> {
      if (auto attr = dyn_cast<Attribute>(ofr))
        return constant(loc, cast<IntegerAttr>(attr).getInt());
      return scalar(cast<Value>(ofr));
    };
    for (auto [axis, offset, stride] : llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
      FailureOr<Value> o = index(offset), s = index(stride);
      if (failed(o) || failed(s))
        return failure();
      source.push_back(dropped[axis] ? *o : add(loc, *o, mul(loc, indices[next++], *s)));
    }
    return pull(slice.getSource(), source);
  }
  if (auto splat = dyn_cast_or_null<arith::ConstantOp>(op))
    if (auto attr = dyn_cast<SplatElementsAttr>(splat.getValue()))
      return constant(loc, attr.getSplatValue<TypedAttr>());
  if (op && isa<tensor::EmptyOp>(op))
    return constant(loc, cast<TypedAttr>(builder.getZeroAttr(getElementTypeOrSelf(tensor.getType()))));
  if (!op)
    return emitError(loc, "an argument without a buffer"), failure();
  return FailureOr<Value>(unsupported(op, "cannot be computed element by element"));
}

// The indices in `from` of the element at `indices` of `to`: axes that both shapes share at either end stay.
FailureOr<Emitter::Indices> Emitter::reshapeIndices(Location loc, Value from, Value to, ArrayRef<Value> indices) {
  FailureOr<Indices> source = shape(from), target = shape(to);
  if (failed(source) || failed(target))
    return failure();
  size_t front = 0, back = 0, fromRank = source->size(), toRank = target->size();
  while (front < std::min(fromRank, toRank) && (*source)[front] == (*target)[front])
    ++front;
  while (back < std::min(fromRank, toRank) - front && (*source)[fromRank - 1 - back] == (*target)[toRank - 1 - back])
    ++back;
  Value linear = constant(loc, 0);
  for (size_t i = front; i < toRank - back; ++i)
    linear = add(loc, mul(loc, linear, (*target)[i]), indices[i]);
  Indices result(fromRank);
  for (size_t i = 0; i < front; ++i)
    result[i] = indices[i];
  for (size_t i = 0; i < back; ++i)
    result[fromRank - 1 - i] = indices[toRank - 1 - i];
  for (size_t i = fromRank - back; i-- > front;) {
    result[i] = i == front ? linear : rem(loc, linear, (*source)[i]);
    if (i != front)
      linear = div(loc, linear, (*source)[i]);
  }
  return result;
}

Value Emitter::evaluate(Location loc, AffineExpr expr, ArrayRef<Value> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto c = dyn_cast<AffineConstantExpr>(expr))
    return constant(loc, c.getValue());
  auto binaryExpr = cast<AffineBinaryOpExpr>(expr);
  Value a = evaluate(loc, binaryExpr.getLHS(), dims), b = evaluate(loc, binaryExpr.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return add(loc, a, b);
  case AffineExprKind::Mul:
    return mul(loc, a, b);
  case AffineExprKind::Mod:
    return rem(loc, a, b);
  case AffineExprKind::FloorDiv:
    return div(loc, a, b);
  default:
    return div(loc, add(loc, a, add(loc, b, constant(loc, -1))), b);
  }
}

FailureOr<Value> Emitter::pullGeneric(linalg::GenericOp op, unsigned result, ArrayRef<Value> indices) {
  if (op.getNumReductionLoops())
    return FailureOr<Value>(unsupported(op, "is a reduction that has no buffer of its own"));
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  Indices loopIndices(op.getNumLoops());
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), indices)) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return FailureOr<Value>(unsupported(op, "has a result map that is not a permutation"));
    loopIndices[dim.getPosition()] = index;
  }
  if (llvm::any_of(loopIndices, [](Value v) { return !v; }))
    return FailureOr<Value>(unsupported(op, "has a parallel loop without a result axis"));
  FailureOr<SmallVector<Value>> values = evaluateBody(op, loopIndices, {});
  return failed(values) ? FailureOr<Value>(failure()) : (*values)[result];
}

FailureOr<SmallVector<Value>> Emitter::evaluateBody(linalg::GenericOp op, ArrayRef<Value> loopIndices, ValueRange accumulators) {
  IRMapping map;
  Block &body = *op.getBody();
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument arg = body.getArgument(operand.getOperandNumber());
    if (arg.use_empty())
      continue;
    if (op.isDpsInit(&operand) && !accumulators.empty()) {
      map.map(arg, accumulators[operand.getOperandNumber() - op.getNumDpsInputs()]);
      continue;
    }
    FailureOr<Value> element = failure();
    if (!isa<RankedTensorType>(operand.get().getType())) {
      element = scalar(operand.get());
    } else {
      Indices indices;
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        indices.push_back(evaluate(op.getLoc(), expr, loopIndices));
      element = pull(operand.get(), indices);
    }
    if (failed(element))
      return failure();
    map.map(arg, *element);
  }
  if (failed(cloneBody(body, map, loopIndices)))
    return failure();
  SmallVector<Value> results;
  for (Value v : body.getTerminator()->getOperands()) {
    if (Value mapped = map.lookupOrNull(v)) {
      results.push_back(mapped);
      continue;
    }
    FailureOr<Value> outside = scalar(v);
    if (failed(outside))
      return failure();
    results.push_back(*outside);
  }
  return results;
}

// Operands from outside of the body (constants, scalars of the group) are brought in on demand.
LogicalResult Emitter::cloneOp(Operation *op, IRMapping &map) {
  if (op->getNumRegions() || !isMemoryEffectFree(op))
    return unsupported(op, "in a body");
  SmallVector<Value> operands;
  for (Value v : op->getOperands()) {
    if (!map.contains(v)) {
      FailureOr<Value> outside = scalar(v);
      if (failed(outside))
        return failure();
      map.map(v, *outside);
    }
    operands.push_back(map.lookup(v));
  }
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op)) {
    map.map(op->getResult(0), constant(op->getLoc(), constantOp.getValue()));
    return success();
  }
  OpBuilder b = at(operands);
  Operation *copy = b.clone(*op, map);
  for (Value result : copy->getResults())
    record(result, operands);
  return success();
}

LogicalResult Emitter::cloneBody(Block &body, IRMapping &map, ArrayRef<Value> loopIndices) {
  auto mapped = [&](Value v) -> FailureOr<Value> {
    if (Value known = map.lookupOrNull(v))
      return known;
    return scalar(v);
  };
  for (Operation &op : body.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      map.map(index.getResult(), loopIndices[index.getDim()]);
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      Indices indices;
      for (Value i : extract.getIndices()) {
        FailureOr<Value> index = mapped(i);
        if (failed(index))
          return failure();
        indices.push_back(*index);
      }
      FailureOr<Value> element = pull(extract.getTensor(), indices);
      if (failed(element))
        return failure();
      map.map(extract.getResult(), *element);
    } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
      FailureOr<Value> value = scalar(dim.getResult());
      if (failed(value))
        return failure();
      map.map(dim.getResult(), *value);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      if (failed(cloneIf(branch, map, loopIndices)))
        return failure();
    } else if (auto check = dyn_cast<dsk::CheckOp>(op)) {
      FailureOr<Value> ok = mapped(check.getOk()), a = mapped(check.getA()), b = mapped(check.getB());
      if (failed(ok) || failed(a) || failed(b))
        return failure();
      OpBuilder place = at({*ok, *a, *b});
      Location loc = op.getLoc();
      Value truth = arith::ConstantOp::create(place, loc, place.getBoolAttr(true));
      Value bad = arith::XOrIOp::create(place, loc, *ok, truth);
      scf::IfOp::create(place, loc, bad, [&, a = *a, b = *b](OpBuilder &then, Location loc) {
        fail(then, loc, static_cast<int32_t>(check.getCode()), a, b);
        scf::YieldOp::create(then, loc);
      });
    } else if (failed(cloneOp(&op, map))) {
      return failure();
    }
  }
  return success();
}

LogicalResult Emitter::cloneIf(scf::IfOp op, IRMapping &map, ArrayRef<Value> loopIndices) {
  Value condition = map.lookupOrNull(op.getCondition());
  if (!condition) {
    FailureOr<Value> outside = scalar(op.getCondition());
    if (failed(outside))
      return failure();
    condition = *outside;
  }
  auto copy = scf::IfOp::create(builder, op.getLoc(), op.getResultTypes(), condition, /*addThenBlock=*/true,
                                /*addElseBlock=*/!op.getElseRegion().empty());
  OpBuilder::InsertPoint after = builder.saveInsertionPoint();
  if (pinned++ == 0)
    outermostIf = copy;
  for (auto [source, target] : llvm::zip_equal(op->getRegions(), copy->getRegions())) {
    Region *from = &source, *to = &target;
    if (from->empty())
      continue;
    Block &block = to->front();
    if (!block.empty())
      block.getTerminator()->erase();
    builder.setInsertionPointToEnd(&block);
    auto saved = memo;
    if (failed(cloneBody(from->front(), map, loopIndices)))
      return failure();
    SmallVector<Value> yields;
    for (Value v : from->front().getTerminator()->getOperands()) {
      Value known = map.lookupOrNull(v);
      FailureOr<Value> mapped = known ? FailureOr<Value>(known) : scalar(v);
      if (failed(mapped))
        return failure();
      yields.push_back(*mapped);
    }
    scf::YieldOp::create(builder, op.getLoc(), yields);
    memo = std::move(saved);
  }
  --pinned;
  builder.restoreInsertionPoint(after);
  for (auto [from, to] : llvm::zip_equal(op.getResults(), copy.getResults())) {
    map.map(from, to);
    levels[to] = loops.size();
  }
  return success();
}
