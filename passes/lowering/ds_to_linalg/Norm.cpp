// Softmax, layer and RMS norm, rotary embedding, in loops that share their rows. Sums of halves are kept in f32.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A tensor of full shape whose axes in `reduced` are summed up per row.
struct Rows {
  Lowering &l;
  Dims dims, kept;
  SmallVector<bool> reduced;
  AffineMap full, row; // of loops over `dims`

  Rows(Lowering &l, ArrayRef<AffineExpr> all, int64_t first, int64_t end) : l(l), dims(all), reduced(all.size()) {
    Exprs rowExprs;
    for (int64_t axis = 0; axis < static_cast<int64_t>(dims.size()); ++axis) {
      reduced[axis] = axis >= first && axis < end;
      if (reduced[axis])
        continue;
      kept.push_back(dims[axis]);
      rowExprs.push_back(l.d(axis));
    }
    full = l.identity(dims.size());
    row = l.map(dims.size(), rowExprs);
  }

  using Fn = function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;
  // Sum (or maximum) over the reduced axes of what `term` makes of the operands.
  Value reduce(bool max, ArrayRef<LoopOperand> inputs, Fn term) {
    Type f = type();
    Value start = l.constant(f, max ? -std::numeric_limits<double>::infinity() : 0.0);
    return l.reduction(reduced, inputs, l.filled(f, kept, start), [&](ImplicitLocOpBuilder &b, ValueRange args) {
      Value x = term(b, args.drop_back());
      if (max)
        return SmallVector<Value>{arith::MaximumFOp::create(b, args.back(), x)};
      return SmallVector<Value>{arith::AddFOp::create(b, args.back(), x, arith::FastMathFlags::reassoc)};
    })[0];
  }
  Value perRow(Value input, function_ref<Value(ImplicitLocOpBuilder &, Value)> body) {
    return l.loops(type(), kept, LoopOperand{input, l.identity(kept.size())},
                   [&](ImplicitLocOpBuilder &b, ValueRange args) { return body(b, args[0]); });
  }
  Type type() const { return wide; }
  Type wide;
};
} // namespace

static Value sub(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::SubFOp::create(b, x, y); }
static Value mul(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::MulFOp::create(b, x, y); }

static void lowerSoftmax(Lowering &l, SoftmaxOp op) {
  Type element = op.getType().getElementType();
  Rows rows(l, l.dims(op.getInput()), op.getAxis(), op.getAxis() + 1);
  rows.wide = isHalf(element) ? l.b.getF32Type() : element;
  LoopOperand x{l.get(op.getInput()), rows.full};
  Value max = rows.reduce(/*max=*/true, x, [](ImplicitLocOpBuilder &b, ValueRange args) { return widen(b, args[0]); });
  auto shifted = [](ImplicitLocOpBuilder &b, ValueRange args) { return sub(b, widen(b, args[0]), args[1]); };
  if (op.getLog()) {
    Value sum = rows.reduce(false, {x, {max, rows.row}}, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
      return math::ExpOp::create(b, shifted(b, args));
    });
    Value log = rows.perRow(sum, [](ImplicitLocOpBuilder &b, Value s) -> Value { return math::LogOp::create(b, s); });
    l.set(op, l.loops(element, rows.dims, {x, {max, rows.row}, {log, rows.row}}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
      return narrow(b, sub(b, shifted(b, args), args[2]), element);
    }));
    return;
  }
  // As the steps of ONNX's definition do, those of 16 bits round; their sum is kept in f32.
  auto rounded = [&](ImplicitLocOpBuilder &b, Value v) { return isHalf(element) ? widen(b, narrow(b, v, element)) : v; };
  Value exp = l.loops(rows.wide, rows.dims, {x, {max, rows.row}}, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    return rounded(b, math::ExpOp::create(b, rounded(b, shifted(b, args))));
  });
  Value sum = rows.reduce(false, LoopOperand{exp, rows.full}, [](ImplicitLocOpBuilder &, ValueRange args) { return args[0]; });
  if (isHalf(element)) {
    l.set(op, l.loops(element, rows.dims, {{exp, rows.full}, {sum, rows.row}}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
      return narrow(b, arith::DivFOp::create(b, args[0], rounded(b, args[1])), element);
    }));
    return;
  }
  Value inverse = rows.perRow(sum, [](ImplicitLocOpBuilder &b, Value s) -> Value {
    return arith::DivFOp::create(b, scalarConstant(b, s.getType(), 1), s);
  });
  l.set(op, l.loops(element, rows.dims, {{exp, rows.full}, {inverse, rows.row}}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    return narrow(b, mul(b, args[0], args[1]), element);
  }));
}

// 1 / the number of elements that are normalised together.
static Value inverseCount(Lowering &l, ArrayRef<AffineExpr> dims, Type type) {
  AffineExpr count = l.shapes.constant(1);
  for (AffineExpr dim : dims)
    count = count * dim;
  if (auto number = constantOf(count))
    return l.constant(type, 1.0 / static_cast<double>(std::max<int64_t>(*number, 1)));
  Value integer = arith::IndexCastOp::create(l.b, l.b.getI64Type(), l.index(count));
  return arith::DivFOp::create(l.b, l.constant(type, 1), arith::SIToFPOp::create(l.b, type, integer));
}

