// Resampling: per axis a table of source positions and weights, then loops that read by them.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// f64 arithmetic on one result position of one axis.
struct Axis {
  Lowering &l;
  ImplicitLocOpBuilder &b;
  ResizeOp op;
  Value in, out, scale; // sizes as f64; result size / operand size as stated

  Value c(double v) { return scalarConstant(b, b.getF64Type(), v); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value whenMany(Value x, Value otherwise) {
    Value many = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, out, c(1));
    return arith::SelectOp::create(b, many, x, otherwise);
  }
  Value halfPixel(Value x) { return sub(div(add(x, c(0.5)), scale), c(0.5)); }
  Value aligned(Value x) { return div(mul(x, sub(in, c(1))), sub(out, c(1))); }

  // Where result position x lies in the operand.
  Value source(Value x) {
    switch (op.getCoordinates()) {
    case Coordinates::half_pixel:
      return halfPixel(x);
    case Coordinates::half_pixel_symmetric: {
      Value adjustment = div(out, mul(scale, in));
      return add(mul(div(in, c(2)), sub(c(1), adjustment)), halfPixel(x));
    }
    case Coordinates::pytorch_half_pixel:
      return whenMany(halfPixel(x), c(0));
    case Coordinates::align_corners:
      return whenMany(aligned(x), c(0));
    case Coordinates::asymmetric:
      return div(x, scale);
    case Coordinates::tf_crop_and_resize:
      return whenMany(aligned(x), mul(c(0.5), sub(in, c(1))));
    }
    return x;
  }
  Value nearest(Value x) {
    switch (op.getNearestMode()) {
    case NearestMode::round_prefer_floor:
      return math::CeilOp::create(b, sub(x, c(0.5)));
    case NearestMode::round_prefer_ceil:
      return math::FloorOp::create(b, add(x, c(0.5)));
    case NearestMode::floor:
      return math::FloorOp::create(b, x);
    case NearestMode::ceil:
      return math::CeilOp::create(b, x);
    }
    return x;
  }
  // As i64, inside the operand.
  Value clamped(Value x) {
    Value low = arith::MaximumFOp::create(b, x, c(0));
    return arith::FPToSIOp::create(b, b.getI64Type(), arith::MinimumFOp::create(b, low, sub(in, c(1))));
  }
  // Keys' kernel at distance t of the two inner and the two outer neighbours.
  Value cubic(unsigned tap, Value ratio) {
    double a = op.getCubicA().convertToDouble();
    Value t = tap == 0 ? add(ratio, c(1)) : tap == 1 ? ratio : tap == 2 ? sub(c(1), ratio) : sub(c(2), ratio);
    auto poly = [&](double k3, double k2, double k1, double k0) { return add(mul(add(mul(add(mul(c(k3), t), c(k2)), t), c(k1)), t), c(k0)); };
    return tap == 1 || tap == 2 ? poly(a + 2, -(a + 3), 0, 1) : poly(a, -5 * a, 8 * a, -4 * a);
  }
  // The weight of neighbour `tap` of floor(x); 0 for what is outside, if so asked.
  Value weight(unsigned tap, Value floor, Value ratio) {
    Value w = op.getMode() == ResizeMode::linear ? (tap ? ratio : sub(c(1), ratio)) : cubic(tap, ratio);
    if (op.getMode() == ResizeMode::linear || !op.getExcludeOutside())
      return w;
    Value at = add(floor, c(static_cast<double>(tap) - 1));
    Value low = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, at, c(0)), high = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, at, in);
    return arith::SelectOp::create(b, arith::AndIOp::create(b, low, high), w, c(0));
  }
};

class Resizer {
public:
  Resizer(Lowering &l, ResizeOp op) : l(l), op(op), from(l.dims(op.getInput())), to(l.dims(op.getResult())) {}
  Value nearest(Value input);
  Value separable(Value input);

private:
  bool resizes(unsigned axis) { return to[axis] != from[axis] || (op.getScales()[axis] != 1.0 && op.getScales()[axis] > 0); }
  // A table over the result's positions of an axis.
  Value table(unsigned axis, Type element, function_ref<Value(Axis &, Value)> body);
  Value alongAxis(Value input, unsigned axis, Dims &dims, Type wide, bool last);

  Lowering &l;
  ResizeOp op;
  Dims from, to;
};
} // namespace

