// Operators that work element by element.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
template <typename OpTy>
LogicalResult unary(Node &n) {
  return n.result(n.same<OpTy>(n.in(0)));
}

// Before opset 7 broadcasting had to be asked for, with the axis where the second operand's axes start.
Value legacyRhs(Node &n, Value a, Value b) {
  if (!n.i("broadcast", 0) || !n.hasAttr("axis"))
    return b;
  FailureOr<int64_t> axis = n.axis(n.i("axis", 0), n.rank(a));
  return failed(axis) ? Value() : n.unsqueezeTo(b, 0, n.rank(a) - *axis);
}

template <typename OpTy>
Value binaryValue(Node &n, Type type) {
  Value a = n.in(0), b = legacyRhs(n, a, n.in(1));
  return n.make<OpTy>(type, a, b);
}
template <typename OpTy>
LogicalResult binary(Node &n) {
  return n.result(binaryValue<OpTy>(n, n.elementType(0)));
}
template <typename OpTy>
LogicalResult compare(Node &n) {
  return n.result(binaryValue<OpTy>(n, n.i1()));
}
// a > b is b < a.
template <typename OpTy>
LogicalResult compareSwapped(Node &n) {
  Value a = n.in(0), b = legacyRhs(n, a, n.in(1));
  return n.result(n.make<OpTy>(n.i1(), b, a));
}
template <typename OpTy>
LogicalResult variadic(Node &n) {
  Value v = n.in(0);
  for (unsigned i = 1; i < n.numInputs(); ++i)
    v = n.same<OpTy>(v, n.in(i));
  return n.result(v);
}

LogicalResult importMean(Node &n) {
  Value v = n.in(0);
  for (unsigned i = 1; i < n.numInputs(); ++i)
    v = n.same<AddOp>(v, n.in(i));
  return n.result(n.same<DivOp>(v, n.scalar(n.elementType(0), n.numInputs())));
}

LogicalResult importGelu(Node &n) {
  return n.result(n.same<GeluOp>(n.in(0), n.s("approximate", "none") == "tanh"));
}

LogicalResult importIsInf(Node &n) {
  return n.result(n.make<IsInfOp>(n.i1(), n.in(0), n.i("detect_positive", 1) != 0, n.i("detect_negative", 1) != 0));
}
LogicalResult importIsNan(Node &n) { return n.result(n.make<IsNanOp>(n.i1(), n.in(0))); }

LogicalResult importMod(Node &n) { return n.result(n.same<ModOp>(n.in(0), n.in(1), n.i("fmod", 0) != 0)); }

LogicalResult importBitShift(Node &n) {
  Value x = n.in(0), shift = n.in(1);
  if (n.s("direction", "") == "LEFT")
    return n.result(n.same<ShiftLeftOp>(x, shift));
  Value logical = n.same<ShiftRightOp>(x, shift);
  if (n.elementType(0).isUnsignedInteger())
    return n.result(logical);
  // Of a negative number ~(~x >> s), so that the sign moves in.
  Value inverted = n.same<BitNotOp>(n.same<ShiftRightOp>(n.same<BitNotOp>(x), shift));
  Value isNegative = n.make<LessOp>(n.i1(), x, n.scalar(n.elementType(0), 0));
  return n.result(n.make<SelectOp>(n.elementType(0), isNegative, inverted, logical));
}

LogicalResult importWhere(Node &n) {
  return n.result(n.make<SelectOp>(n.elementType(1), n.in(0), n.in(1), n.in(2)));
}

// max(x, lo) then min(_, hi), as the standard's order makes lo > hi give hi.
Value clamp(Node &n, Value x, Value low, Value high) {
  if (low)
    x = n.same<MaxOp>(x, low);
  if (high)
    x = n.same<MinOp>(x, high);
  return x;
}
LogicalResult importClip(Node &n) {
  return n.result(clamp(n, n.in(0), n.has(1) ? n.in(1) : Value(), n.has(2) ? n.in(2) : Value()));
}
LogicalResult importClipAttrs(Node &n) {
  Type type = n.elementType(0);
  return n.result(clamp(n, n.in(0), n.hasAttr("min") ? n.scalar(type, n.f("min", 0)) : Value(),
                        n.hasAttr("max") ? n.scalar(type, n.f("max", 0)) : Value()));
}

