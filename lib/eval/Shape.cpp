// Ops that move elements without looking at them.
#include "lib/eval/Call.h"
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
LogicalResult evalReshape(ReshapeOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  return call.give(call[op.getInput()].reshaped(*shape));
}

LogicalResult evalBroadcast(BroadcastOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  return call.give(broadcasted(call[op.getInput()], *shape));
}

LogicalResult evalTranspose(TransposeOp op, Call &call) {
  return call.give(permuted(call[op.getInput()], op.getPermutation()));
}

LogicalResult evalSlice(SliceOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  Shape offsets = call.mixed(op.getOffsets(), op.getStaticOffsets()),
        sizes = call.mixed(op.getSizes(), op.getStaticSizes());
  Shape strides = stridesOf(input.shape());
  int64_t start = 0;
  for (int64_t axis = 0; axis < input.rank(); ++axis) {
    int64_t step = op.getStrides()[axis], last;
    if (sizes[axis] < 0)
      return call.error() << "has the negative size " << sizes[axis] << " on axis " << axis;
    if (sizes[axis] == 0)
      continue;
    if (llvm::MulOverflow(sizes[axis] - 1, step, last) || llvm::AddOverflow(last, offsets[axis], last) ||
        std::min(last, offsets[axis]) < 0 || std::max(last, offsets[axis]) >= input.shape()[axis])
      return call.error() << "reads elements " << offsets[axis] << " to " << last << " of axis " << axis
                          << ", which has size " << input.shape()[axis];
    start += offsets[axis] * strides[axis];
    strides[axis] *= step;
  }
  return call.give(gatherStrided(input, sizes, strides, start));
}

LogicalResult evalConcat(ConcatOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), *shape, maxTensorBytes);
  if (failed(result))
    return call.give(failure());
  ArrayRef<int64_t> sizes(*shape);
  int64_t outer = product(sizes.take_front(op.getAxis())), width = elementBytes(call.elementType());
  int64_t row = product(sizes.drop_front(op.getAxis())) * width, at = 0;
  for (const Tensor &input : call.operands) {
    int64_t part = product(input.shape().drop_front(op.getAxis())) * width;
    for (int64_t i = 0; i < outer && part; ++i)
      std::memcpy(result->mutableBytes().data() + i * row + at, input.bytes().data() + i * part, part);
    at += part;
  }
  return call.give(result);
}

// The operand's index that a padded index reads, or -1 for the padding value.
int64_t paddedSource(PadMode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size)
    return i;
  switch (mode) {
  case PadMode::constant:
    return -1;
  case PadMode::edge:
    return i < 0 ? 0 : size - 1;
  case PadMode::wrap:
    return (i % size + size) % size;
  case PadMode::reflect: {
    int64_t period = std::max<int64_t>(2 * (size - 1), 1);
    int64_t at = (i % period + period) % period;
    return size == 1 ? 0 : std::min(at, period - at);
  }
  }
  return -1;
}

LogicalResult evalPad(PadOp op, Call &call) {
  const Tensor &input = call[op.getInput()], &value = call[op.getValue()];
  Shape low = call.mixed(op.getLow(), op.getStaticLow());
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  if (value.numElements() != 1)
    return call.error() << "C2: the padding value has " << value.numElements() << " elements";
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), *shape, maxTensorBytes);
  if (failed(result))
    return call.give(failure());
  if (op.getMode() != PadMode::constant && input.numElements() == 0 && result->numElements() != 0)
    return call.error() << "pads an operand without elements by mode " << stringifyPadMode(op.getMode());
  int64_t rank = input.rank(), width = elementBytes(call.elementType());
  Shape strides = stridesOf(input.shape()), at(rank, 0);
  // Per axis and result index, the offset that it adds, or -1.
  SmallVector<std::vector<int64_t>> offsets(rank);
  for (int64_t axis = 0; axis < rank; ++axis)
    for (int64_t i = 0; i < (*shape)[axis]; ++i) {
      int64_t source = paddedSource(op.getMode(), i - low[axis], input.shape()[axis]);
      offsets[axis].push_back(source < 0 ? -1 : source * strides[axis]);
    }
  char *to = result->mutableBytes().data();
  for (int64_t n = result->numElements(); n > 0; --n, to += width) {
    int64_t source = 0;
    for (int64_t axis = 0; axis < rank && source >= 0; ++axis)
      source = offsets[axis][at[axis]] < 0 ? -1 : source + offsets[axis][at[axis]];
    copyElement(to, source < 0 ? value.bytes().data() : input.bytes().data() + source * width, width);
    for (int64_t axis = rank - 1; axis >= 0 && ++at[axis] == (*shape)[axis]; --axis)
      at[axis] = 0;
  }
  return call.give(result);
}

LogicalResult evalIota(IotaOp op, Call &call) {
  Shape shape = call.mixed(op.getSizes(), op.getStaticSizes());
  if (!byteSize(call.elementType(), shape) || *byteSize(call.elementType(), shape) > maxTensorBytes)
    return call.error() << "has the impossible size " << shape[0];
  if (isa<FloatType>(call.elementType())) {
    std::vector<double> values(shape[0]);
    std::iota(values.begin(), values.end(), 0.0);
    return call.give(shape, values);
  }
  std::vector<int64_t> values(shape[0]);
  std::iota(values.begin(), values.end(), 0);
  return call.give(shape, values);
}
} // namespace

void eval::addShape(OpTable &table) {
  table.add<ReshapeOp>(evalReshape);
  table.add<BroadcastOp>(evalBroadcast);
  table.add<TransposeOp>(evalTranspose);
  table.add<SliceOp>(evalSlice);
  table.add<ConcatOp>(evalConcat);
  table.add<PadOp>(evalPad);
  table.add<IotaOp>(evalIota);
}