Value Resizer::table(unsigned axis, Type element, function_ref<Value(Axis &, Value)> body) {
  Type f64 = l.b.getF64Type(), i64 = l.b.getI64Type();
  Value in = l.index(from[axis]), out = l.index(to[axis]);
  return l.loops(element, to[axis], {}, [&](ImplicitLocOpBuilder &b, ValueRange) {
    auto real = [&](Value index) -> Value { return arith::SIToFPOp::create(b, f64, arith::IndexCastOp::create(b, i64, index)); };
    Axis a{l, b, op, real(in), real(out), Value()};
    double stated = op.getScales()[axis];
    a.scale = stated > 0 ? a.c(stated) : a.div(a.out, a.in);
    return body(a, real(l.linalgIndex(b, 0)));
  });
}

Value Resizer::nearest(Value input) {
  SmallVector<LoopOperand> tables;
  for (unsigned axis = 0; axis < to.size(); ++axis)
    if (resizes(axis))
      tables.push_back({table(axis, l.b.getI64Type(), [](Axis &a, Value x) { return a.clamped(a.nearest(a.source(x))); }), l.map(to.size(), l.d(axis))});
  return l.loops(getElementTypeOrSelf(input), to, tables, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    SmallVector<Value> at;
    unsigned next = 0;
    for (unsigned axis = 0; axis < to.size(); ++axis)
      at.push_back(resizes(axis) ? toIndex(b, args[next++], false) : l.linalgIndex(b, axis));
    return tensor::ExtractOp::create(b, input, at);
  });
}

Value Resizer::alongAxis(Value input, unsigned axis, Dims &dims, Type wide, bool last) {
  unsigned taps = op.getMode() == ResizeMode::linear ? 2 : 4;
  dims[axis] = to[axis];
  SmallVector<LoopOperand> tables;
  auto floorOf = [](Axis &a, Value x) -> Value { return math::FloorOp::create(a.b, x); };
  for (unsigned tap = 0; tap < taps; ++tap) {
    double shift = static_cast<double>(tap) - (taps == 2 ? 0 : 1);
    tables.push_back({table(axis, l.b.getI64Type(), [&](Axis &a, Value x) { return a.clamped(a.add(floorOf(a, a.source(x)), a.c(shift))); }), l.map(dims.size(), l.d(axis))});
    tables.push_back({table(axis, wide, [&](Axis &a, Value x) {
      Value at = a.source(x), floor = floorOf(a, at), ratio = a.sub(at, floor), w = a.weight(tap, floor, ratio);
      if (taps == 4 && op.getExcludeOutside()) {
        Value sum = a.weight(0, floor, ratio);
        for (unsigned t = 1; t < taps; ++t)
          sum = a.add(sum, a.weight(t, floor, ratio));
        w = a.div(w, sum);
      }
      return castScalar(a.b, w, w.getType(), wide);
    }), l.map(dims.size(), l.d(axis))});
  }
  Type source = cast<RankedTensorType>(op.getType()).getElementType(), element = last ? loweredElement(source) : wide;
  bool first = getElementTypeOrSelf(input) != wide;
  return l.loops(element, dims, tables, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    SmallVector<Value> at;
    for (unsigned i = 0; i < dims.size(); ++i)
      at.push_back(l.linalgIndex(b, i));
    Value sum;
    for (unsigned tap = 0; tap < taps; ++tap) {
      at[axis] = toIndex(b, args[2 * tap], false);
      Value x = tensor::ExtractOp::create(b, input, at);
      x = arith::MulFOp::create(b, first ? castScalar(b, x, source, wide) : x, args[2 * tap + 1]);
      sum = sum ? arith::AddFOp::create(b, sum, x).getResult() : x;
    }
    return element == wide ? sum : castScalar(b, sum, wide, source);
  });
}

Value Resizer::separable(Value input) {
  Type element = getElementTypeOrSelf(input), wide = element.isF64() ? element : l.b.getF32Type();
  SmallVector<unsigned> axes;
  for (unsigned axis = 0; axis < to.size(); ++axis)
    if (resizes(axis))
      axes.push_back(axis);
  Dims dims = from;
  for (unsigned axis : axes)
    input = alongAxis(input, axis, dims, wide, axis == axes.back());
  if (axes.empty())
    input = l.loops(element, to, LoopOperand{input, l.identity(to.size())}, [](ImplicitLocOpBuilder &, ValueRange args) { return args[0]; });
  return input;
}

LogicalResult mlir::ds::lowerResize(Lowering &l, Operation *op) {
  auto resize = dyn_cast<ResizeOp>(op);
  if (!resize)
    return failure();
  Resizer resizer(l, resize);
  Value input = l.get(resize.getInput());
  l.set(resize, resize.getMode() == ResizeMode::nearest ? resizer.nearest(input) : resizer.separable(input));
  return success();
}
