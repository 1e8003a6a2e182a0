// One element of the result of an elementwise op, in arith and math. Halves are computed in f32.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {
// One elementwise op at one point: its operands (lowered, halves widened) and what the types say.
struct Scalar {
  ImplicitLocOpBuilder &b;
  ValueRange args;
  Type type;   // of the first operand, widened
  bool uns;    // the first operand is unsigned
  bool isFloat;

  Value c(double v) { return scalarConstant(b, type, v); }
  Value i(int64_t v) { return scalarInt(b, type, v); }
  Value cmp(CmpFPredicate p, Value x, Value y) { return arith::CmpFOp::create(b, p, x, y); }
  Value cmp(CmpIPredicate p, Value x, Value y) { return arith::CmpIOp::create(b, p, x, y); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, c, x, y); }
  template <typename OpTy> Value op(Value x) { return OpTy::create(b, x); }
  template <typename OpTy> Value op(Value x, Value y) { return OpTy::create(b, x, y); }
  template <typename FloatOp, typename SignedOp, typename UnsignedOp> Value pick(Value x, Value y) {
    return isFloat ? op<FloatOp>(x, y) : uns || type.isInteger(1) ? op<UnsignedOp>(x, y) : op<SignedOp>(x, y);
  }

  Value exp(Value x) { return op<math::ExpOp>(x); }
  Value sigmoid(Value x) { return op<arith::DivFOp>(c(1), op<arith::AddFOp>(c(1), exp(op<arith::NegFOp>(x)))); }
  Value unary(Operation *o, Value x);
  Value gelu(Value x, bool tanh);
  Value sign(Value x);
  Value binary(Operation *o, Value x, Value y);
  Value divide(Value x, Value y, bool remainder);
  Value mod(Value x, Value y, bool fmod);
  Value shift(Operation *o, Value x, Value y);
  Value compare(Operation *o, Value x, Value y);
  Value gate(GateOp o);
};
} // namespace

Value mlir::ds::widen(ImplicitLocOpBuilder &b, Value scalar) {
  return isHalf(scalar.getType()) ? arith::ExtFOp::create(b, b.getF32Type(), scalar).getResult() : scalar;
}
Value mlir::ds::narrow(ImplicitLocOpBuilder &b, Value scalar, Type element) {
  return scalar.getType() != element && isHalf(element) ? arith::TruncFOp::create(b, element, scalar).getResult() : scalar;
}

Value mlir::ds::toIndex(ImplicitLocOpBuilder &b, Value scalar, bool isUnsigned) {
  if (isUnsigned)
    return arith::IndexCastUIOp::create(b, b.getIndexType(), scalar);
  return arith::IndexCastOp::create(b, b.getIndexType(), scalar);
}

Value Scalar::gelu(Value x, bool tanh) {
  Value inner;
  if (tanh) {
    Value cube = op<arith::MulFOp>(op<arith::MulFOp>(x, x), x);
    Value sum = op<arith::AddFOp>(x, op<arith::MulFOp>(c(0.044715), cube));
    inner = op<math::TanhOp>(op<arith::MulFOp>(c(0.7978845608028654), sum));
  } else {
    inner = op<math::ErfOp>(op<arith::MulFOp>(x, c(0.7071067811865476)));
  }
  return op<arith::MulFOp>(op<arith::MulFOp>(c(0.5), x), op<arith::AddFOp>(c(1), inner));
}

Value Scalar::sign(Value x) {
  if (isFloat)
    return select(cmp(CmpFPredicate::OGT, x, c(0)), c(1), select(cmp(CmpFPredicate::OLT, x, c(0)), c(-1), x));
  Value positive = select(cmp(CmpIPredicate::ne, x, i(0)), i(1), i(0));
  return uns ? positive : select(cmp(CmpIPredicate::slt, x, i(0)), i(-1), positive);
}

template <typename DsOp, typename MathOp> static Value mapUnary(Operation *o, Scalar &s, Value x) {
  return isa<DsOp>(o) ? s.op<MathOp>(x) : Value();
}

