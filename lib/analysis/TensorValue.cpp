// Tensor contents: storage, conversion from and to attributes, single elements.
#include "lib/analysis/TensorValue.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::ds;

unsigned mlir::ds::elementBytes(Type elementType) {
  if (isa<IndexType>(elementType))
    return 8;
  if (auto complex = dyn_cast<ComplexType>(elementType))
    return 2 * elementBytes(complex.getElementType());
  return elementType.isIntOrFloat() ? (elementType.getIntOrFloatBitWidth() + 7) / 8 : 0;
}

std::optional<int64_t> mlir::ds::byteSize(Type elementType, ArrayRef<int64_t> shape) {
  int64_t bytes = elementBytes(elementType);
  for (int64_t size : shape)
    if (size < 0 || llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

FailureOr<Tensor> Tensor::allocate(Type elementType, ArrayRef<int64_t> shape, int64_t limit) {
  std::optional<int64_t> bytes = byteSize(elementType, shape);
  if (!bytes || *bytes > limit || elementBytes(elementType) == 0)
    return failure();
  // calloc, so that large zeros cost nothing before they are written.
  void *memory = std::calloc(std::max<int64_t>(*bytes, 1), 1);
  if (!memory)
    return failure();
  std::shared_ptr<const void> owner(memory, [](const void *p) { std::free(const_cast<void *>(p)); });
  return borrow(elementType, shape, {static_cast<const char *>(memory), static_cast<size_t>(*bytes)}, std::move(owner));
}

Tensor Tensor::borrow(Type elementType, ArrayRef<int64_t> shape, ArrayRef<char> bytes, std::shared_ptr<const void> owner) {
  Tensor t;
  t.element = elementType;
  t.sizes.assign(shape.begin(), shape.end());
  t.count = bytes.size() / elementBytes(elementType);
  t.data = bytes.data();
  t.size = bytes.size();
  t.owner = std::move(owner);
  return t;
}

FailureOr<Tensor> Tensor::fromAttr(ElementsAttr attr) {
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense || !dense.getElementType().isIntOrIndexOrFloat())
    return failure();
  FailureOr<Tensor> t = allocate(dense.getElementType(), dense.getType().getShape());
  if (failed(t))
    return failure();
  MutableArrayRef<char> out = t->mutableBytes();
  if (dense.getElementType().isInteger(1)) {
    llvm::copy(dense.getValues<bool>(), out.begin());
    return t;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) {
    std::memcpy(out.data(), raw.data(), std::min(out.size(), raw.size()));
    return t;
  }
  for (size_t at = 0, step = elementBytes(dense.getElementType()); at < out.size(); at += step)
    std::memcpy(out.data() + at, raw.data(), step);
  return t;
}

Tensor Tensor::ofIndex(int64_t value, MLIRContext *context) {
  Tensor t = *allocate(IndexType::get(context), {});
  t.asMutable<int64_t>()[0] = value;
  return t;
}

DenseElementsAttr Tensor::toAttr() const {
  if (element.isInteger(1))
    return DenseElementsAttr::get(type(), ArrayRef<bool>(reinterpret_cast<const bool *>(data), size));
  return DenseElementsAttr::getFromRawBuffer(type(), bytes());
}

Tensor Tensor::reshaped(ArrayRef<int64_t> shape) const {
  Tensor t = *this;
  t.sizes.assign(shape.begin(), shape.end());
  return t;
}

static uint64_t bitsAt(const char *data, unsigned bytes, int64_t i) {
  uint64_t bits = 0;
  std::memcpy(&bits, data + i * bytes, bytes);
  return bits;
}

int64_t Tensor::getI64(int64_t i) const {
  if (isa<FloatType>(element))
    return static_cast<int64_t>(getF64(i));
  unsigned bytes = elementBytes(element);
  uint64_t bits = bitsAt(data, bytes, i);
  bool isSigned = !element.isInteger(1) && !element.isUnsignedInteger();
  return isSigned ? llvm::SignExtend64(bits, bytes * 8) : static_cast<int64_t>(bits);
}

double Tensor::getF64(int64_t i) const {
  auto type = dyn_cast<FloatType>(element);
  if (!type)
    return element.isUnsignedInteger() ? static_cast<double>(static_cast<uint64_t>(getI64(i))) : static_cast<double>(getI64(i));
  if (type.isF32())
    return as<float>()[i];
  if (type.isF64())
    return as<double>()[i];
  unsigned width = type.getWidth();
  APFloat value(type.getFloatSemantics(), APInt(width, bitsAt(data, elementBytes(type), i)));
  bool loses;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
  return value.convertToDouble();
}
