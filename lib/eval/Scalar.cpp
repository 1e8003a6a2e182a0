// The functions behind scalar ops.
#include "lib/eval/Scalar.h"
#include "lib/eval/Call.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
using Compute = Scalar (*)(const ScalarOp &, const Scalar *);

Scalar ofInt(int64_t value) {
  Scalar s;
  s.i = value;
  return s;
}
Scalar ofFloat(const ScalarOp &op, double value) {
  Scalar s;
  s.f = op.to.isF32() ? static_cast<float>(value) : roundTo(cast<FloatType>(op.to), value);
  return s;
}
unsigned widthOf(Type type) { return isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth(); }
uint64_t unsignedOf(Type type, int64_t value) {
  unsigned width = widthOf(type);
  return width >= 64 ? value : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}
// Bools are kept as 0 and 1; ops that look at a sign see 0 and -1.
int64_t signedOf(Type type, int64_t value) { return type.isInteger(1) ? -value : value; }

template <double (*F)(double)> Scalar float1(const ScalarOp &op, const Scalar *x) { return ofFloat(op, F(x[0].f)); }
template <double (*F)(double, double)> Scalar float2(const ScalarOp &op, const Scalar *x) {
  return ofFloat(op, F(x[0].f, x[1].f));
}
template <int64_t (*F)(int64_t, int64_t)> Scalar signed2(const ScalarOp &op, const Scalar *x) {
  return ofInt(wrapTo(op.to, F(signedOf(op.to, x[0].i), signedOf(op.to, x[1].i))));
}
template <uint64_t (*F)(uint64_t, uint64_t)> Scalar unsigned2(const ScalarOp &op, const Scalar *x) {
  return ofInt(wrapTo(op.to, F(unsignedOf(op.to, x[0].i), unsignedOf(op.to, x[1].i))));
}
// Division by zero has no meaning in arith; here it gives 0 and never traps.
template <uint64_t (*F)(uint64_t, uint64_t)> uint64_t unlessZero(uint64_t a, uint64_t b) {
  return b == 0 ? 0 : F(a, b);
}
template <int64_t (*F)(int64_t, int64_t)> int64_t unlessZero(int64_t a, int64_t b) {
  return b == 0 || (a == INT64_MIN && b == -1) ? 0 : F(a, b);
}