Value Scalar::unary(Operation *o, Value x) {
  Value r;
  if ((r = mapUnary<FloorOp, math::FloorOp>(o, *this, x)) || (r = mapUnary<CeilOp, math::CeilOp>(o, *this, x)) ||
      (r = mapUnary<RoundOp, math::RoundEvenOp>(o, *this, x)) || (r = mapUnary<SqrtOp, math::SqrtOp>(o, *this, x)) ||
      (r = mapUnary<ExpOp, math::ExpOp>(o, *this, x)) || (r = mapUnary<LogOp, math::LogOp>(o, *this, x)) ||
      (r = mapUnary<SinOp, math::SinOp>(o, *this, x)) || (r = mapUnary<CosOp, math::CosOp>(o, *this, x)) ||
      (r = mapUnary<TanOp, math::TanOp>(o, *this, x)) || (r = mapUnary<AsinOp, math::AsinOp>(o, *this, x)) ||
      (r = mapUnary<AcosOp, math::AcosOp>(o, *this, x)) || (r = mapUnary<AtanOp, math::AtanOp>(o, *this, x)) ||
      (r = mapUnary<SinhOp, math::SinhOp>(o, *this, x)) || (r = mapUnary<CoshOp, math::CoshOp>(o, *this, x)) ||
      (r = mapUnary<AsinhOp, math::AsinhOp>(o, *this, x)) || (r = mapUnary<AcoshOp, math::AcoshOp>(o, *this, x)) ||
      (r = mapUnary<AtanhOp, math::AtanhOp>(o, *this, x)) || (r = mapUnary<TanhOp, math::TanhOp>(o, *this, x)) ||
      (r = mapUnary<ErfOp, math::ErfOp>(o, *this, x)))
    return r;
  return TypeSwitch<Operation *, Value>(o)
      .Case([&](AbsOp) { return isFloat ? op<math::AbsFOp>(x) : uns ? x : op<math::AbsIOp>(x); })
      .Case([&](NegOp) { return isFloat ? op<arith::NegFOp>(x) : op<arith::SubIOp>(i(0), x); })
      .Case([&](SignOp) { return sign(x); })
      .Case([&](RsqrtOp) { return op<arith::DivFOp>(c(1), op<math::SqrtOp>(x)); })
      .Case([&](SigmoidOp) { return sigmoid(x); })
      .Case([&](SiluOp) { return op<arith::MulFOp>(x, sigmoid(x)); })
      .Case([&](SoftplusOp) {
        // log(1 + e^x) without overflow.
        Value tail = op<math::Log1pOp>(exp(op<arith::NegFOp>(op<math::AbsFOp>(x))));
        return op<arith::AddFOp>(op<arith::MaximumFOp>(x, c(0)), tail);
      })
      .Case([&](GeluOp gelu) { return this->gelu(x, gelu.getTanh()); })
      .Case([&](ReluOp) { return isFloat ? op<arith::MaximumFOp>(x, c(0)) : uns ? x : op<arith::MaxSIOp>(x, i(0)); })
      .Case([&](NotOp) { return op<arith::XOrIOp>(x, i(1)); })
      .Case([&](BitNotOp) { return op<arith::XOrIOp>(x, i(-1)); })
      .Case([&](IsNanOp) { return cmp(CmpFPredicate::UNO, x, x); })
      .Case([&](IsInfOp test) {
        Value inf = c(std::numeric_limits<double>::infinity()), minus = c(-std::numeric_limits<double>::infinity());
        Value up = cmp(CmpFPredicate::OEQ, x, inf), down = cmp(CmpFPredicate::OEQ, x, minus), no = scalarInt(b, b.getI1Type(), 0);
        return op<arith::OrIOp>(test.getPositive() ? up : no, test.getNegative() ? down : no);
      })
      .Default([](Operation *) { return Value(); });
}

// Integers: x / 0 and x mod 0 are 0; the most negative number over -1 wraps.
Value Scalar::divide(Value x, Value y, bool remainder) {
  Value zero = cmp(CmpIPredicate::eq, y, i(0));
  if (uns || type.isInteger(1)) {
    Value safe = select(zero, i(1), y);
    return select(zero, i(0), remainder ? op<arith::RemUIOp>(x, safe) : op<arith::DivUIOp>(x, safe));
  }
  Value minus = cmp(CmpIPredicate::eq, y, i(-1));
  Value safe = select(op<arith::OrIOp>(zero, minus), i(1), y);
  Value result = remainder ? op<arith::RemSIOp>(x, safe) : op<arith::DivSIOp>(x, safe);
  return select(zero, i(0), select(minus, remainder ? i(0) : op<arith::SubIOp>(i(0), x), result));
}

Value Scalar::mod(Value x, Value y, bool fmod) {
  Value r = isFloat ? op<arith::RemFOp>(x, y) : divide(x, y, /*remainder=*/true);
  if (fmod || uns)
    return r;
  // The remainder of truncation has the sign of x; where signs differ, the one of y is a divisor further.
  if (isFloat) {
    Value differ = op<arith::XOrIOp>(cmp(CmpFPredicate::OLT, r, c(0)), cmp(CmpFPredicate::OLT, y, c(0)));
    Value move = op<arith::AndIOp>(differ, cmp(CmpFPredicate::UNE, r, c(0)));
    return select(move, op<arith::AddFOp>(r, y), r);
  }
  Value differ = cmp(CmpIPredicate::slt, op<arith::XOrIOp>(r, y), i(0));
  Value move = op<arith::AndIOp>(differ, cmp(CmpIPredicate::ne, r, i(0)));
  return select(move, op<arith::AddIOp>(r, y), r);
}

Value Scalar::shift(Operation *o, Value x, Value y) {
  unsigned width = type.getIntOrFloatBitWidth();
  Value inside = cmp(CmpIPredicate::ult, y, i(width));
  if (isa<ShiftRightOp>(o) && !uns) // the sign fills up
    return op<arith::ShRSIOp>(x, select(inside, y, i(width - 1)));
  Value amount = select(inside, y, i(0));
  return select(inside, isa<ShiftLeftOp>(o) ? op<arith::ShLIOp>(x, amount) : op<arith::ShRUIOp>(x, amount), i(0));
}

