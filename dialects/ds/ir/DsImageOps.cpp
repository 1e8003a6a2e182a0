// Rules of resampling.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult ResizeOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  size_t rank = shapes.dims(getInput()).size();
  if (getStaticSizes().size() != rank || getScales().size() != rank)
    return emitOpError("C1: one size and one scale for each of the operand's ") << rank << " axes";
  results.push_back(shapes.mixed(getSizes(), getStaticSizes()));
  return success();
}
