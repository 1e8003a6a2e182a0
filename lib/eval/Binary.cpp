// Elementwise ops of two operands.
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
template <typename T> using Function = T (*)(T, T);
template <typename T> using Rows = llvm::StringMap<Function<T>>;
using Floats = Rows<double>;

double floorMod(double a, double b) {
  double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : std::copysign(r, r != 0 ? r : b);
}
const Floats &floatRows() {
  static const Floats rows = {
      {"add", [](double a, double b) { return a + b; }},
      {"sub", [](double a, double b) { return a - b; }},
      {"mul", [](double a, double b) { return a * b; }},
      {"div", [](double a, double b) { return a / b; }},
      {"max", [](double a, double b) { return std::isnan(a)            ? a
                                              : a < b || std::isnan(b) ? b
                                                                       : a; }},
      {"min", [](double a, double b) { return std::isnan(a)            ? a
                                              : b < a || std::isnan(b) ? b
                                                                       : a; }},
      {"mod", floorMod},
      {"fmod", [](double a, double b) { return std::fmod(a, b); }},
  };
  return rows;
}

// Wraps: computed modulo 2^64, cut to the width when stored.
template <typename T> T wrapped(uint64_t bits) { return static_cast<T>(bits); }
// -1 is apart because the lowest value / -1 overflows.
template <typename T> T divide(T a, T b) {
  return b == 0 ? 0 : b == T(-1) && std::is_signed_v<T> ? wrapped<T>(-static_cast<uint64_t>(a)) : a / b;
}
template <typename T> T remainder(T a, T b) { return b == 0 || (b == T(-1) && std::is_signed_v<T>) ? 0 : a % b; }
template <typename T> T modulo(T a, T b) {
  T r = remainder(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
template <typename T> T power(T a, T b) {
  if (b < 0)
    return a == 1 ? 1 : a == T(-1) ? (b % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1, base = a;
  for (uint64_t n = b; n; n >>= 1, base *= base)
    if (n & 1)
      result *= base;
  return wrapped<T>(result);
}
template <typename T> const Rows<T> &intRows() {
  static const Rows<T> rows = {
      {"add", [](T a, T b) { return wrapped<T>(uint64_t(a) + uint64_t(b)); }},
      {"sub", [](T a, T b) { return wrapped<T>(uint64_t(a) - uint64_t(b)); }},
      {"mul", [](T a, T b) { return wrapped<T>(uint64_t(a) * uint64_t(b)); }},
      {"div", divide<T>},
      {"max", [](T a, T b) { return std::max(a, b); }},
      {"min", [](T a, T b) { return std::min(a, b); }},
      {"mod", modulo<T>},
      {"fmod", remainder<T>},
      {"pow", power<T>},
      {"and", [](T a, T b) { return a & b; }},
      {"or", [](T a, T b) { return a | b; }},
      {"xor", [](T a, T b) { return a ^ b; }},
      {"bit_and", [](T a, T b) { return a & b; }},
      {"bit_or", [](T a, T b) { return a | b; }},
      {"bit_xor", [](T a, T b) { return a ^ b; }},
  };
  return rows;
}
template <typename T> const Rows<T> &rowsOf() {
  if constexpr (std::is_same_v<T, double>)
    return floatRows();
  else
    return intRows<T>();
}

// Both operands broadcast and widened to T, then one result per pair.
template <typename T, typename R, typename F> LogicalResult mapBinary(Call &call, F compute) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  FailureOr<Tensor> lhs = broadcasted(call.operands[0], *shape), rhs = broadcasted(call.operands[1], *shape);
  if (failed(lhs) || failed(rhs))
    return call.give(failure());
  std::vector<T> a = load<T>(*lhs), b = load<T>(*rhs);
  std::vector<R> result(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    result[i] = compute(a[i], b[i]);
  return call.give(*shape, result);
}

LogicalResult evalBinary(Call &call) {
  StringRef name = call.op->getName().stripDialect();
  if (auto mod = dyn_cast<ModOp>(call.op); mod && mod.getFmod())
    name = "fmod";
  return dispatch(call.operands[0].elementType(), [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    auto it = rowsOf<T>().find(name);
    if (it == rowsOf<T>().end())
      return call.error() << "is not defined on " << call.operands[0].elementType();
    return mapBinary<T, T>(call, it->second);
  });
}

LogicalResult evalPow(PowOp, Call &call) {
  Type base = call.operands[0].elementType(), exponent = call.operands[1].elementType();
  if (isa<FloatType>(base))
    return mapBinary<double, double>(call, [](double a, double b) { return std::pow(a, b); });
  if (!isa<FloatType>(exponent))
    return evalBinary(call);
  return mapBinary<double, int64_t>(call, [&](double a, double b) { return saturate(base, std::pow(a, b)); });
}

template <typename F> LogicalResult evalCompare(Call &call, F compare) {
  return dispatch(call.operands[0].elementType(),
                  [&](auto zero) { return mapBinary<decltype(zero), uint64_t>(call, compare); });
}
LogicalResult evalEqual(EqualOp, Call &call) {
  return evalCompare(call, [](auto a, auto b) { return a == b; });
}
LogicalResult evalLess(LessOp, Call &call) {
  return evalCompare(call, [](auto a, auto b) { return a < b; });
}
LogicalResult evalLessEqual(LessEqualOp, Call &call) {
  return evalCompare(call, [](auto a, auto b) { return a <= b; });
}

// These shifts see the bits of the element's width, without sign.
template <typename F> LogicalResult evalShift(Call &call, F shift) {
  uint64_t width = call.elementType().getIntOrFloatBitWidth();
  uint64_t mask = width >= 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
  return mapBinary<uint64_t, uint64_t>(
      call, [=](uint64_t a, uint64_t b) { return (b & mask) >= width ? 0 : shift(a & mask, b & mask); });
}
LogicalResult evalShiftLeft(ShiftLeftOp, Call &call) {
  return evalShift(call, [](uint64_t a, uint64_t b) { return a << b; });
}
LogicalResult evalShiftRight(ShiftRightOp, Call &call) {
  if (call.elementType().isSignlessInteger()) {
    int64_t width = call.elementType().getIntOrFloatBitWidth();
    return mapBinary<int64_t, int64_t>(call, [=](int64_t a, int64_t b) { return a >> (b < 0 || b >= width ? width - 1 : b); });
  }
  return evalShift(call, [](uint64_t a, uint64_t b) { return a >> b; });
}
} // namespace

void eval::addBinary(OpTable &table) {
  for (StringRef name :
       {"add", "sub", "mul", "div", "max", "min", "mod", "and", "or", "xor", "bit_and", "bit_or", "bit_xor"})
    table.add(("ds." + name).str(), evalBinary);
  table.add<PowOp>(evalPow);
  table.add<EqualOp>(evalEqual);
  table.add<LessOp>(evalLess);
  table.add<LessEqualOp>(evalLessEqual);
  table.add<ShiftLeftOp>(evalShiftLeft);
  table.add<ShiftRightOp>(evalShiftRight);
}
