// Loading, rounding and storing of elements; strided copies.
#include "lib/eval/Elements.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

bool eval::isUnsigned(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && (integer.isUnsigned() || integer.getWidth() == 1);
}

int64_t eval::wrapTo(Type type, int64_t value) {
  unsigned width = isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth();
  if (width >= 64)
    return value;
  uint64_t low = static_cast<uint64_t>(value) << (64 - width);
  return isUnsigned(type) ? static_cast<int64_t>(low >> (64 - width)) : static_cast<int64_t>(low) >> (64 - width);
}

// f64 -> f32 rounded to odd: the lost bits stay visible, so that rounding again to a narrower type is exact.
static float roundToOdd(double value) {
  float rounded = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(rounded) == value || std::isinf(rounded))
    return rounded;
  uint32_t bits;
  std::memcpy(&bits, &rounded, 4);
  if (bits & 1)
    return rounded;
  bool away = std::fabs(static_cast<double>(rounded)) > std::fabs(value);
  bits += away ? -1 : 1;
  std::memcpy(&rounded, &bits, 4);
  return rounded;
}

static uint16_t toBf16(double value) {
  uint32_t bits;
  float narrow = roundToOdd(value);
  std::memcpy(&bits, &narrow, 4);
  if (std::isnan(narrow))
    return (bits >> 16) | 0x40;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
static double fromBf16(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float wide;
  std::memcpy(&wide, &bits, 4);
  return wide;
}

static uint16_t toF16(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (magnitude >= 65520.0)
    return sign | 0x7c00;
  if (magnitude < 0x1p-14) // subnormal: a multiple of 2^-24; 1024 of them are the smallest normal number
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24));
  int exponent;
  double mantissa = std::frexp(magnitude, &exponent); // in [0.5, 1)
  auto scaled = static_cast<uint32_t>(std::nearbyint(mantissa * 2048.0));
  return sign | static_cast<uint16_t>(((exponent + 14) << 10) + scaled - 1024);
}
static double fromF16(uint16_t half) {
  int exponent = (half >> 10) & 31, mantissa = half & 1023;
  double magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + mantissa, exponent - 25)
                                    : std::ldexp(mantissa, -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

static APFloat toSmallFloat(FloatType type, double value) {
  APFloat narrow(value);
  bool lost;
  narrow.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  return narrow;
}
static double fromSmallFloat(FloatType type, uint64_t bits) {
  APFloat wide(type.getFloatSemantics(), APInt(type.getWidth(), bits));
  bool lost;
  wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return wide.convertToDouble();
}

double eval::roundTo(FloatType type, double value) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return static_cast<float>(value);
  if (type.isBF16())
    return fromBf16(toBf16(value));
  if (type.isF16())
    return fromF16(toF16(value));
  return fromSmallFloat(type, toSmallFloat(type, value).bitcastToAPInt().getZExtValue());
}

namespace {
template <typename From, typename T> std::vector<T> widen(const Tensor &tensor) {
  ArrayRef<From> from = tensor.as<From>();
  return std::vector<T>(from.begin(), from.end());
}
template <typename From, typename T, typename F> std::vector<T> widen(const Tensor &tensor, F convert) {
  std::vector<T> result(tensor.numElements());
  for (auto [to, from] : llvm::zip_equal(result, tensor.as<From>()))
    to = static_cast<T>(convert(from));
  return result;
}
template <typename To, typename T, typename F> void narrow(Tensor &tensor, const std::vector<T> &values, F convert) {
  for (auto [to, from] : llvm::zip_equal(tensor.asMutable<To>(), values))
    to = convert(from);
}
} // namespace

template <typename T> static std::vector<T> loadFloats(const Tensor &tensor, FloatType type) {
  if (type.isF32())
    return widen<float, T>(tensor);
  if (type.isF64())
    return widen<double, T>(tensor);
  if (type.isBF16())
    return widen<uint16_t, T>(tensor, fromBf16);
  if (type.isF16())
    return widen<uint16_t, T>(tensor, fromF16);
  return widen<uint8_t, T>(tensor,
                           [&](uint8_t bits) { return fromSmallFloat(type, bits & ((1u << type.getWidth()) - 1)); });
}

template <typename T> std::vector<T> eval::load(const Tensor &tensor) {
  if (auto type = dyn_cast<FloatType>(tensor.elementType()))
    return loadFloats<T>(tensor, type);
  bool isUnsigned = eval::isUnsigned(tensor.elementType());
  switch (elementBytes(tensor.elementType())) {
  case 1:
    return isUnsigned ? widen<uint8_t, T>(tensor) : widen<int8_t, T>(tensor);
  case 2:
    return isUnsigned ? widen<uint16_t, T>(tensor) : widen<int16_t, T>(tensor);
  case 4:
    return isUnsigned ? widen<uint32_t, T>(tensor) : widen<int32_t, T>(tensor);
  default:
    return isUnsigned ? widen<uint64_t, T>(tensor) : widen<int64_t, T>(tensor);
  }
}

template <typename T> static void storeFloats(Tensor &tensor, FloatType type, const std::vector<T> &values) {
  if (type.isF32())
    return narrow<float>(tensor, values, [](T v) { return static_cast<float>(v); });
  if (type.isF64())
    return narrow<double>(tensor, values, [](T v) { return static_cast<double>(v); });
  if (type.isBF16())
    return narrow<uint16_t>(tensor, values, toBf16);
  if (type.isF16())
    return narrow<uint16_t>(tensor, values, toF16);
  narrow<uint8_t>(tensor, values, [&](T v) { return toSmallFloat(type, v).bitcastToAPInt().getZExtValue(); });
}

template <typename T>
FailureOr<Tensor> eval::store(Type elementType, ArrayRef<int64_t> shape, const std::vector<T> &values) {
  FailureOr<Tensor> tensor = Tensor::allocate(elementType, shape, maxTensorBytes);
  if (failed(tensor))
    return failure();
  assert(tensor->numElements() == static_cast<int64_t>(values.size()));
  if (auto type = dyn_cast<FloatType>(elementType)) {
    storeFloats(*tensor, type, values);
    return tensor;
  }
  auto bits = [&](T v) { return wrapTo(elementType, static_cast<int64_t>(v)); };
  switch (elementBytes(elementType)) {
  case 1:
    narrow<int8_t>(*tensor, values, bits);
    break;
  case 2:
    narrow<int16_t>(*tensor, values, bits);
    break;
  case 4:
    narrow<int32_t>(*tensor, values, bits);
    break;
  default:
    narrow<int64_t>(*tensor, values, bits);
  }
  return tensor;
}

template std::vector<double> eval::load(const Tensor &);
template std::vector<int64_t> eval::load(const Tensor &);
template std::vector<uint64_t> eval::load(const Tensor &);
template FailureOr<Tensor> eval::store(Type, ArrayRef<int64_t>, const std::vector<double> &);
template FailureOr<Tensor> eval::store(Type, ArrayRef<int64_t>, const std::vector<int64_t> &);
template FailureOr<Tensor> eval::store(Type, ArrayRef<int64_t>, const std::vector<uint64_t> &);
