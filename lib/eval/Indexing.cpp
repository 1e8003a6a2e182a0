// Gathers and scatters: elements chosen by index tensors.
#include "lib/eval/Call.h"
#include <cstring>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// Indices with negative ones counted from the end; fails for those outside of `size`.
FailureOr<std::vector<int64_t>> resolve(Call &call, std::vector<int64_t> indices, int64_t size) {
  for (int64_t &index : indices) {
    if (index < -size || index >= size)
      return call.error() << "has the index " << index << " into an axis of size " << size;
    index += index < 0 ? size : 0;
  }
  return indices;
}

LogicalResult evalGather(GatherOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  int64_t axis = op.getAxis(), size = input.shape()[axis];
  FailureOr<Shape> shape = call.inferredShape();
  auto indices = resolve(call, load<int64_t>(call[op.getIndices()]), size);
  if (failed(shape) || failed(indices))
    return failure();
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), *shape, maxTensorBytes);
  if (failed(result))
    return call.give(failure());
  int64_t outer = product(input.shape().take_front(axis));
  int64_t block = product(input.shape().drop_front(axis + 1)) * elementBytes(call.elementType());
  char *to = result->mutableBytes().data();
  for (int64_t i = 0; i < outer && block; ++i)
    for (int64_t index : *indices) {
      std::memcpy(to, input.bytes().data() + (i * size + index) * block, block);
      to += block;
    }
  return call.give(result);
}

// For each position of `indices`, the offset of the element it names in a tensor of shape `from`.
FailureOr<std::vector<int64_t>> elementOffsets(Call &call, const Tensor &indices, ArrayRef<int64_t> from,
                                               int64_t axis) {
  auto resolved = resolve(call, load<int64_t>(indices), from[axis]);
  if (failed(resolved))
    return failure();
  for (auto [i, size] : llvm::enumerate(indices.shape()))
    if (static_cast<int64_t>(i) != axis && size > from[i])
      return call.error() << "has " << size << " indices along axis " << i << ", which has size " << from[i];
  Shape strides = stridesOf(from);
  int64_t step = std::exchange(strides[axis], 0);
  auto at = resolved->begin();
  forEachOffset(indices.shape(), strides, 0, [&](int64_t base) {
    *at = base + *at * step;
    ++at;
  });
  return resolved;
}

LogicalResult evalGatherElements(GatherElementsOp op, Call &call) {
  const Tensor &input = call[op.getInput()], &indices = call[op.getIndices()];
  auto offsets = elementOffsets(call, indices, input.shape(), op.getAxis());
  if (failed(offsets))
    return failure();
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), indices.shape(), maxTensorBytes);
  if (failed(result))
    return call.give(failure());
  unsigned width = elementBytes(call.elementType());
  char *to = result->mutableBytes().data();
  for (int64_t offset : *offsets) {
    copyElement(to, input.bytes().data() + offset * width, width);
    to += width;
  }
  return call.give(result);
}

// The offsets of the slices that index tuples (the last axis of `indices`) name, below `batch` common leading axes.
FailureOr<std::vector<int64_t>> tupleOffsets(Call &call, const Tensor &indices, ArrayRef<int64_t> from, int64_t batch) {
  std::vector<int64_t> values = load<int64_t>(indices), offsets;
  int64_t depth = indices.shape().back(),
          tuples = depth ? indices.numElements() / depth : product(indices.shape().drop_back());
  int64_t batches = product(from.take_front(batch)), perBatch = batches ? tuples / batches : 0;
  Shape strides = stridesOf(from);
  for (int64_t i = 0; i < tuples; ++i) {
    int64_t offset = perBatch ? i / perBatch * product(from.drop_front(batch)) : 0;
    for (int64_t d = 0; d < depth; ++d) {
      int64_t index = values[i * depth + d], size = from[batch + d];
      if (index < -size || index >= size)
        return call.error() << "has the index " << index << " into axis " << batch + d << " of size " << size;
      offset += (index < 0 ? index + size : index) * strides[batch + d];
    }
    offsets.push_back(offset);
  }
  return offsets;
}

