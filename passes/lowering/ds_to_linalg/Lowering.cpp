// Helpers of the lowerings; see the header.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

bool mlir::ds::isUnsigned(Type type) { return getElementTypeOrSelf(type).isUnsignedInteger(); }
bool mlir::ds::isHalf(Type element) { return isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32; }

Type mlir::ds::loweredElement(Type element) {
  if (element.isUnsignedInteger())
    return IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth());
  return element;
}

RankedTensorType mlir::ds::loweredType(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return type.clone(loweredElement(type.getElementType()));
}

SmallVector<Value> Lowering::mixed(ValueRange dynamic, ArrayRef<int64_t> statics) {
  return llvm::map_to_vector(shapes.mixed(dynamic, statics), [&](AffineExpr e) { return index(e); });
}

Value Lowering::empty(Type element, ArrayRef<AffineExpr> dims) {
  auto type = RankedTensorType::get(shapeOf(dims), element);
  return tensor::EmptyOp::create(b, type, shapes.dynamicSizes(b, b.getLoc(), type, dims));
}

Value Lowering::filled(Type element, ArrayRef<AffineExpr> dims, Value scalar) {
  return linalg::FillOp::create(b, scalar, empty(element, dims)).getResult(0);
}

Value Lowering::reshape(Value tensor, ArrayRef<AffineExpr> dims) {
  while (auto before = tensor.getDefiningOp<dsk::ReshapeOp>())
    tensor = before.getInput();
  auto type = RankedTensorType::get(shapeOf(dims), cast<RankedTensorType>(tensor.getType()).getElementType());
  if (type == tensor.getType() && type.getNumDynamicDims() <= 1)
    return tensor;
  if (DenseElementsAttr data; type.hasStaticShape() && matchPattern(tensor, m_Constant(&data)))
    return arith::ConstantOp::create(b, data.reshape(type));
  return dsk::ReshapeOp::create(b, type, tensor, shapes.dynamicSizes(b, b.getLoc(), type, dims));
}

Value mlir::ds::scalarConstant(ImplicitLocOpBuilder &b, Type element, double value) {
  if (isa<FloatType>(element))
    return arith::ConstantOp::create(b, b.getFloatAttr(element, value));
  return scalarInt(b, element, static_cast<int64_t>(value));
}

Value mlir::ds::scalarInt(ImplicitLocOpBuilder &b, Type element, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(element, value));
}

Value Lowering::constant(Type element, double value) { return scalarConstant(b, element, value); }
Value Lowering::constantInt(Type element, int64_t value) { return scalarInt(b, element, value); }

Value Lowering::splat(Value value) {
  if (auto one = value.getDefiningOp<tensor::FromElementsOp>(); one && one.getElements().size() == 1)
    return one.getElements().front();
  DenseElementsAttr attr;
  if (!matchPattern(value, m_Constant(&attr)) || !attr.isSplat())
    return nullptr;
  Type element = loweredElement(attr.getElementType());
  if (isa<FloatType>(element))
    return arith::ConstantOp::create(b, b.getFloatAttr(element, attr.getSplatValue<APFloat>()));
  return arith::ConstantOp::create(b, b.getIntegerAttr(element, attr.getSplatValue<APInt>()));
}

Exprs Lowering::iota(unsigned rank, unsigned first) {
  return llvm::map_to_vector(llvm::seq(first, first + rank), [&](unsigned i) { return d(i); });
}

static linalg::GenericOp createGeneric(Lowering &l, ArrayRef<LoopOperand> inputs, ArrayRef<LoopOperand> outputs,
                                       ArrayRef<utils::IteratorType> iterators, BodyFn body) {
  SmallVector<Value> ins, outs;
  SmallVector<AffineMap> maps;
  for (const LoopOperand &o : inputs) {
    ins.push_back(o.tensor);
    maps.push_back(o.map);
  }
  for (const LoopOperand &o : outputs) {
    outs.push_back(o.tensor);
    maps.push_back(o.map);
  }
  auto generic = linalg::GenericOp::create(l.b, TypeRange(ValueRange(outs)), ins, outs, maps, iterators,
                                           [&](OpBuilder &nested, Location loc, ValueRange args) {
                                             ImplicitLocOpBuilder inner(loc, nested);
                                             linalg::YieldOp::create(inner, body(inner, args));
                                           });
  generic->setDiscardableAttr(kWordAttr, l.b.getStringAttr(l.word));
  return generic;
}

