// Conversions between element types.
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

int64_t eval::saturate(Type type, double value) {
  if (std::isnan(value))
    return 0;
  bool isUnsigned = eval::isUnsigned(type);
  int bits = static_cast<int>(isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth()) - (isUnsigned ? 0 : 1);
  double limit = std::ldexp(1.0, bits); // the first value too large
  value = std::trunc(value);
  if (value >= limit)
    return static_cast<int64_t>(~uint64_t(0) >> (64 - bits));
  if (isUnsigned)
    return value <= 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(value));
  return value < -limit ? static_cast<int64_t>(~uint64_t(0) << bits) : static_cast<int64_t>(value);
}

namespace {
// To f32 integers round once, not by way of f64.
double toFloat(FloatType to, double value) { return value; }
template <typename T> double toFloat(FloatType to, T value) {
  return to.isF32() ? static_cast<double>(static_cast<float>(value)) : static_cast<double>(value);
}

template <typename T> int64_t toInt(Type to, T value) {
  if (to.isInteger(1))
    return value != 0;
  if constexpr (std::is_same_v<T, double>)
    return saturate(to, value);
  else
    return static_cast<int64_t>(value);
}

LogicalResult evalCast(CastOp, Call &call) {
  const Tensor &input = call.operands[0];
  Type to = call.elementType();
  return dispatch(input.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = load<T>(input);
    if (auto type = dyn_cast<FloatType>(to)) {
      std::vector<double> result(values.size());
      for (auto [out, in] : llvm::zip_equal(result, values))
        out = toFloat(type, in);
      return call.give(input.shape(), result);
    }
    std::vector<int64_t> result(values.size());
    for (auto [out, in] : llvm::zip_equal(result, values))
      out = toInt(to, in);
    return call.give(input.shape(), result);
  });
}

LogicalResult evalBitcast(BitcastOp op, Call &call) {
  const Tensor &input = call.operands[0];
  if (input.elementType().getIntOrFloatBitWidth() != call.elementType().getIntOrFloatBitWidth())
    return call.error() << "has element types of different width";
  FailureOr<Tensor> copy = gatherStrided(input, input.shape(), stridesOf(input.shape()));
  if (failed(copy))
    return call.give(failure());
  auto owner = std::make_shared<Tensor>(std::move(*copy));
  return call.give(Tensor::borrow(call.elementType(), input.shape(), owner->bytes(), owner));
}
} // namespace

void eval::addCasts(OpTable &table) {
  table.add<CastOp>(evalCast);
  table.add<BitcastOp>(evalBitcast);
}
