// Rules and folds of the ops that move elements.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult checkMixed(Operation *op, ValueRange dynamic, ArrayRef<int64_t> statics, StringRef what) {
  auto want = llvm::count_if(statics, ShapedType::isDynamic);
  if (static_cast<int64_t>(dynamic.size()) != want)
    return op->emitOpError() << "has " << dynamic.size() << " dynamic " << what << " for " << want << " places";
  return success();
}

// The product of sizes with constants multiplied first; overflow gives null.
static AffineExpr product(ArrayRef<AffineExpr> dims, MLIRContext *context) {
  int64_t factor = 1;
  AffineExpr rest = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims) {
    if (auto c = constantOf(dim)) {
      if (llvm::MulOverflow(factor, *c, factor))
        return nullptr;
    } else {
      rest = rest * dim;
    }
  }
  return factor == 0 ? getAffineConstantExpr(0, context) : rest * factor;
}

LogicalResult ReshapeOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (failed(checkMixed(*this, getSizes(), getStaticSizes(), "sizes")))
    return failure();
  Dims from = shapes.dims(getInput()), to = shapes.mixed(getSizes(), getStaticSizes());
  AffineExpr a = product(from, getContext()), b = product(to, getContext());
  if (!a || !b)
    return emitOpError("C1: the number of elements overflows 64 bits");
  if (failed(checkEqual(*this, a, b, "C1: the numbers of elements before and after")))
    return failure();
  results.push_back(std::move(to));
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getType() && getType().getNumDynamicDims() <= 1)
    return getInput();
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput()); elements && getType().hasStaticShape())
    return elements.reshape(getType());
  return {};
}

LogicalResult BroadcastOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (failed(checkMixed(*this, getSizes(), getStaticSizes(), "sizes")))
    return failure();
  Dims from = shapes.dims(getInput()), to = shapes.mixed(getSizes(), getStaticSizes());
  if (from.size() > to.size())
    return emitOpError("C1: the target has fewer axes than the operand");
  for (auto [i, dim] : llvm::enumerate(from))
    if (constantOf(dim) != 1 &&
        failed(checkEqual(*this, dim, to[to.size() - from.size() + i], "C1: operand and target size")))
      return failure();
  results.push_back(std::move(to));
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getType() && getType().hasStaticShape())
    return getInput();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getInput());
      splat && getType().hasStaticShape() && getType().getNumElements() <= 64)
    return splat.resizeSplat(getType());
  return {};
}

LogicalResult TransposeOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims from = shapes.dims(getInput());
  if (from.size() != getPermutation().size() || !isPermutationVector(getPermutation()))
    return emitOpError("C1: not a permutation of the operand's ") << from.size() << " axes";
  results.push_back(llvm::map_to_vector(getPermutation(), [&](int64_t axis) { return from[axis]; }));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getInput();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getInput()); splat && getType().hasStaticShape())
    return splat.resizeSplat(getType());
  return {};
}

LogicalResult SliceOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (failed(checkMixed(*this, getOffsets(), getStaticOffsets(), "offsets")) ||
      failed(checkMixed(*this, getSizes(), getStaticSizes(), "sizes")))
    return failure();
  Dims from = shapes.dims(getInput());
  if (getStaticOffsets().size() != from.size() || getStaticSizes().size() != from.size() || getStrides().size() != from.size())
    return emitOpError("C1: one offset, size and stride for each of the operand's ") << from.size() << " axes";
  for (auto [axis, dim] : llvm::enumerate(from)) {
    int64_t offset = getStaticOffsets()[axis], size = getStaticSizes()[axis], stride = getStrides()[axis], last;
    if (stride == 0)
      return emitOpError("C1: a stride is zero");
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(size) || size == 0)
      continue;
    if (llvm::MulOverflow(size - 1, stride, last) || llvm::AddOverflow(last, offset, last) || offset < 0 || last < 0 ||
        std::max(last, offset) >= constantOf(dim).value_or(INT64_MAX))
      return emitOpError("C2: axis ") << axis << " reads outside of the operand";
  }
  results.push_back(shapes.mixed(getSizes(), getStaticSizes()));
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole = getInput().getType() == getType() && getType().hasStaticShape() &&
               llvm::all_of(getStaticOffsets(), [](int64_t o) { return o == 0; }) &&
               llvm::all_of(getStrides(), [](int64_t s) { return s == 1; });
  return whole ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult ConcatOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (getInputs().empty())
    return emitOpError("C1: there is no operand");
  int64_t axis = getAxis();
  Dims result = shapes.dims(getInputs().front());
  if (axis < 0 || axis >= static_cast<int64_t>(result.size()))
    return emitOpError("C2: axis ") << axis << " of rank " << result.size();
  for (Value input : getInputs().drop_front()) {
    Dims dims = shapes.dims(input);
    if (dims.size() != result.size())
      return emitOpError("C1: operands have different ranks");
    for (size_t i = 0; i < dims.size(); ++i) {
      if (static_cast<int64_t>(i) == axis) {
        result[i] = result[i] + dims[i];
        continue;
      }
      if (failed(checkEqual(*this, result[i], dims[i], "C1: sizes of axis " + Twine(i))))
        return failure();
      if (constantOf(dims[i]))
        result[i] = dims[i];
    }
  }
  results.push_back(std::move(result));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 && getInputs().front().getType() == getType() ? OpFoldResult(getInputs().front())
                                                                               : OpFoldResult();
}

LogicalResult PadOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (failed(checkMixed(*this, getLow(), getStaticLow(), "low pads")) ||
      failed(checkMixed(*this, getHigh(), getStaticHigh(), "high pads")))
    return failure();
  Dims dims = shapes.dims(getInput()), low = shapes.mixed(getLow(), getStaticLow()), high = shapes.mixed(getHigh(), getStaticHigh());
  if (low.size() != dims.size() || high.size() != dims.size())
    return emitOpError("C1: one low and one high pad for each of the operand's ") << dims.size() << " axes";
  if (getValue().getType().hasStaticShape() && getValue().getType().getNumElements() != 1)
    return emitOpError("C2: the padding value has not one element");
  for (size_t i = 0; i < dims.size(); ++i)
    dims[i] = dims[i] + low[i] + high[i];
  results.push_back(std::move(dims));
  return success();
}

LogicalResult IotaOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (getStaticSizes().size() != 1 || failed(checkMixed(*this, getSizes(), getStaticSizes(), "sizes")))
    return emitOpError("C1: one size");
  results.push_back(shapes.mixed(getSizes(), getStaticSizes()));
  return success();
}