double add(double a, double b) { return a + b; }
double sub(double a, double b) { return a - b; }
double mul(double a, double b) { return a * b; }
double div(double a, double b) { return a / b; }
double neg(double a) { return -a; }
double rsqrt(double a) { return 1 / std::sqrt(a); }
double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : a > b || (a == b && !std::signbit(a)) ? a : b;
}
double minimum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : a < b || (a == b && std::signbit(a)) ? a : b;
}
uint64_t addi(uint64_t a, uint64_t b) { return a + b; }
uint64_t subi(uint64_t a, uint64_t b) { return a - b; }
uint64_t muli(uint64_t a, uint64_t b) { return a * b; }
uint64_t andi(uint64_t a, uint64_t b) { return a & b; }
uint64_t ori(uint64_t a, uint64_t b) { return a | b; }
uint64_t xori(uint64_t a, uint64_t b) { return a ^ b; }
uint64_t shli(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a << b; }
uint64_t shrui(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a >> b; }
int64_t shrsi(int64_t a, int64_t b) { return a >> std::min<uint64_t>(b, 63); }
uint64_t divui(uint64_t a, uint64_t b) { return a / b; }
uint64_t remui(uint64_t a, uint64_t b) { return a % b; }
uint64_t ceildivui(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
uint64_t maxui(uint64_t a, uint64_t b) { return std::max(a, b); }
uint64_t minui(uint64_t a, uint64_t b) { return std::min(a, b); }
int64_t divsi(int64_t a, int64_t b) { return a / b; }
int64_t remsi(int64_t a, int64_t b) { return a % b; }
int64_t floordivsi(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
int64_t ceildivsi(int64_t a, int64_t b) { return a / b + (a % b != 0 && (a < 0) == (b < 0)); }
int64_t maxsi(int64_t a, int64_t b) { return std::max(a, b); }
int64_t minsi(int64_t a, int64_t b) { return std::min(a, b); }

Scalar compareInts(const ScalarOp &op, const Scalar *x) {
  return ofInt(arith::applyCmpPredicate(static_cast<arith::CmpIPredicate>(op.constant),
                                        APInt(64, signedOf(op.from, x[0].i), true),
                                        APInt(64, signedOf(op.from, x[1].i), true)));
}
Scalar compareFloats(const ScalarOp &op, const Scalar *x) {
  return ofInt(
      arith::applyCmpPredicate(static_cast<arith::CmpFPredicate>(op.constant), APFloat(x[0].f), APFloat(x[1].f)));
}
Scalar select(const ScalarOp &, const Scalar *x) { return x[0].i ? x[1] : x[2]; }
Scalar constant(const ScalarOp &op, const Scalar *) { return ofInt(op.constant); }
Scalar fma(const ScalarOp &op, const Scalar *x) { return ofFloat(op, std::fma(x[0].f, x[1].f, x[2].f)); }
Scalar extendSigned(const ScalarOp &op, const Scalar *x) { return ofInt(wrapTo(op.to, signedOf(op.from, x[0].i))); }
Scalar extendUnsigned(const ScalarOp &op, const Scalar *x) { return ofInt(wrapTo(op.to, unsignedOf(op.from, x[0].i))); }
Scalar roundFloat(const ScalarOp &op, const Scalar *x) { return ofFloat(op, x[0].f); }
template <typename T> Scalar intToFloat(const ScalarOp &op, T value) {
  return ofFloat(op, op.to.isF32() ? static_cast<float>(value) : static_cast<double>(value));
}
Scalar signedToFloat(const ScalarOp &op, const Scalar *x) { return intToFloat(op, signedOf(op.from, x[0].i)); }
Scalar unsignedToFloat(const ScalarOp &op, const Scalar *x) { return intToFloat(op, unsignedOf(op.from, x[0].i)); }
Scalar floatToSigned(const ScalarOp &op, const Scalar *x) { return ofInt(saturate(op.to, x[0].f)); }
Scalar floatToUnsigned(const ScalarOp &op, const Scalar *x) {
  auto type = IntegerType::get(op.to.getContext(), widthOf(op.to), IntegerType::Unsigned);
  return ofInt(wrapTo(op.to, saturate(type, x[0].f)));
}
Scalar absInt(const ScalarOp &op, const Scalar *x) {
  return ofInt(x[0].i < 0 ? wrapTo(op.to, static_cast<int64_t>(-static_cast<uint64_t>(x[0].i))) : x[0].i);
}
Scalar isNan(const ScalarOp &, const Scalar *x) { return ofInt(std::isnan(x[0].f)); }
Scalar isInf(const ScalarOp &, const Scalar *x) { return ofInt(std::isinf(x[0].f)); }
Scalar isFinite(const ScalarOp &, const Scalar *x) { return ofInt(std::isfinite(x[0].f)); }
Scalar bitcast(const ScalarOp &op, const Scalar *x) {
  bool fromFloat = isa<FloatType>(op.from), toFloat = isa<FloatType>(op.to);
  if (fromFloat == toFloat)
    return x[0];
  bool lost;
  if (fromFloat) {
    APFloat value(x[0].f);
    value.convert(cast<FloatType>(op.from).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return ofInt(wrapTo(op.to, value.bitcastToAPInt().getZExtValue()));
  }
  APFloat value(cast<FloatType>(op.to).getFloatSemantics(), APInt(widthOf(op.to), unsignedOf(op.from, x[0].i)));
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return ofFloat(op, value.convertToDouble());
}

int64_t evaluateAffine(AffineExpr expr, unsigned dims, const Scalar *x) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return x[dim.getPosition()].i;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return x[dims + symbol.getPosition()].i;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluateAffine(binary.getLHS(), dims, x), b = evaluateAffine(binary.getRHS(), dims, x);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return addi(a, b);
  case AffineExprKind::Mul:
    return muli(a, b);
  case AffineExprKind::FloorDiv:
    return unlessZero<floordivsi>(a, b);
  case AffineExprKind::CeilDiv:
    return unlessZero<ceildivsi>(a, b);
  default: // Mod
    return b == 0 ? 0 : a - b * unlessZero<floordivsi>(a, b);
  }
}
// apply has one result; min and max choose among several.
template <int64_t (*F)(int64_t, int64_t)> Scalar affine(const ScalarOp &op, const Scalar *x) {
  int64_t result = evaluateAffine(op.map.getResult(0), op.map.getNumDims(), x);
  for (AffineExpr expr : op.map.getResults().drop_front())
    result = F(result, evaluateAffine(expr, op.map.getNumDims(), x));
  return ofInt(result);
}

const llvm::StringMap<Compute> &table() {
  static const llvm::StringMap<Compute> rows = {
      {"arith.constant", constant},
      {"arith.addi", unsigned2<addi>},
      {"arith.subi", unsigned2<subi>},
      {"arith.muli", unsigned2<muli>},
      {"arith.andi", unsigned2<andi>},
      {"arith.ori", unsigned2<ori>},
      {"arith.xori", unsigned2<xori>},
      {"arith.shli", unsigned2<shli>},
      {"arith.shrui", unsigned2<shrui>},
      {"arith.shrsi", signed2<shrsi>},
      {"arith.divui", unsigned2<unlessZero<divui>>},
      {"arith.remui", unsigned2<unlessZero<remui>>},
      {"arith.ceildivui", unsigned2<unlessZero<ceildivui>>},
      {"arith.maxui", unsigned2<maxui>},
      {"arith.minui", unsigned2<minui>},
      {"arith.divsi", signed2<unlessZero<divsi>>},
      {"arith.remsi", signed2<unlessZero<remsi>>},
      {"arith.floordivsi", signed2<unlessZero<floordivsi>>},
      {"arith.ceildivsi", signed2<unlessZero<ceildivsi>>},
      {"arith.maxsi", signed2<maxsi>},
      {"arith.minsi", signed2<minsi>},
      {"arith.cmpi", compareInts},
      {"arith.cmpf", compareFloats},
      {"arith.select", select},
      {"arith.index_cast", extendSigned},
      {"arith.index_castui", extendUnsigned},
      {"arith.extsi", extendSigned},
      {"arith.extui", extendUnsigned},
      {"arith.trunci", extendSigned},
      {"arith.extf", roundFloat},
      {"arith.truncf", roundFloat},
      {"arith.sitofp", signedToFloat},
      {"arith.uitofp", unsignedToFloat},
      {"arith.fptosi", floatToSigned},
      {"arith.fptoui", floatToUnsigned},
      {"arith.bitcast", bitcast},
      {"arith.addf", float2<add>},
      {"arith.subf", float2<sub>},
      {"arith.mulf", float2<mul>},
      {"arith.divf", float2<div>},
      {"arith.remf", float2<std::fmod>},
      {"arith.negf", float1<neg>},
      {"arith.maximumf", float2<maximum>},
      {"arith.minimumf", float2<minimum>},
      {"arith.maxnumf", float2<std::fmax>},
      {"arith.minnumf", float2<std::fmin>},
      {"affine.apply", affine<minsi>},
      {"affine.min", affine<minsi>},
      {"affine.max", affine<maxsi>},
      {"math.absf", float1<std::fabs>},
      {"math.absi", absInt},
      {"math.exp", float1<std::exp>},
      {"math.exp2", float1<std::exp2>},
      {"math.expm1", float1<std::expm1>},
      {"math.log", float1<std::log>},
      {"math.log2", float1<std::log2>},
      {"math.log10", float1<std::log10>},
      {"math.log1p", float1<std::log1p>},
      {"math.sqrt", float1<std::sqrt>},
      {"math.rsqrt", float1<rsqrt>},
      {"math.cbrt", float1<std::cbrt>},
      {"math.sin", float1<std::sin>},
      {"math.cos", float1<std::cos>},
      {"math.tan", float1<std::tan>},
      {"math.asin", float1<std::asin>},
      {"math.acos", float1<std::acos>},
      {"math.atan", float1<std::atan>},
      {"math.sinh", float1<std::sinh>},
      {"math.cosh", float1<std::cosh>},
      {"math.tanh", float1<std::tanh>},
      {"math.asinh", float1<std::asinh>},
      {"math.acosh", float1<std::acosh>},
      {"math.atanh", float1<std::atanh>},
      {"math.erf", float1<std::erf>},
      {"math.erfc", float1<std::erfc>},
      {"math.floor", float1<std::floor>},
      {"math.ceil", float1<std::ceil>},
      {"math.trunc", float1<std::trunc>},
      {"math.round", float1<std::round>},
      {"math.roundeven", float1<std::nearbyint>},
      {"math.powf", float2<std::pow>},
      {"math.atan2", float2<std::atan2>},
      {"math.copysign", float2<std::copysign>},
      {"math.fma", fma},
      {"math.isnan", isNan},
      {"math.isinf", isInf},
      {"math.isfinite", isFinite},
  };
  return rows;
}

std::optional<int64_t> constantBits(Attribute value) {
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return wrapTo(integer.getType(), integer.getValue().getSExtValue());
  auto number = dyn_cast<FloatAttr>(value);
  if (!number)
    return std::nullopt;
  Scalar s;
  s.f = number.getValueAsDouble();
  return s.i;
}
} // namespace

std::optional<ScalarOp> eval::decodeScalar(Operation *op) {
  auto isScalar = [](Type type) { return isa<FloatType, IntegerType, IndexType>(type); };
  auto it = table().find(op->getName().getStringRef());
  if (it == table().end() || op->getNumResults() != 1 || !isScalar(op->getResult(0).getType()) ||
      !llvm::all_of(op->getOperandTypes(), isScalar))
    return std::nullopt;
  ScalarOp result{it->second, op->getNumOperands() ? op->getOperand(0).getType() : Type(), op->getResult(0).getType(),
                  0, AffineMap()};
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    std::optional<int64_t> bits = constantBits(constant.getValue());
    if (!bits)
      return std::nullopt;
    result.constant = *bits;
  } else if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    result.constant = static_cast<int64_t>(compare.getPredicate());
  } else if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    result.constant = static_cast<int64_t>(compare.getPredicate());
  } else if (auto map = op->getAttrOfType<AffineMapAttr>("map")) {
    result.map = map.getValue();
  }
  return result;
}