LogicalResult evalGatherNd(GatherNdOp op, Call &call) {
  const Tensor &input = call[op.getInput()], &indices = call[op.getIndices()];
  int64_t batch = op.getBatchDims(), depth = indices.shape().back();
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  if (input.shape().take_front(batch) != indices.shape().take_front(batch))
    return call.error() << "has different leading batch sizes";
  auto offsets = tupleOffsets(call, indices, input.shape(), batch);
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), *shape, maxTensorBytes);
  if (failed(offsets))
    return failure();
  if (failed(result))
    return call.give(failure());
  int64_t width = elementBytes(call.elementType()), block = product(input.shape().drop_front(batch + depth)) * width;
  char *to = result->mutableBytes().data();
  for (int64_t offset : *offsets) {
    std::memcpy(to, input.bytes().data() + offset * width, block);
    to += block;
  }
  return call.give(result);
}

template <typename T> T combine(ScatterKind kind, T old, T update) {
  switch (kind) {
  case ScatterKind::set:
    return update;
  case ScatterKind::add:
    return old + update;
  case ScatterKind::mul:
    return old * update;
  case ScatterKind::max:
    return old >= update || old != old ? old : update;
  case ScatterKind::min:
    return old <= update || old != old ? old : update;
  }
  return update;
}

// Blocks of `block` elements of `updates` combined, in order, into `input` at the offsets.
LogicalResult scatter(Call &call, const Tensor &input, const Tensor &updates, ArrayRef<int64_t> offsets, int64_t block,
                      ScatterKind kind) {
  if (updates.numElements() != static_cast<int64_t>(offsets.size()) * block)
    return call.error() << "has " << updates.numElements() << " updates for " << offsets.size() << " slices of "
                        << block << " elements";
  if (kind == ScatterKind::set) {
    int64_t width = elementBytes(input.elementType());
    FailureOr<Tensor> result = gatherStrided(input, input.shape(), stridesOf(input.shape()));
    if (failed(result))
      return call.give(failure());
    for (auto [i, offset] : llvm::enumerate(offsets))
      if (block)
        std::memcpy(result->mutableBytes().data() + offset * width, updates.bytes().data() + i * block * width,
                    block * width);
    return call.give(result);
  }
  return dispatch(input.elementType(), [&](auto zero) {
    using T = decltype(zero);
    // Sums wrap; they are computed without a sign.
    using U = std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>;
    bool ordered = kind == ScatterKind::max || kind == ScatterKind::min;
    std::vector<T> values = load<T>(input), news = load<T>(updates);
    for (auto [i, offset] : llvm::enumerate(offsets))
      for (int64_t j = 0; j < block; ++j) {
        T &value = values[offset + j], update = news[i * block + j];
        value = ordered ? combine<T>(kind, value, update) : static_cast<T>(combine<U>(kind, value, update));
      }
    return call.give(input.shape(), values);
  });
}

LogicalResult evalScatterElements(ScatterElementsOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  auto offsets = elementOffsets(call, call[op.getIndices()], input.shape(), op.getAxis());
  return failed(offsets) ? failure() : scatter(call, input, call[op.getUpdates()], *offsets, 1, op.getKind());
}

LogicalResult evalScatterNd(ScatterNdOp op, Call &call) {
  return scatterTuples(call, call[op.getInput()], call[op.getIndices()], call[op.getUpdates()], op.getKind());
}
LogicalResult evalNonZero(NonZeroOp op, Call &call) { return nonZero(call, call[op.getInput()]); }
} // namespace

LogicalResult eval::scatterTuples(Call &call, const Tensor &input, const Tensor &indices, const Tensor &updates,
                                  ScatterKind kind) {
  auto offsets = tupleOffsets(call, indices, input.shape(), 0);
  if (failed(offsets))
    return failure();
  int64_t block = product(input.shape().drop_front(indices.shape().back()));
  return scatter(call, input, updates, *offsets, block, kind);
}

LogicalResult eval::nonZero(Call &call, const Tensor &input) {
  std::vector<double> values = load<double>(input);
  std::vector<int64_t> found, result;
  for (auto [i, value] : llvm::enumerate(values))
    if (value != 0)
      found.push_back(i);
  for (auto [axis, stride] : llvm::enumerate(stridesOf(input.shape())))
    for (int64_t at : found)
      result.push_back(at / stride % input.shape()[axis]);
  return call.give({input.rank(), static_cast<int64_t>(found.size())}, result);
}

void eval::addIndexing(OpTable &table) {
  table.add<GatherOp>(evalGather);
  table.add<GatherElementsOp>(evalGatherElements);
  table.add<GatherNdOp>(evalGatherNd);
  table.add<ScatterElementsOp>(evalScatterElements);
  table.add<ScatterNdOp>(evalScatterNd);
  table.add<NonZeroOp>(evalNonZero);
}