Value Scalar::compare(Operation *o, Value x, Value y) {
  bool equal = isa<EqualOp>(o), less = isa<LessOp>(o);
  if (isFloat)
    return cmp(equal ? CmpFPredicate::OEQ : less ? CmpFPredicate::OLT : CmpFPredicate::OLE, x, y);
  if (uns || type.isInteger(1))
    return cmp(equal ? CmpIPredicate::eq : less ? CmpIPredicate::ult : CmpIPredicate::ule, x, y);
  return cmp(equal ? CmpIPredicate::eq : less ? CmpIPredicate::slt : CmpIPredicate::sle, x, y);
}

// A threshold rounded down compares with a number of the type as the exact one does. Unordered: NaN passes, a NaN gate is closed.
Value Scalar::gate(GateOp o) {
  APFloat threshold = o.getThreshold();
  bool inexact;
  threshold.convert(cast<FloatType>(type).getFloatSemantics(), APFloat::rmTowardNegative, &inexact);
  Value t = arith::ConstantOp::create(b, b.getFloatAttr(type, threshold));
  if (o.getBy())
    return select(cmp(CmpFPredicate::OGT, sigmoid(args[1]), t), args[0], c(0));
  return select(cmp(CmpFPredicate::OLE, op<math::AbsFOp>(args[0]), t), c(0), args[0]);
}

Value Scalar::binary(Operation *o, Value x, Value y) {
  return TypeSwitch<Operation *, Value>(o)
      .Case([&](AddOp) { return pick<arith::AddFOp, arith::AddIOp, arith::AddIOp>(x, y); })
      .Case([&](SubOp) { return pick<arith::SubFOp, arith::SubIOp, arith::SubIOp>(x, y); })
      .Case([&](MulOp) { return pick<arith::MulFOp, arith::MulIOp, arith::MulIOp>(x, y); })
      .Case([&](MaxOp) { return pick<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(x, y); })
      .Case([&](MinOp) { return pick<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(x, y); })
      .Case([&](DivOp) { return isFloat ? op<arith::DivFOp>(x, y) : divide(x, y, /*remainder=*/false); })
      .Case([&](ModOp m) { return mod(x, y, m.getFmod()); })
      .Case<AndOp, BitAndOp>([&](Operation *) { return op<arith::AndIOp>(x, y); })
      .Case<OrOp, BitOrOp>([&](Operation *) { return op<arith::OrIOp>(x, y); })
      .Case<XorOp, BitXorOp>([&](Operation *) { return op<arith::XOrIOp>(x, y); })
      .Case<ShiftLeftOp, ShiftRightOp>([&](Operation *) { return shift(o, x, y); })
      .Case<EqualOp, LessOp, LessEqualOp>([&](Operation *) { return compare(o, x, y); })
      .Default([](Operation *) { return Value(); });
}

// In a's type when both are floats; with an integer in it, through f64 (exact below 2^53).
static Value power(ImplicitLocOpBuilder &b, PowOp op, Value x, Value y) {
  Type tx = op.getLhs().getType().getElementType(), ty = op.getRhs().getType().getElementType();
  if (isa<FloatType>(tx)) {
    Value wide = widen(b, x);
    Type type = wide.getType();
    if (APFloat two(0.0); matchPattern(op.getRhs(), m_ConstantFloat(&two)) && two.isExactlyValue(2.0))
      return narrow(b, arith::MulFOp::create(b, wide, wide), tx);
    return narrow(b, math::PowFOp::create(b, wide, castScalar(b, y, ty, type)), tx);
  }
  Type f64 = b.getF64Type();
  Value result = math::PowFOp::create(b, castScalar(b, x, tx, f64), castScalar(b, y, ty, f64));
  return castScalar(b, result, f64, tx);
}

Value mlir::ds::lowerScalar(ImplicitLocOpBuilder &b, Operation *op, ValueRange args) {
  Type from = getElementTypeOrSelf(op->getOperand(0).getType()), to = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<SelectOp>(op))
    return arith::SelectOp::create(b, args[0], args[1], args[2]);
  if (isa<CastOp>(op))
    return castScalar(b, args[0], from, to);
  if (isa<BitcastOp>(op))
    return loweredElement(from) == loweredElement(to) ? args[0]
                                                      : arith::BitcastOp::create(b, loweredElement(to), args[0]).getResult();
  if (auto pow = dyn_cast<PowOp>(op))
    return power(b, pow, args[0], args[1]);
  SmallVector<Value> wide = llvm::map_to_vector(args, [&](Value v) { return widen(b, v); });
  Scalar s{b, wide, wide[0].getType(), isUnsigned(from), isa<FloatType>(from)};
  if (auto gate = dyn_cast<GateOp>(op))
    return narrow(b, s.gate(gate), loweredElement(to));
  Value result = wide.size() == 1 ? s.unary(op, wide[0]) : s.binary(op, wide[0], wide[1]);
  return result ? narrow(b, result, loweredElement(to)) : result;
}
