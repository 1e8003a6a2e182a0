// Transposes, reshapes, broadcasts and slices: merged, cancelled, dropped.
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "passes/graph/Match.h"
#include "passes/graph/Patterns.h"

using namespace mlir;
using namespace mlir::ds;

SmallVector<OpFoldResult> mlir::ds::mixedSizes(OpBuilder &b, Location loc, Value v) {
  SmallVector<OpFoldResult> sizes;
  for (auto [axis, size] : llvm::enumerate(cast<RankedTensorType>(v.getType()).getShape()))
    sizes.push_back(ShapedType::isDynamic(size) ? OpFoldResult(b.createOrFold<tensor::DimOp>(loc, v, axis))
                                                : OpFoldResult(b.getIndexAttr(size)));
  return sizes;
}

Value mlir::ds::reshapeTo(OpBuilder &b, Location loc, Value v, ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  SmallVector<int64_t> statics;
  dispatchIndexOpFoldResults(sizes, dynamic, statics);
  auto type = RankedTensorType::get(statics, getElementTypeOrSelf(v.getType()));
  if (v.getType() == type && type.getNumDynamicDims() <= 1)
    return v;
  return ReshapeOp::create(b, loc, type, v, dynamic, statics);
}

Value mlir::ds::transposeBy(OpBuilder &b, Location loc, Value v, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return v;
  auto from = cast<RankedTensorType>(v.getType());
  auto type = RankedTensorType::get(applyPermutation(from.getShape(), permutation), from.getElementType());
  return TransposeOp::create(b, loc, type, v, permutation);
}

// transpose(transpose(x)) -> transpose(x)
static LogicalResult mergeTransposes(TransposeOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "not of a transpose");
  SmallVector<int64_t> merged = applyPermutation(inner.getPermutation(), op.getPermutation());
  rewriter.replaceOp(op, transposeBy(rewriter, rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}), inner.getInput(), merged));
  return success();
}

// transpose(x) -> reshape(x), when only axes of size 1 change their order among the others
static LogicalResult transposeOfUnitAxes(TransposeOp op, PatternRewriter &rewriter) {
  RankedTensorType from = op.getInput().getType();
  int64_t previous = -1;
  for (int64_t axis : op.getPermutation()) {
    if (from.getDimSize(axis) == 1)
      continue;
    if (axis < previous)
      return rewriter.notifyMatchFailure(op, "moves data");
    previous = axis;
  }
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, op.getLoc(), op.getInput());
  rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), op.getInput(), applyPermutation(sizes, op.getPermutation())));
  return success();
}

// reshape(reshape(x)) -> reshape(x)
static LogicalResult mergeReshapes(ReshapeOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "not of a reshape");
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getInput(), op.getSizes(), op.getStaticSizes())
      ->setLoc(rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}));
  return success();
}

// reshape(x) to x's own sizes -> x
static LogicalResult dropIdentityReshape(ReshapeOp op, PatternRewriter &rewriter) {
  if (op.getType() != op.getInput().getType())
    return rewriter.notifyMatchFailure(op, "the type changes");
  unsigned next = 0, unknown = 0;
  for (auto [axis, size] : llvm::enumerate(op.getStaticSizes())) {
    if (!ShapedType::isDynamic(size))
      continue;
    auto dim = op.getSizes()[next++].getDefiningOp<tensor::DimOp>();
    bool same = dim && dim.getSource() == op.getInput() && dim.getConstantIndex() == static_cast<int64_t>(axis);
    unknown += !same;
  }
  if (unknown > 1)
    return rewriter.notifyMatchFailure(op, "two sizes or more may differ");
  rewriter.replaceOp(op, op.getInput());
  return success();
}

// op(broadcast(x), y) -> op(x, y), when y (or another operand) has the result's static shape anyway
static LogicalResult dropBroadcastOfOperand(Operation *op, PatternRewriter &rewriter) {
  if (!isElementwise(op) || op->getNumOperands() < 2)
    return rewriter.notifyMatchFailure(op, "not an elementwise op of several operands");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  for (OpOperand &operand : op->getOpOperands()) {
    auto broadcast = operand.get().getDefiningOp<BroadcastOp>();
    if (!broadcast)
      continue;
    // The axes that the broadcast enlarges must be given by another operand.
    auto gives = [&](OpOperand &other) {
      if (&other == &operand)
        return false;
      auto otherType = cast<RankedTensorType>(other.get().getType());
      return otherType == RankedTensorType::get(type.getShape(), otherType.getElementType()) && otherType.hasStaticShape();
    };
    if (!llvm::any_of(op->getOpOperands(), gives))
      continue;
    rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getInput()); });
    return success();
  }
  return rewriter.notifyMatchFailure(op, "no broadcast operand whose axes another one has");
}