Value Lowering::loops(Type element, ArrayRef<AffineExpr> dims, ArrayRef<LoopOperand> inputs,
                      function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<utils::IteratorType> iterators(dims.size(), utils::IteratorType::parallel);
  LoopOperand out{empty(element, dims), identity(dims.size())};
  auto one = [&](ImplicitLocOpBuilder &b, ValueRange args) { return SmallVector<Value>{body(b, args)}; };
  return createGeneric(*this, inputs, out, iterators, one).getResult(0);
}

SmallVector<Value> Lowering::reduction(ArrayRef<bool> reduced, ArrayRef<LoopOperand> inputs, ValueRange inits, BodyFn body) {
  SmallVector<utils::IteratorType> iterators;
  Exprs kept;
  for (auto [i, r] : llvm::enumerate(reduced)) {
    iterators.push_back(r ? utils::IteratorType::reduction : utils::IteratorType::parallel);
    if (!r)
      kept.push_back(d(i));
  }
  SmallVector<LoopOperand> outs;
  for (Value init : inits)
    outs.push_back({init, map(reduced.size(), kept)});
  return llvm::to_vector_of<Value>(createGeneric(*this, inputs, outs, iterators, body).getResults());
}

AffineMap Lowering::broadcastMap(Value value, ArrayRef<AffineExpr> dims) {
  Dims own = shapes.dims(value);
  size_t first = dims.size() - own.size();
  Exprs exprs;
  for (auto [i, dim] : llvm::enumerate(own)) {
    auto size = constantOf(dim), want = constantOf(dims[first + i]);
    if (dim == dims[first + i] || (size && *size != 1) || (want && *want == 1))
      exprs.push_back(d(first + i));
    else if (size)
      exprs.push_back(getAffineConstantExpr(0, b.getContext()));
    else
      return AffineMap();
  }
  return map(dims.size(), exprs);
}

Value Lowering::broadcastRead(ImplicitLocOpBuilder &b, Value value, ArrayRef<AffineExpr> dims) {
  Dims own = shapes.dims(value);
  size_t first = dims.size() - own.size();
  SmallVector<Value> at;
  for (auto [i, dim] : llvm::enumerate(own)) {
    Value position = linalgIndex(b, first + i);
    if (dim != dims[first + i]) {
      // 0 where the size is 1, and inside in any case.
      Value last = arith::SubIOp::create(b, index(dim), index(1));
      position = arith::MinSIOp::create(b, position, last);
    }
    at.push_back(position);
  }
  return tensor::ExtractOp::create(b, get(value), at);
}

Value Lowering::broadcastLoops(Type element, ArrayRef<AffineExpr> dims, ValueRange operands,
                               function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<LoopOperand> inputs;
  SmallVector<Value> scalars(operands.size());
  SmallVector<int> position(operands.size(), -1);
  for (auto [i, value] : llvm::enumerate(operands)) {
    if ((scalars[i] = splat(value)))
      continue;
    if (AffineMap map = broadcastMap(value, dims)) {
      position[i] = inputs.size();
      inputs.push_back({get(value), map});
    }
  }
  return loops(element, dims, inputs, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    SmallVector<Value> all;
    for (auto [i, value] : llvm::enumerate(operands))
      all.push_back(scalars[i] ? scalars[i] : position[i] >= 0 ? args[position[i]] : broadcastRead(b, value, dims));
    return body(b, all);
  });
}

SmallVector<Value> Lowering::callGroup(StringRef word, ValueRange operands, ArrayRef<Type> elements, ArrayRef<Dims> dims,
                                       function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange, TypeRange)> build) {
  SmallVector<Value> inputs(operands), dests;
  for (auto [element, shape] : llvm::zip_equal(elements, dims))
    dests.push_back(empty(element, shape));
  SmallVector<Value> all = inputs;
  llvm::append_range(all, dests);
  SmallVector<Type> results = llvm::to_vector(TypeRange(ValueRange(dests)));

  OpBuilder::InsertionGuard guard(b);
  auto module = func->getParentOfType<ModuleOp>();
  SymbolTable table(module);
  ImplicitLocOpBuilder inner(b.getLoc(), b.getContext());
  auto type = b.getFunctionType(TypeRange(ValueRange(all)), results);
  auto group = func::FuncOp::create(b.getLoc(), word, type);
  group.setPrivate();
  group->setAttr(dsk::kGroupAttr, b.getUnitAttr());
  table.insert(group, func->getIterator());
  inner.setInsertionPointToStart(group.addEntryBlock());
  SmallVector<Value> built = build(inner, group.getArguments().take_front(inputs.size()), results);
  func::ReturnOp::create(inner, built);
  return llvm::to_vector_of<Value>(func::CallOp::create(b, group, all).getResults());
}
