// A product whose columns are only read in parts becomes several products; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"
#include "passes/lowering/WeightOnly.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// slice(last axis, ops(matmul(x, weight))) -> ops(matmul(x, slice(weight))): no copy of the parts.
class Splitter {
public:
  Splitter(DsRewriter &r, WeightOnly &weightOnly) : r(r), weightOnly(weightOnly) {}
  bool split(Value value);

private:
  static int64_t lastSize(Value v) {
    auto type = cast<RankedTensorType>(v.getType());
    return type.getRank() ? type.getShape().back() : 1;
  }
  bool isPart(Operation *user, Value of);
  bool canSlice(Value value, int64_t columns);
  Value sliceLast(Value value, int64_t offset, int64_t size);
  Value rebuild(Value value, int64_t offset, int64_t size);

  DsRewriter &r;
  WeightOnly &weightOnly;
};
} // namespace

// A unit-stride slice of known columns, everything else whole.
bool Splitter::isPart(Operation *user, Value of) {
  auto slice = dyn_cast<SliceOp>(user);
  if (!slice || llvm::any_of(slice.getStrides(), [](int64_t s) { return s != 1; }))
    return false;
  size_t last = slice.getStrides().size() - 1;
  Dims from = r.dims(of), to = r.dims(slice.getResult());
  for (size_t i = 0; i < last; ++i)
    if (slice.getStaticOffsets()[i] != 0 || from[i] != to[i])
      return false;
  return !ShapedType::isDynamic(slice.getStaticOffsets()[last]) && constantOf(to[last]);
}

bool Splitter::canSlice(Value value, int64_t columns) {
  Operation *op = value.getDefiningOp();
  if (!op || lastSize(value) != columns)
    return false;
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return matmul.getType().getElementType().isF32() && weightOnly(matmul.getRhs()) && matmul.getRhs().getType().getRank() == 2;
  auto single = [](Value v) { return v.hasOneUse(); };
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return single(reshape.getInput()) && reshape.getInput().getType().getRank() > 0 && canSlice(reshape.getInput(), columns);
  if (!isElementwise(op))
    return false;
  unsigned chains = 0;
  for (Value operand : op->getOperands()) {
    if (lastSize(operand) == 1 || weightOnly(operand))
      continue;
    if (!single(operand) || !canSlice(operand, columns))
      return false;
    ++chains;
  }
  return chains > 0;
}

Value Splitter::sliceLast(Value value, int64_t offset, int64_t size) {
  if (lastSize(value) == 1)
    return value;
  Dims dims = r.dims(value);
  dims.back() = r.constant(size);
  SmallVector<int64_t> offsets(dims.size()), strides(dims.size(), 1), sizes = shapeOf(dims);
  offsets.back() = offset;
  auto type = cast<RankedTensorType>(value.getType()).clone(sizes);
  return SliceOp::create(r.b, type, value, ValueRange(), r.shapes.dynamicSizes(r.b, r.b.getLoc(), type, dims), offsets, sizes, strides);
}

Value Splitter::rebuild(Value value, int64_t offset, int64_t size) {
  Operation *op = value.getDefiningOp();
  if (lastSize(value) == 1 || weightOnly(value))
    return sliceLast(value, offset, size);
  r.b.setLoc(op->getLoc());
  Dims dims = r.dims(value);
  dims.back() = r.constant(size);
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return r.reshape(rebuild(reshape.getInput(), offset, size), dims);
  SmallVector<Value> operands;
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    Value b = matmul.getRhs();
    if (matmul.getTransposeB())
      b = r.swapLast(b);
    operands = {matmul.getLhs(), sliceLast(b, offset, size)};
  } else {
    for (Value operand : op->getOperands())
      operands.push_back(rebuild(operand, offset, size));
  }
  Operation *part = r.b.clone(*op);
  part->setOperands(operands);
  part->removeAttr("transpose_b");
  part->getResult(0).setType(cast<RankedTensorType>(value.getType()).clone(shapeOf(dims)));
  r.shapes.setDims(part->getResult(0), dims);
  return part->getResult(0);
}

bool Splitter::split(Value value) {
  int64_t columns = lastSize(value);
  if (ShapedType::isDynamic(columns) || value.use_empty() || value.hasOneUse() ||
      !llvm::all_of(value.getUsers(), [&](Operation *user) { return isPart(user, value); }) || !canSlice(value, columns))
    return false;
  r.b.setInsertionPointAfterValue(value);
  for (Operation *user : llvm::to_vector(value.getUsers())) {
    auto slice = cast<SliceOp>(user);
    r.replace(slice, rebuild(value, slice.getStaticOffsets().back(), *constantOf(r.dims(slice.getResult()).back())));
  }
  return true;
}

void mlir::ds::splitMatmuls(DsRewriter &r, func::FuncOp main, WeightOnly &weightOnly) {
  SmallVector<Value> candidates;
  for (auto slice : main.getOps<SliceOp>())
    if (!llvm::is_contained(candidates, slice.getInput()))
      candidates.push_back(slice.getInput());
  Splitter splitter(r, weightOnly);
  for (Value value : candidates)
    splitter.split(value);
}
