// Tensor elements as C++ numbers: every op computes on `double`, `int64_t` or `uint64_t` and rounds when it stores.
#pragma once
#include "lib/analysis/TensorValue.h"
#include "llvm/ADT/STLExtras.h"
#include <array>
#include <vector>

namespace mlir::ds::eval {

using Shape = SmallVector<int64_t>;

// No tensor of the interpreter exceeds this many bytes; bigger ones are an error of the model, not an abort.
constexpr int64_t maxTensorBytes = int64_t(1) << 34;

// The elements widened to T. Bools are 0 and 1; unsigned integers are zero-extended.
template <typename T> std::vector<T> load(const Tensor &tensor);
// Floats round to nearest even, integers wrap. `values` has one number per element of `shape`.
template <typename T> FailureOr<Tensor> store(Type elementType, ArrayRef<int64_t> shape, const std::vector<T> &values);

extern template std::vector<double> load(const Tensor &);
extern template std::vector<int64_t> load(const Tensor &);
extern template std::vector<uint64_t> load(const Tensor &);
extern template FailureOr<Tensor> store(Type, ArrayRef<int64_t>, const std::vector<double> &);
extern template FailureOr<Tensor> store(Type, ArrayRef<int64_t>, const std::vector<int64_t> &);
extern template FailureOr<Tensor> store(Type, ArrayRef<int64_t>, const std::vector<uint64_t> &);

// Whether integers of this type are compared, divided and extended without a sign (unsigned ones and bools).
bool isUnsigned(Type type);
// The double nearest to `value` that `type` can hold.
double roundTo(FloatType type, double value);
// `value` modulo 2^width, extended again by the type's sign.
int64_t wrapTo(Type type, int64_t value);

// Calls f with a zero of the C++ type that elements of `type` are computed in.
template <typename F> auto dispatch(Type type, F &&f) {
  if (isa<FloatType>(type))
    return f(double());
  if (isUnsigned(type))
    return f(uint64_t());
  return f(int64_t());
}

int64_t product(ArrayRef<int64_t> shape);
// Row-major strides, in elements.
Shape stridesOf(ArrayRef<int64_t> shape);
// Strides under which a tensor of shape `from` is read as one of shape `to` (aligned at the last axis, 0 where it
// repeats).
Shape broadcastStrides(ArrayRef<int64_t> from, ArrayRef<int64_t> to);

// Calls f for the positions of `shape` in row-major order, with the offset under each set of strides.
template <size_t N, typename F>
void forEachOffsets(ArrayRef<int64_t> shape, std::array<ArrayRef<int64_t>, N> strides, std::array<int64_t, N> offsets,
                    F &&f) {
  if (product(shape) == 0)
    return;
  int64_t rank = shape.size();
  Shape at(rank, 0);
  while (true) {
    f(offsets);
    int64_t axis = rank - 1;
    for (; axis >= 0; --axis) {
      bool carry = ++at[axis] == shape[axis];
      for (size_t i = 0; i < N; ++i)
        offsets[i] += carry ? -strides[i][axis] * (shape[axis] - 1) : strides[i][axis];
      if (!carry)
        break;
      at[axis] = 0;
    }
    if (axis < 0)
      return;
  }
}
template <typename F> void forEachOffset(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t start, F &&f) {
  forEachOffsets<1>(shape, {strides}, {start}, [&](const std::array<int64_t, 1> &offsets) { f(offsets[0]); });
}

// A tensor of `shape` whose element at i is `from`'s element at start + sum i * strides. Everything read is inside
// `from`.
FailureOr<Tensor> gatherStrided(const Tensor &from, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                                int64_t start = 0);
// Result axis i is axis permutation[i].
FailureOr<Tensor> permuted(const Tensor &from, ArrayRef<int64_t> permutation);
FailureOr<Tensor> broadcasted(const Tensor &from, ArrayRef<int64_t> shape);
// Copies elements of `width` bytes.
void copyElement(char *to, const char *from, unsigned width);

} // namespace mlir::ds::eval