// slice(concat(.., x, ..)) -> slice(x), when all of it lies in x
static LogicalResult sliceOfConcat(SliceOp op, PatternRewriter &rewriter) {
  auto concat = op.getInput().getDefiningOp<ConcatOp>();
  if (!concat)
    return rewriter.notifyMatchFailure(op, "not of a concat");
  int64_t axis = concat.getAxis(), offset = op.getStaticOffsets()[axis], size = op.getStaticSizes()[axis];
  if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(size) || size == 0)
    return rewriter.notifyMatchFailure(op, "the position along the concatenated axis is not static");
  int64_t last = offset + (size - 1) * op.getStrides()[axis], low = std::min(offset, last), high = std::max(offset, last), start = 0;
  for (Value input : concat.getInputs()) {
    int64_t length = cast<RankedTensorType>(input.getType()).getDimSize(axis);
    if (ShapedType::isDynamic(length))
      break;
    if (low >= start && high < start + length) {
      SmallVector<int64_t> offsets(op.getStaticOffsets());
      offsets[axis] -= start;
      rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), input, op.getOffsets(), op.getSizes(), offsets, op.getStaticSizes(),
                                           op.getStrides())
          ->setLoc(rewriter.getFusedLoc({concat.getLoc(), op.getLoc()}));
      return success();
    }
    start += length;
  }
  return rewriter.notifyMatchFailure(op, "not inside one operand of known position");
}

// slice(slice(x)) -> slice(x), when both are static
static LogicalResult mergeSlices(SliceOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<SliceOp>();
  if (!inner || !inner.getOffsets().empty() || !op.getOffsets().empty())
    return rewriter.notifyMatchFailure(op, "not two slices at static offsets");
  SmallVector<int64_t> offsets, strides;
  for (auto [a, s, b, t] : llvm::zip_equal(inner.getStaticOffsets(), inner.getStrides(), op.getStaticOffsets(), op.getStrides())) {
    offsets.push_back(a + b * s);
    strides.push_back(s * t);
  }
  rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), inner.getInput(), ValueRange{}, op.getSizes(), offsets,
                                       op.getStaticSizes(), strides)
      ->setLoc(rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}));
  return success();
}

// gather(x, i) -> reshape(slice(x, i)), for one constant index
static LogicalResult gatherOfOne(GatherOp op, PatternRewriter &rewriter) {
  auto index = splatOf(op.getIndices());
  RankedTensorType from = op.getInput().getType(), indices = op.getIndices().getType();
  int64_t axis = op.getAxis(), size = from.getDimSize(axis);
  if (!index || !indices.hasStaticShape() || indices.getNumElements() != 1 || ShapedType::isDynamic(size))
    return rewriter.notifyMatchFailure(op, "the indices are not one constant, or the axis has no static size");
  int64_t at = *index < 0 ? *index + size : *index;
  if (at < 0 || at >= size)
    return rewriter.notifyMatchFailure(op, "the index is outside of the axis");
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, op.getLoc(), op.getInput());
  sizes[axis] = rewriter.getIndexAttr(1);
  SmallVector<Value> dynamic;
  SmallVector<int64_t> statics, offsets(from.getRank(), 0), strides(from.getRank(), 1);
  dispatchIndexOpFoldResults(sizes, dynamic, statics);
  offsets[axis] = at;
  Value slice = SliceOp::create(rewriter, op.getLoc(), RankedTensorType::get(statics, from.getElementType()), op.getInput(),
                                ValueRange(), dynamic, offsets, statics, strides);
  sizes.erase(sizes.begin() + axis);
  sizes.insert(sizes.begin() + axis, indices.getRank(), rewriter.getIndexAttr(1));
  rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), slice, sizes));
  return success();
}

// concat(slice(x, 0..a), slice(x, a..b), ..) along one axis, together all of x -> x
static LogicalResult concatOfSlices(ConcatOp op, PatternRewriter &rewriter) {
  int64_t axis = op.getAxis(), next = 0;
  Value whole;
  for (Value input : op.getInputs()) {
    auto slice = input.getDefiningOp<SliceOp>();
    if (!slice || (whole && slice.getInput() != whole) || slice.getStaticOffsets()[axis] != next ||
        llvm::any_of(slice.getStrides(), [](int64_t s) { return s != 1; }))
      return rewriter.notifyMatchFailure(op, "not of adjacent slices of one value");
    whole = slice.getInput();
    for (auto [i, size] : llvm::enumerate(cast<RankedTensorType>(whole.getType()).getShape()))
      if (static_cast<int64_t>(i) != axis && (slice.getType().getDimSize(i) != size || ShapedType::isDynamic(size)))
        return rewriter.notifyMatchFailure(op, "slices of other axes too, or of unknown extent");
    if (slice.getType().isDynamicDim(axis))
      return rewriter.notifyMatchFailure(op, "a slice of unknown length");
    next += slice.getType().getDimSize(axis);
  }
  if (whole.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "not all of the value");
  rewriter.replaceOp(op, whole);
  return success();
}

void mlir::ds::populateMovementPatterns(RewritePatternSet &patterns) {
  patterns.add(mergeTransposes).add(transposeOfUnitAxes).add(mergeReshapes).add(dropIdentityReshape);
  patterns.add(gatherOfOne).add(sliceOfConcat).add(mergeSlices).add(concatOfSlices);
  struct DropBroadcast : RewritePattern {
    DropBroadcast(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
    LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
      return dropBroadcastOfOperand(op, rewriter);
    }
  };
  patterns.add<DropBroadcast>(patterns.getContext());
}
