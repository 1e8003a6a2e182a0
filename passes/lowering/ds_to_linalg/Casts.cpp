// ds.cast of one element: floats round to nearest even, float to integer saturates, integers wrap.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

static Value floatToFloat(ImplicitLocOpBuilder &b, Value x, Type to) {
  Type from = x.getType();
  unsigned have = from.getIntOrFloatBitWidth(), want = to.getIntOrFloatBitWidth();
  if (from == to)
    return x;
  if (have == want) // f16 <-> bf16
    return arith::TruncFOp::create(b, to, widen(b, x));
  if (have < want)
    return arith::ExtFOp::create(b, to, x);
  return arith::TruncFOp::create(b, to, x);
}

// Out of range gives the nearest integer, NaN gives 0; the conversion itself only sees values in range.
static Value floatToInt(ImplicitLocOpBuilder &b, Value x, Type to, bool uns) {
  x = widen(b, x);
  Type from = x.getType(), lowered = loweredElement(to);
  unsigned width = to.getIntOrFloatBitWidth();
  auto cmp = [&](arith::CmpFPredicate p, double v) { return arith::CmpFOp::create(b, p, x, scalarConstant(b, from, v)); };
  Value big = cmp(arith::CmpFPredicate::OGE, std::ldexp(1.0, uns ? width : width - 1));
  Value small = uns ? cmp(arith::CmpFPredicate::OLE, -1.0) : cmp(arith::CmpFPredicate::OLT, -std::ldexp(1.0, width - 1));
  Value nan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value out = arith::OrIOp::create(b, arith::OrIOp::create(b, big, small), nan);
  Value safe = arith::SelectOp::create(b, out, scalarConstant(b, from, 0), x);
  Value inside = uns ? arith::FPToUIOp::create(b, lowered, safe).getResult() : arith::FPToSIOp::create(b, lowered, safe).getResult();
  APInt low = uns ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt high = uns ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  auto number = [&](const APInt &v) { return arith::ConstantOp::create(b, b.getIntegerAttr(lowered, v)); };
  Value result = arith::SelectOp::create(b, big, number(high), inside);
  return arith::SelectOp::create(b, small, number(low), result);
}

static Value intToFloat(ImplicitLocOpBuilder &b, Value x, Type to, bool uns) {
  Type wide = isHalf(to) ? b.getF32Type() : to;
  Value result = uns ? arith::UIToFPOp::create(b, wide, x).getResult() : arith::SIToFPOp::create(b, wide, x).getResult();
  return narrow(b, result, to);
}

static Value intToInt(ImplicitLocOpBuilder &b, Value x, Type to, bool uns) {
  Type lowered = loweredElement(to);
  unsigned have = x.getType().getIntOrFloatBitWidth(), want = lowered.getIntOrFloatBitWidth();
  if (have == want)
    return x;
  if (have > want)
    return arith::TruncIOp::create(b, lowered, x);
  return uns ? arith::ExtUIOp::create(b, lowered, x).getResult() : arith::ExtSIOp::create(b, lowered, x).getResult();
}

Value mlir::ds::castScalar(ImplicitLocOpBuilder &b, Value x, Type from, Type to) {
  bool uns = from.isUnsignedInteger() || from.isInteger(1);
  if (to.isInteger(1) && !from.isInteger(1)) {
    if (isa<FloatType>(from))
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x, scalarConstant(b, x.getType(), 0));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x, scalarInt(b, x.getType(), 0));
  }
  if (isa<FloatType>(from))
    return isa<FloatType>(to) ? floatToFloat(b, x, to) : floatToInt(b, x, to, to.isUnsignedInteger());
  return isa<FloatType>(to) ? intToFloat(b, x, to, uns) : intToInt(b, x, to, uns);
}