static void lowerNormOp(Lowering &l, NormOp op) {
  Type element = op.getType().getElementType();
  Dims dims = l.dims(op.getInput());
  Rows rows(l, dims, op.getAxis(), dims.size());
  rows.wide = isHalf(element) ? l.b.getF32Type() : element;
  Type f = rows.wide;
  Value inverse = inverseCount(l, ArrayRef(dims).drop_front(op.getAxis()), f);
  bool layer = op.getKind() == NormKind::layer;
  SmallVector<LoopOperand> inputs = {{l.get(op.getInput()), rows.full}};
  if (layer) {
    Value sum = rows.reduce(false, inputs, [](ImplicitLocOpBuilder &b, ValueRange args) { return widen(b, args[0]); });
    inputs.push_back({rows.perRow(sum, [&](ImplicitLocOpBuilder &b, Value s) { return mul(b, s, inverse); }), rows.row});
  }
  auto centred = [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value x = widen(b, args[0]);
    return layer ? sub(b, x, args[1]) : x;
  };
  Value squares = rows.reduce(false, inputs, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value x = centred(b, args);
    return mul(b, x, x);
  });
  Value factor = rows.perRow(squares, [&](ImplicitLocOpBuilder &b, Value s) -> Value {
    Value variance = arith::AddFOp::create(b, mul(b, s, inverse), scalarConstant(b, f, op.getEpsilon().convertToDouble()));
    return arith::DivFOp::create(b, scalarConstant(b, f, 1), math::SqrtOp::create(b, variance));
  });
  inputs.push_back({factor, rows.row});
  size_t factorAt = inputs.size() - 1;
  for (Value v : {Value(op.getScale()), Value(op.getBias())})
    if (v)
      if (AffineMap map = l.broadcastMap(v, dims))
        inputs.push_back({l.get(v), map});
  l.set(op, l.loops(element, dims, inputs, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value y = mul(b, centred(b, args), args[factorAt]);
    size_t next = factorAt + 1;
    auto operand = [&](Value v) {
      return widen(b, l.broadcastMap(v, dims) ? args[next++] : l.broadcastRead(b, v, dims));
    };
    if (op.getScale())
      y = mul(b, y, operand(op.getScale()));
    if (op.getBias())
      y = arith::AddFOp::create(b, y, operand(op.getBias()));
    return narrow(b, y, element);
  }));
}

// Position j of the last axis pairs with its partner in the other half (or its odd or even neighbour).
static void lowerRope(Lowering &l, RopeOp op) {
  Type element = op.getType().getElementType();
  Dims dims = l.dims(op.getResult()), halves = dims;
  int64_t last = dims.size() - 1;
  halves[last] = dims[last].floorDiv(2);
  Value half = l.index(halves[last]), two = l.index(2), one = l.index(1), x = l.get(op.getInput());
  auto table = [&](ImplicitLocOpBuilder &b, Value v, ArrayRef<Value> at) -> Value {
    Dims own = l.dims(v);
    SmallVector<Value> where(at.take_back(own.size()));
    for (auto [i, dim] : llvm::enumerate(own))
      if (constantOf(dim) == 1 && constantOf(halves[halves.size() - own.size() + i]) != 1)
        where[i] = l.index(0);
    return widen(b, tensor::ExtractOp::create(b, l.get(v), where));
  };
  l.set(op, l.loops(element, dims, LoopOperand{x, l.identity(dims.size())}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    SmallVector<Value> at;
    for (int64_t i = 0; i <= last; ++i)
      at.push_back(l.linalgIndex(b, i));
    Value j = at[last], second, partner, pair;
    if (op.getInterleaved()) {
      pair = arith::DivUIOp::create(b, j, two);
      Value odd = arith::RemUIOp::create(b, j, two);
      second = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, odd, one);
      partner = arith::SelectOp::create(b, second, arith::SubIOp::create(b, j, one), arith::AddIOp::create(b, j, one));
    } else {
      second = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, j, half);
      partner = arith::SelectOp::create(b, second, arith::SubIOp::create(b, j, half), arith::AddIOp::create(b, j, half));
      pair = arith::SelectOp::create(b, second, partner, j);
    }
    at[last] = partner;
    Value other = widen(b, tensor::ExtractOp::create(b, x, at));
    at[last] = pair;
    Value cos = table(b, op.getCos(), at), sin = table(b, op.getSin(), at);
    Value own = mul(b, widen(b, args[0]), cos), cross = mul(b, other, sin);
    Value y = arith::SelectOp::create(b, second, arith::AddFOp::create(b, own, cross), sub(b, own, cross));
    return narrow(b, y, element);
  }));
}

LogicalResult mlir::ds::lowerNorm(Lowering &l, Operation *op) {
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return lowerSoftmax(l, softmax), success();
  if (auto norm = dyn_cast<NormOp>(op))
    return lowerNormOp(l, norm), success();
  if (auto rope = dyn_cast<RopeOp>(op))
    return lowerRope(l, rope), success();
  return failure();
}
