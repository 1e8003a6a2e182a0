// Resolution of views.
#include "lib/target/common/Views.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/support/OnnxLoc.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::ds;

bool mlir::ds::isTransposition(linalg::GenericOp op) {
  if (op.getNumReductionLoops() || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1)
    return false;
  Operation *yield = op.getBody()->getTerminator();
  return &op.getBody()->front() == yield && yield->getOperand(0) == op.getBody()->getArgument(0) &&
         op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isPermutation() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation();
}

static FailureOr<StridedView> contiguousView(Emitter &e, Value base, Value shaped, Value offset) {
  FailureOr<Emitter::Indices> shape = e.shape(shaped);
  if (failed(shape))
    return failure();
  StridedView view{base, offset, Emitter::Indices(shape->size()), true};
  Value stride = e.constant(base.getLoc(), 1);
  for (size_t axis = shape->size(); axis-- > 0;) {
    view.strides[axis] = stride;
    stride = e.mul(base.getLoc(), stride, (*shape)[axis]);
  }
  return view;
}

static FailureOr<StridedView> sliceView(Emitter &e, tensor::ExtractSliceOp slice) {
  FailureOr<StridedView> source = viewOf(e, slice.getSource());
  if (failed(source))
    return failure();
  Location loc = slice.getLoc();
  StridedView view{source->base, source->offset, {}, false};
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  auto value = [&](OpFoldResult ofr) -> FailureOr<Value> {
    if (auto attr = dyn_cast<Attribute>(ofr))
      return e.constant(loc, cast<IntegerAttr>(attr).getInt());
    return e.scalar(cast<Value>(ofr));
  };
  for (auto [axis, offset, step] : llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
    FailureOr<Value> o = value(offset), s = value(step);
    if (failed(o) || failed(s))
      return failure();
    view.offset = e.add(loc, view.offset, e.mul(loc, *o, source->strides[axis]));
    if (!dropped[axis])
      view.strides.push_back(e.mul(loc, *s, source->strides[axis]));
  }
  return view;
}

FailureOr<StridedView> mlir::ds::viewOf(Emitter &e, Value tensor) {
  if (e.isBound(tensor))
    return contiguousView(e, tensor, tensor, e.constant(tensor.getLoc(), 0));
  Operation *op = tensor.getDefiningOp();
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op))
    return sliceView(e, slice);
  if (auto reshape = dyn_cast_or_null<dsk::ReshapeOp>(op)) {
    FailureOr<StridedView> source = viewOf(e, reshape.getInput());
    if (succeeded(source) && source->contiguous)
      return contiguousView(e, source->base, tensor, source->offset);
  }
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op); generic && isTransposition(generic)) {
    FailureOr<StridedView> source = viewOf(e, generic.getDpsInputs()[0]);
    if (failed(source))
      return failure();
    AffineMap in = generic.getMatchingIndexingMap(generic.getDpsInputOperand(0));
    AffineMap out = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
    StridedView view{source->base, source->offset, Emitter::Indices(source->strides.size()), false};
    AffineMap toIn = in.compose(inversePermutation(out)); // result axes -> operand axes
    for (auto [axis, expr] : llvm::enumerate(toIn.getResults()))
      view.strides[cast<AffineDimExpr>(expr).getPosition()] = source->strides[axis];
    return view;
  }
  emitError(tensor.getLoc()) << "not supported by code generation: " << describe(tensor.getLoc()) << ": a kernel operand that is no view of a buffer";
  return failure();
}
