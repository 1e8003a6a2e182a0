// Elementwise ops move before the reshape of a kernel's result, so that they fuse; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"

using namespace mlir;
using namespace mlir::ds;

// A kernel's result, or elementwise ops on one.
static bool isKernelSpace(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<dsk::MatmulOp, dsk::ConvOp, dsk::DepthwiseConvOp>(op))
      return true;
    if (!isElementwise(op))
      return false;
    auto same = llvm::find_if(op->getOperands(), [&](Value v) { return v.getType() == value.getType() || isa<CastOp>(op); });
    if (same == op->getOperands().end())
      return false;
    value = *same;
  }
  return false;
}

namespace {
// From the shape `outer` back to the kernel's `inner`, which has the same last axis.
struct Space {
  DsRewriter &r;
  Dims inner, outer;

  // How an operand of ops over `outer` reads over `inner`, or null.
  std::optional<Dims> mapped(ArrayRef<AffineExpr> own) {
    if (own == ArrayRef(outer))
      return inner;
    bool vector = llvm::all_of(own.drop_back(own.empty() ? 0 : 1), [](AffineExpr e) { return constantOf(e) == 1; });
    if (own.empty())
      return Dims();
    if (vector)
      return Dims{own.back()};
    // One number per row, where rows are collapsed leading axes.
    bool perRow = own.size() == outer.size() && constantOf(own.back()) == 1 && own.drop_back() == ArrayRef(outer).drop_back();
    if (perRow && inner.size() == 2)
      return Dims{inner[0], own.back()};
    return std::nullopt;
  }
};
} // namespace

bool mlir::ds::sinkReshape(DsRewriter &r, Operation *op) {
  if (!isElementwise(op) && !isa<GateOp>(op))
    return false;
  Dims outer = r.dims(op->getResult(0));
  if (outer.empty())
    return false;
  Value kernel;
  for (Value operand : op->getOperands())
    if (auto reshape = operand.getDefiningOp<ReshapeOp>())
      if (r.dims(operand) == outer && isKernelSpace(reshape.getInput()))
        kernel = reshape.getInput();
  if (!kernel)
    return false;
  Space space{r, r.dims(kernel), outer};
  if (space.inner.empty() || space.inner.back() != outer.back())
    return false;
  SmallVector<Dims> targets;
  for (Value operand : op->getOperands()) {
    auto dims = space.mapped(r.dims(operand));
    if (!dims)
      return false;
    targets.push_back(*dims);
  }
  SmallVector<Value> operands;
  for (auto [operand, dims] : llvm::zip_equal(op->getOperands(), targets)) {
    auto reshape = operand.getDefiningOp<ReshapeOp>();
    operands.push_back(reshape && r.dims(reshape.getInput()) == dims ? reshape.getInput() : r.reshape(operand, dims));
  }
  Operation *moved = r.b.clone(*op);
  moved->setOperands(operands);
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  moved->getResult(0).setType(RankedTensorType::get(shapeOf(space.inner), element));
  r.shapes.setDims(moved->getResult(0), space.inner);
  r.replace(op, r.reshape(moved->getResult(0), outer));
  return true;
}
