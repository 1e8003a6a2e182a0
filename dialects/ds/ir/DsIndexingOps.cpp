// Rules of gathers and scatters.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult checkAxis(Operation *op, int64_t axis, size_t rank) {
  if (axis < 0 || axis >= static_cast<int64_t>(rank))
    return op->emitOpError("C1: axis ") << axis << " of rank " << rank;
  return success();
}

LogicalResult GatherOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), indices = shapes.dims(getIndices());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  Dims result(input.begin(), input.begin() + getAxis());
  llvm::append_range(result, indices);
  result.append(input.begin() + getAxis() + 1, input.end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult GatherElementsOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), indices = shapes.dims(getIndices());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  if (input.size() != indices.size())
    return emitOpError("C2: ranks ") << input.size() << " and " << indices.size() << " differ";
  results.push_back(std::move(indices));
  return success();
}

LogicalResult GatherNdOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), indices = shapes.dims(getIndices());
  int64_t batch = getBatchDims();
  if (batch < 0 || batch >= static_cast<int64_t>(std::min(input.size(), indices.size())))
    return emitOpError("C2: batch_dims ") << batch << " with ranks " << input.size() << " and " << indices.size();
  auto depth = constantOf(indices.back());
  if (!depth || *depth < 0 || *depth > static_cast<int64_t>(input.size()) - batch)
    return emitOpError("C1: the index tuples have no static length of at most ") << input.size() - batch;
  Dims result(indices.begin(), indices.end() - 1);
  result.append(input.begin() + batch + *depth, input.end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult ScatterElementsOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), indices = shapes.dims(getIndices()), updates = shapes.dims(getUpdates());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  if (indices.size() != input.size() || updates.size() != input.size())
    return emitOpError("C2: ranks differ");
  for (auto [a, b] : llvm::zip_equal(indices, updates))
    if (failed(checkEqual(*this, a, b, "C2: sizes of indices and updates")))
      return failure();
  results.push_back(std::move(input));
  return success();
}

LogicalResult ScatterNdOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), indices = shapes.dims(getIndices());
  if (indices.empty())
    return emitOpError("C1: indices have no axis");
  auto depth = constantOf(indices.back());
  if (!depth || *depth < 0 || *depth > static_cast<int64_t>(input.size()))
    return emitOpError("C1: the index tuples have no static length of at most ") << input.size();
  results.push_back(std::move(input));
  return success();
}

LogicalResult NonZeroOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  results.push_back({shapes.constant(input.size()), shapes.unknown(*this, 0)});
  return success();
}