// clamp(alpha * x + beta, 0, 1)
Value hardSigmoid(Node &n, Value x, double alpha, double beta) {
  Type type = n.elementType(0);
  Value y = n.same<AddOp>(n.same<MulOp>(x, n.scalar(type, alpha)), n.scalar(type, beta));
  return clamp(n, y, n.scalar(type, 0), n.scalar(type, 1));
}
LogicalResult importHardSigmoid(Node &n) {
  return n.result(hardSigmoid(n, n.in(0), n.f("alpha", 0.2f), n.f("beta", 0.5)));
}
LogicalResult importHardSwish(Node &n) {
  return n.result(n.same<MulOp>(n.in(0), hardSigmoid(n, n.in(0), 1.0 / 6, 0.5)));
}

// x >= 0 ? x : slope * x
Value leaky(Node &n, Value x, Value slope) {
  Value negative = n.make<LessOp>(n.i1(), x, n.scalar(n.elementType(0), 0));
  return n.make<SelectOp>(n.elementType(0), negative, n.same<MulOp>(x, slope), x);
}
LogicalResult importLeakyRelu(Node &n) {
  return n.result(leaky(n, n.in(0), n.scalar(n.elementType(0), n.f("alpha", 0.01f))));
}
LogicalResult importPRelu(Node &n) {
  Value x = n.in(0), slope = n.in(1);
  // Before opset 7 a slope of one axis belonged to the channels.
  if (n.since < 7 && n.rank(slope) == 1 && n.rank(x) > 1)
    slope = n.unsqueezeTo(slope, 0, n.rank(x) - 1);
  return n.result(leaky(n, x, slope));
}

// x > 0 ? positive : alpha * (exp(x / scale) - 1)
Value expBelowZero(Node &n, Value positive, double alpha, double scale) {
  Type type = n.elementType(0);
  // exp(x) - 1 cancels: narrow types are computed wide.
  if (type.getIntOrFloatBitWidth() < 32)
    type = n.f32();
  Value x = n.cast_(n.in(0), type), one = n.scalar(type, 1), zero = n.scalar(type, 0);
  positive = n.cast_(positive, type);
  Value scaled = scale == 1 ? x : n.same<DivOp>(x, n.scalar(type, scale));
  Value negative = n.same<MulOp>(n.same<SubOp>(n.same<ExpOp>(scaled), one), n.scalar(type, alpha));
  return n.cast_(n.make<SelectOp>(type, n.make<LessOp>(n.i1(), x, zero), negative, positive), n.elementType(0));
}
LogicalResult importElu(Node &n) { return n.result(expBelowZero(n, n.in(0), n.f("alpha", 1), 1)); }
LogicalResult importCelu(Node &n) {
  double alpha = n.f("alpha", 1);
  return n.result(expBelowZero(n, n.in(0), alpha, alpha));
}
LogicalResult importSelu(Node &n) {
  double alpha = n.f("alpha", 1.67326319217681884765625), gamma = n.f("gamma", 1.05070102214813232421875);
  return n.result(n.same<MulOp>(expBelowZero(n, n.in(0), alpha, 1), n.scalar(n.elementType(0), gamma)));
}
LogicalResult importThresholdedRelu(Node &n) {
  Type type = n.elementType(0);
  Value above = n.make<LessOp>(n.i1(), n.scalar(type, n.f("alpha", 1)), n.in(0));
  return n.result(n.make<SelectOp>(type, above, n.in(0), n.scalar(type, 0)));
}
LogicalResult importShrink(Node &n) {
  Type type = n.elementType(0);
  Value x = n.in(0), lambda = n.scalar(type, n.f("lambd", 0.5)), minus = n.same<NegOp>(lambda), bias = n.scalar(type, n.f("bias", 0));
  Value low = n.make<SelectOp>(type, n.make<LessOp>(n.i1(), x, minus), n.same<AddOp>(x, bias), n.scalar(type, 0));
  return n.result(n.make<SelectOp>(type, n.make<LessOp>(n.i1(), lambda, x), n.same<SubOp>(x, bias), low));
}
LogicalResult importSoftsign(Node &n) {
  return n.result(n.same<DivOp>(n.in(0), n.same<AddOp>(n.same<AbsOp>(n.in(0)), n.scalar(n.elementType(0), 1))));
}
LogicalResult importMish(Node &n) {
  return n.result(n.same<MulOp>(n.in(0), n.same<TanhOp>(n.same<SoftplusOp>(n.in(0)))));
}
LogicalResult importReciprocal(Node &n) {
  Value one = n.scalar(n.elementType(0), 1);
  return n.result(n.make<DivOp>(n.elementType(0), one, n.in(0)));
}
LogicalResult importSwish(Node &n) {
  double alpha = n.f("alpha", 1);
  if (alpha == 1)
    return n.result(n.same<SiluOp>(n.in(0)));
  return n.result(n.same<MulOp>(n.in(0), n.same<SigmoidOp>(n.same<MulOp>(n.in(0), n.scalar(n.elementType(0), alpha)))));
}

