// What the stop `groups` has besides scalars and kernels: calls, loops over tensors (linalg), slices and destinations.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/eval/Body.h"
#include "lib/eval/Call.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
LogicalResult evalCall(func::CallOp op, Call &call) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  if (!callee)
    return call.error() << "calls '" << op.getCallee() << "', which is not there";
  FailureOr<SmallVector<Tensor>> results = evaluate(callee, call.operands, call.context);
  if (failed(results))
    return failure();
  call.results = std::move(*results);
  return success();
}

LogicalResult evalTensorConstant(arith::ConstantOp op, Call &call) {
  auto elements = dyn_cast<ElementsAttr>(op.getValue());
  return elements ? call.give(Tensor::fromAttr(elements)) : call.error() << "is no tensor";
}

LogicalResult evalEmpty(tensor::EmptyOp op, Call &call) {
  return call.give(
      Tensor::allocate(call.elementType(), call.mixed(op.getDynamicSizes(), op.getType().getShape()), maxTensorBytes));
}

// Shapes of results whose axes of size 1 may be left out.
Shape droppedTo(RankedTensorType type, ArrayRef<int64_t> sizes, const llvm::SmallBitVector &dropped) {
  Shape shape;
  for (auto [i, size] : llvm::enumerate(sizes))
    if (!dropped.test(i))
      shape.push_back(size);
  return shape;
}

LogicalResult checkSlice(Call &call, ArrayRef<int64_t> from, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                         ArrayRef<int64_t> strides) {
  for (auto [axis, offset, size, stride] : llvm::enumerate(offsets, sizes, strides))
    if (size < 0 || (size > 0 && (offset < 0 || stride < 0 || offset + (size - 1) * stride >= from[axis])))
      return call.error() << "takes " << size << " elements from " << offset << " in steps of " << stride << " of axis "
                          << axis << ", which has size " << from[axis];
  return success();
}

LogicalResult evalExtractSlice(tensor::ExtractSliceOp op, Call &call) {
  const Tensor &input = call.operands[0];
  Shape offsets = call.mixed(op.getOffsets(), op.getStaticOffsets()),
        sizes = call.mixed(op.getSizes(), op.getStaticSizes()),
        steps = call.mixed(op.getStrides(), op.getStaticStrides()), strides = stridesOf(input.shape());
  if (failed(checkSlice(call, input.shape(), offsets, sizes, steps)))
    return failure();
  int64_t start = 0;
  for (auto [stride, offset, step] : llvm::zip_equal(strides, offsets, steps)) {
    start += offset * stride;
    stride *= step;
  }
  FailureOr<Tensor> slice = gatherStrided(input, sizes, strides, product(sizes) ? start : 0);
  if (failed(slice))
    return call.give(failure());
  return call.give(slice->reshaped(droppedTo(op.getType(), sizes, op.getDroppedDims())));
}

LogicalResult evalInsertSlice(tensor::InsertSliceOp op, Call &call) {
  const Tensor &source = call.operands[0], &into = call.operands[1];
  Shape offsets = call.mixed(op.getOffsets(), op.getStaticOffsets()),
        sizes = call.mixed(op.getSizes(), op.getStaticSizes()),
        steps = call.mixed(op.getStrides(), op.getStaticStrides()), strides = stridesOf(into.shape());
  if (failed(checkSlice(call, into.shape(), offsets, sizes, steps)))
    return failure();
  if (product(sizes) != source.numElements())
    return call.error() << "inserts " << source.numElements() << " elements where there is room for " << product(sizes);
  FailureOr<Tensor> result = gatherStrided(into, into.shape(), strides);
  if (failed(result))
    return call.give(failure());
  int64_t start = 0;
  for (auto [stride, offset, step] : llvm::zip_equal(strides, offsets, steps)) {
    start += offset * stride;
    stride *= step;
  }
  unsigned width = elementBytes(into.elementType());
  const char *from = source.bytes().data();
  forEachOffset(sizes, strides, start, [&](int64_t offset) {
    copyElement(result->mutableBytes().data() + offset * width, from, width);
    from += width;
  });
  return call.give(result);
}

LogicalResult evalReassociation(Operation *op, Call &call, RankedTensorType type) {
  Shape shape(type.getShape());
  // Of each group of axes at most one is dynamic; it is what the others leave.
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    for (auto [size, group] : llvm::zip_equal(shape, collapse.getReassociationIndices())) {
      size = 1;
      for (int64_t axis : group)
        size *= call.operands[0].shape()[axis];
    }
  } else {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    shape = call.mixed(expand.getOutputShape(), expand.getStaticOutputShape());
  }
  if (product(shape) != call.operands[0].numElements())
    return call.error() << "changes the number of elements";
  return call.give(call.operands[0].reshaped(shape));
}
LogicalResult evalCollapse(tensor::CollapseShapeOp op, Call &call) {
  return evalReassociation(op, call, op.getResultType());
}
LogicalResult evalExpand(tensor::ExpandShapeOp op, Call &call) {
  return evalReassociation(op, call, op.getResultType());
}

// How one operand of a linalg op is walked: its offset at the origin and what each loop adds.
struct Walk {
  int64_t start = 0;
  Shape strides;
};

