// Rules of reductions, scans and selection.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult checkAxis(Operation *op, int64_t axis, size_t rank) {
  if (axis < 0 || axis >= static_cast<int64_t>(rank))
    return op->emitOpError("C1: axis ") << axis << " of rank " << rank;
  return success();
}

static Dims reduced(ShapeContext &shapes, Dims dims, ArrayRef<int64_t> axes, bool keepdims) {
  Dims result;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      result.push_back(dim);
    else if (keepdims)
      result.push_back(shapes.constant(1));
  }
  return result;
}

LogicalResult ReduceOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  int64_t previous = -1;
  for (int64_t axis : getAxes()) {
    if (axis <= previous || axis >= static_cast<int64_t>(input.size()))
      return emitOpError("C1: axes are not sorted, different and below rank ") << input.size();
    previous = axis;
  }
  results.push_back(reduced(shapes, input, getAxes(), getKeepdims()));
  return success();
}

LogicalResult ArgReduceOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  if (getKind() != ReduceKind::max && getKind() != ReduceKind::min)
    return emitOpError("C1: the kind is neither max nor min");
  int64_t axis = getAxis();
  results.push_back(reduced(shapes, input, axis, getKeepdims()));
  return success();
}

LogicalResult ScanOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  if (getKind() != ReduceKind::sum && getKind() != ReduceKind::prod)
    return emitOpError("C1: the kind is neither sum nor prod");
  results.push_back(std::move(input));
  return success();
}

LogicalResult TopKOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  if (getStaticK().size() != 1 || getK().size() != (ShapedType::isDynamic(getStaticK()[0]) ? 1u : 0u))
    return emitOpError("C2: one size k");
  AffineExpr k = shapes.mixed(getK(), getStaticK())[0];
  if (auto size = constantOf(input[getAxis()]), count = constantOf(k); size && count && *count > *size)
    return emitOpError("C2: k = ") << *count << " exceeds the axis of size " << *size;
  input[getAxis()] = k;
  results.push_back(input);
  results.push_back(std::move(input));
  return success();
}