LogicalResult castTo(Node &n, Type type) { return n.result(n.cast_(n.in(0), type)); }
LogicalResult importCast(Node &n) {
  Type type = elementTypeOf(static_cast<int>(n.i("to", 0)), n.ctx());
  if (!type)
    return n.unsupported("Cast to ONNX element type " + Twine(n.i("to", 0)));
  return castTo(n, type);
}
// The same bits; the widths must agree.
LogicalResult importBitCast(Node &n) {
  Type from = n.elementType(0), type = elementTypeOf(static_cast<int>(n.i("to", 0)), n.ctx());
  if (!type || from.getIntOrFloatBitWidth() != type.getIntOrFloatBitWidth())
    return n.unsupported("BitCast to ONNX element type " + Twine(n.i("to", 0)));
  return n.result(n.make<BitcastOp>(type, n.in(0)));
}
LogicalResult importCastLike(Node &n) { return castTo(n, n.elementType(1)); }

const OpEntry kOps[] = {
    {"Abs", 1, unary<AbsOp>},
    {"Acos", 1, unary<AcosOp>},
    {"Acosh", 1, unary<AcoshOp>},
    {"Add", 1, binary<AddOp>},
    {"And", 1, binary<AndOp>},
    {"Asin", 1, unary<AsinOp>},
    {"Asinh", 1, unary<AsinhOp>},
    {"Atan", 1, unary<AtanOp>},
    {"Atanh", 1, unary<AtanhOp>},
    {"BitCast", 1, importBitCast},
    {"BitShift", 1, importBitShift},
    {"BitwiseAnd", 1, binary<BitAndOp>},
    {"BitwiseNot", 1, unary<BitNotOp>},
    {"BitwiseOr", 1, binary<BitOrOp>},
    {"BitwiseXor", 1, binary<BitXorOp>},
    {"Cast", 6, importCast},
    {"CastLike", 1, importCastLike},
    {"Ceil", 1, unary<CeilOp>},
    {"Celu", 1, importCelu},
    {"Clip", 1, importClipAttrs},
    {"Clip", 11, importClip},
    {"Cos", 1, unary<CosOp>},
    {"Cosh", 1, unary<CoshOp>},
    {"Div", 1, binary<DivOp>},
    {"Elu", 1, importElu},
    {"Equal", 1, compare<EqualOp>},
    {"Erf", 1, unary<ErfOp>},
    {"Exp", 1, unary<ExpOp>},
    {"Floor", 1, unary<FloorOp>},
    {"Gelu", 1, importGelu},
    {"Greater", 1, compareSwapped<LessOp>},
    {"GreaterOrEqual", 1, compareSwapped<LessEqualOp>},
    {"HardSigmoid", 1, importHardSigmoid},
    {"HardSwish", 1, importHardSwish},
    {"IsInf", 1, importIsInf},
    {"IsNaN", 1, importIsNan},
    {"LeakyRelu", 1, importLeakyRelu},
    {"Less", 1, compare<LessOp>},
    {"LessOrEqual", 1, compare<LessEqualOp>},
    {"Log", 1, unary<LogOp>},
    {"Max", 1, variadic<MaxOp>},
    {"Mean", 1, importMean},
    {"Min", 1, variadic<MinOp>},
    {"Mish", 1, importMish},
    {"Mod", 1, importMod},
    {"Mul", 1, binary<MulOp>},
    {"Neg", 1, unary<NegOp>},
    {"Not", 1, unary<NotOp>},
    {"Or", 1, binary<OrOp>},
    {"PRelu", 1, importPRelu},
    {"Pow", 1, binary<PowOp>},
    {"Reciprocal", 1, importReciprocal},
    {"Relu", 1, unary<ReluOp>},
    {"Round", 1, unary<RoundOp>},
    {"Selu", 1, importSelu},
    {"Shrink", 1, importShrink},
    {"Sigmoid", 1, unary<SigmoidOp>},
    {"Sign", 1, unary<SignOp>},
    {"Sin", 1, unary<SinOp>},
    {"Sinh", 1, unary<SinhOp>},
    {"Softplus", 1, unary<SoftplusOp>},
    {"Softsign", 1, importSoftsign},
    {"Sqrt", 1, unary<SqrtOp>},
    {"Sub", 1, binary<SubOp>},
    {"Sum", 1, variadic<AddOp>},
    {"Swish", 1, importSwish},
    {"Tan", 1, unary<TanOp>},
    {"Tanh", 1, unary<TanhOp>},
    {"ThresholdedRelu", 1, importThresholdedRelu},
    {"Where", 1, importWhere},
    {"Xor", 1, binary<XorOp>},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::elementwiseOps() { return kOps; }
