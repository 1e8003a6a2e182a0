// Rewrites of ds ops by ds ops; see the header.
#include "passes/lowering/DsRewriter.h"

using namespace mlir;
using namespace mlir::ds;

static Type elementOf(Value v) { return cast<RankedTensorType>(v.getType()).getElementType(); }

Value DsRewriter::reshape(Value value, ArrayRef<AffineExpr> dims) {
  if (shapes.dims(value) == Dims(dims))
    return value;
  auto type = RankedTensorType::get(shapeOf(dims), elementOf(value));
  Value result = ReshapeOp::create(b, type, value, shapes.dynamicSizes(b, b.getLoc(), type, dims), shapeOf(dims));
  shapes.setDims(result, Dims(dims));
  return result;
}

Value DsRewriter::reshape(Value value, ArrayRef<int64_t> sizes) {
  return reshape(value, ArrayRef<AffineExpr>(llvm::map_to_vector(sizes, [&](int64_t s) { return constant(s); })));
}

Value DsRewriter::broadcast(Value value, ArrayRef<AffineExpr> dims) {
  auto type = RankedTensorType::get(shapeOf(dims), elementOf(value));
  Value result = BroadcastOp::create(b, type, value, shapes.dynamicSizes(b, b.getLoc(), type, dims), shapeOf(dims));
  shapes.setDims(result, Dims(dims));
  return result;
}

Value DsRewriter::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  Dims from = dims(value);
  Dims to = llvm::map_to_vector(permutation, [&](int64_t axis) { return from[axis]; });
  return TransposeOp::create(b, RankedTensorType::get(shapeOf(to), elementOf(value)), value, permutation);
}

Value DsRewriter::padHigh(Value value, ArrayRef<int64_t> high) {
  if (llvm::all_of(high, [](int64_t h) { return h == 0; }))
    return value;
  SmallVector<int64_t> low(high.size()), shape(llvm::cast<RankedTensorType>(value.getType()).getShape());
  for (auto [size, h] : llvm::zip_equal(shape, high))
    size += h;
  Type element = elementOf(value);
  Value zero = ConstantOp::create(b, DenseElementsAttr::get(RankedTensorType::get({}, element), b.getZeroAttr(element)));
  return PadOp::create(b, RankedTensorType::get(shape, element), value, zero, ValueRange(), ValueRange(), low, high, PadMode::constant);
}

Value DsRewriter::cast(Value value, Type element) {
  auto type = llvm::cast<RankedTensorType>(value.getType());
  return type.getElementType() == element ? value : CastOp::create(b, type.clone(element), value).getResult();
}

static SmallVector<int64_t> identity(Value value) {
  return llvm::to_vector(llvm::seq<int64_t>(0, llvm::cast<RankedTensorType>(value.getType()).getRank()));
}

Value DsRewriter::swapLast(Value value) {
  SmallVector<int64_t> permutation = identity(value);
  std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return transpose(value, permutation);
}

Value DsRewriter::moveLast(Value value, int64_t axis) {
  SmallVector<int64_t> permutation = identity(value);
  std::rotate(permutation.begin() + axis, permutation.begin() + axis + 1, permutation.end());
  return transpose(value, permutation);
}

Value DsRewriter::moveBack(Value value, int64_t axis) {
  SmallVector<int64_t> permutation = identity(value);
  std::rotate(permutation.begin() + axis, permutation.end() - 1, permutation.end());
  return transpose(value, permutation);
}

Value DsRewriter::channelsLast(Value value) { return moveLast(value, 1); }
Value DsRewriter::channelsFirst(Value value) { return moveBack(value, 1); }

void DsRewriter::replace(Operation *op, ValueRange with) {
  for (auto [old, value] : llvm::zip_equal(op->getResults(), with))
    shapes.setDims(value, shapes.dims(old));
  op->replaceAllUsesWith(with);
  dead.insert(op);
}

void DsRewriter::finish() {
  for (Operation *op : llvm::reverse(dead.getArrayRef()))
    op->erase();
}