bool isLinear(AffineExpr expr) {
  return !expr.walk([](AffineExpr e) {
                return e.getKind() == AffineExprKind::Mod || e.getKind() == AffineExprKind::FloorDiv ||
                               e.getKind() == AffineExprKind::CeilDiv
                           ? WalkResult::interrupt()
                           : WalkResult::advance();
              })
              .wasInterrupted();
}

Walk walkOf(AffineMap map, ArrayRef<int64_t> shape) {
  Walk walk;
  Shape strides = stridesOf(shape), origin(map.getNumDims(), 0);
  SmallVector<int64_t, 4> base = map.compose(origin);
  for (auto [stride, at] : llvm::zip_equal(strides, base))
    walk.start += stride * at;
  for (unsigned loop = 0; loop < map.getNumDims(); ++loop) {
    Shape unit(origin);
    unit[loop] = 1;
    int64_t &stride = walk.strides.emplace_back(0);
    for (auto [axis, at] : llvm::enumerate(map.compose(unit)))
      stride += strides[axis] * (at - base[axis]);
  }
  return walk;
}

// Loop sizes, from the axes that loops walk alone.
FailureOr<Shape> loopSizes(linalg::LinalgOp op, Call &call) {
  Shape sizes(op.getNumLoops(), -1);
  for (OpOperand &operand : op->getOpOperands()) {
    ArrayRef<int64_t> shape = call.operands[operand.getOperandNumber()].shape();
    for (auto [axis, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      if (!isLinear(expr))
        return call.error() << "cannot be evaluated: an indexing map is not linear";
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      int64_t &size = sizes[dim.getPosition()];
      if (size >= 0 && size != shape[axis])
        return call.error() << "has operands of sizes " << size << " and " << shape[axis] << " along loop "
                            << dim.getPosition();
      size = shape[axis];
    }
  }
  if (llvm::is_contained(sizes, -1))
    return call.error() << "cannot be evaluated: no operand gives the size of a loop";
  return sizes;
}

// Whether every position of the loops is inside of the operand.
bool isInside(AffineMap map, ArrayRef<int64_t> loops, ArrayRef<int64_t> shape) {
  if (product(loops) == 0)
    return true;
  Shape low(loops.size(), 0), high(loops);
  for (int64_t &size : high)
    --size;
  for (auto [first, last, size] : llvm::zip_equal(map.compose(low), map.compose(high), shape))
    if (std::min(first, last) < 0 || std::max(first, last) >= size)
      return false;
  return true;
}

LogicalResult evalLinalg(Call &call) {
  auto op = cast<linalg::LinalgOp>(call.op);
  FailureOr<Shape> loops = loopSizes(op, call);
  if (failed(loops))
    return failure();
  FailureOr<Body> body = Body::decode(*op.getBlock(), call.outside);
  if (failed(body))
    return failure();
  SmallVector<Walk> walks;
  std::vector<std::vector<Scalar>> elements;
  for (OpOperand &operand : op->getOpOperands()) {
    const Tensor &tensor = call.operands[operand.getOperandNumber()];
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!isInside(map, *loops, tensor.shape()))
      return call.error() << "reaches outside of operand " << operand.getOperandNumber();
    walks.push_back(walkOf(map, tensor.shape()));
    elements.push_back(tensor.rank() || isa<TensorType>(operand.get().getType())
                           ? toScalars(tensor)
                           : std::vector<Scalar>{scalarOf(tensor)});
  }
  size_t inputs = op.getNumDpsInputs(), operands = walks.size();
  SmallVector<int64_t> offsets = llvm::map_to_vector(walks, [](const Walk &walk) { return walk.start; });
  SmallVector<Scalar> arguments(operands);
  Shape position(loops->size(), 0);
  for (int64_t left = product(*loops); left > 0; --left) {
    for (size_t i = 0; i < operands; ++i)
      arguments[i] = elements[i][offsets[i]];
    if (failed(body->run(arguments, position)))
      return failure();
    for (size_t i = inputs; i < operands; ++i)
      elements[i][offsets[i]] = body->results()[i - inputs];
    for (int64_t loop = static_cast<int64_t>(loops->size()) - 1; loop >= 0; --loop) {
      bool wraps = ++position[loop] == (*loops)[loop];
      for (size_t i = 0; i < operands; ++i)
        offsets[i] += walks[i].strides[loop] * (wraps ? 1 - (*loops)[loop] : 1);
      if (!wraps)
        break;
      position[loop] = 0;
    }
  }
  for (size_t i = inputs; i < operands; ++i)
    if (failed(call.give(fromScalars(call.elementType(i - inputs), call.operands[i].shape(), elements[i]))))
      return failure();
  return success();
}
} // namespace

void eval::addGroups(OpTable &table) {
  table.add<func::CallOp>(evalCall);
  table.add<arith::ConstantOp>(evalTensorConstant);
  table.add<tensor::EmptyOp>(evalEmpty);
  table.add<tensor::ExtractSliceOp>(evalExtractSlice);
  table.add<tensor::InsertSliceOp>(evalInsertSlice);
  table.add<tensor::CollapseShapeOp>(evalCollapse);
  table.add<tensor::ExpandShapeOp>(evalExpand);
  for (StringRef name : {"generic", "fill", "transpose", "broadcast", "map", "reduce", "copy"})
    table.add(("linalg." + name).str(), evalLinalg);
}
