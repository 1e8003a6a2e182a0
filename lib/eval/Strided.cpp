// Copies of elements by strides: what transposes, slices and broadcasts have in common.
#include "lib/eval/Elements.h"
#include <cstring>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

int64_t eval::product(ArrayRef<int64_t> shape) {
  int64_t result = 1;
  for (int64_t size : shape)
    result *= size;
  return result;
}

Shape eval::stridesOf(ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (int64_t i = static_cast<int64_t>(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

Shape eval::broadcastStrides(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  Shape own = stridesOf(from), strides(to.size(), 0);
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1)
      strides[to.size() - from.size() + i] = own[i];
  return strides;
}

void eval::copyElement(char *to, const char *from, unsigned width) {
  switch (width) {
  case 1:
    *to = *from;
    return;
  case 2:
    std::memcpy(to, from, 2);
    return;
  case 4:
    std::memcpy(to, from, 4);
    return;
  default:
    std::memcpy(to, from, width);
  }
}

FailureOr<Tensor> eval::gatherStrided(const Tensor &from, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                                      int64_t start) {
  FailureOr<Tensor> result = Tensor::allocate(from.elementType(), shape, maxTensorBytes);
  if (failed(result) || result->numElements() == 0)
    return result;
  int64_t width = elementBytes(from.elementType());
  char *to = result->mutableBytes().data();
  const char *base = from.bytes().data();
  // The longest run of trailing axes that lie next to each other moves as one block.
  int64_t block = 1;
  while (!shape.empty() && (shape.back() == 1 || strides.back() == block)) {
    block *= shape.back();
    shape = shape.drop_back();
    strides = strides.drop_back();
  }
  forEachOffset(shape, strides, start, [&](int64_t offset) {
    if (block == 1)
      copyElement(to, base + offset * width, width);
    else
      std::memcpy(to, base + offset * width, block * width);
    to += block * width;
  });
  return result;
}

FailureOr<Tensor> eval::permuted(const Tensor &from, ArrayRef<int64_t> permutation) {
  Shape own = stridesOf(from.shape()), shape, strides;
  for (int64_t axis : permutation) {
    shape.push_back(from.shape()[axis]);
    strides.push_back(own[axis]);
  }
  return gatherStrided(from, shape, strides);
}

FailureOr<Tensor> eval::broadcasted(const Tensor &from, ArrayRef<int64_t> shape) {
  if (from.shape() == shape)
    return from;
  return gatherStrided(from, shape, broadcastStrides(from.shape(), shape));
}
