// A tensor's contents while compiling: what weights, constants and interpreted values are handed around as.
#pragma once
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>

namespace mlir::ds {

// Row-major little-endian elements. A bool is one byte (0 or 1), an `index` eight. Copies share the bytes; whoever writes
// (`mutableBytes`) must be the one who allocated.
class Tensor {
public:
  Tensor() = default;
  // Zeros. Fails when the byte size overflows or exceeds `limit`.
  static FailureOr<Tensor> allocate(Type elementType, ArrayRef<int64_t> shape, int64_t limit = INT64_MAX);
  // Bytes that outlive the tensor, or that `owner` keeps alive. Their count must be `byteSize(...)`.
  static Tensor borrow(Type elementType, ArrayRef<int64_t> shape, ArrayRef<char> bytes, std::shared_ptr<const void> owner = nullptr);
  // A copy of an attribute's elements (splats are expanded). Fails for attributes without dense elements.
  static FailureOr<Tensor> fromAttr(ElementsAttr attr);
  // Of a rank-0 tensor of type index.
  static Tensor ofIndex(int64_t value, MLIRContext *context);

  Type elementType() const { return element; }
  ArrayRef<int64_t> shape() const { return sizes; }
  int64_t rank() const { return sizes.size(); }
  int64_t numElements() const { return count; }
  RankedTensorType type() const { return RankedTensorType::get(sizes, element); }
  DenseElementsAttr toAttr() const;

  ArrayRef<char> bytes() const { return {data, size}; }
  MutableArrayRef<char> mutableBytes() { return {const_cast<char *>(data), size}; }
  // The elements as a C++ type of the same width.
  template <typename T>
  ArrayRef<T> as() const {
    return {reinterpret_cast<const T *>(data), size / sizeof(T)};
  }
  template <typename T>
  MutableArrayRef<T> asMutable() {
    return {reinterpret_cast<T *>(const_cast<char *>(data)), size / sizeof(T)};
  }
  // The same elements in another shape of as many.
  Tensor reshaped(ArrayRef<int64_t> shape) const;
  // One element, converted. Integers by value (unsigned ones zero-extended), floats to double (or truncated to an integer).
  double getF64(int64_t i) const;
  int64_t getI64(int64_t i) const;

  explicit operator bool() const { return static_cast<bool>(element); }

private:
  Type element;
  SmallVector<int64_t> sizes;
  int64_t count = 0;
  const char *data = nullptr;
  size_t size = 0;
  std::shared_ptr<const void> owner;
};

// Bytes of one element: bools and sub-byte integers take one.
unsigned elementBytes(Type elementType);
// Bytes of a tensor; nullopt when a size is negative (or dynamic) or the product overflows.
std::optional<int64_t> byteSize(Type elementType, ArrayRef<int64_t> shape);

} // namespace mlir::ds
