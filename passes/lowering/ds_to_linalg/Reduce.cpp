// Reductions over axes. Halves accumulate in f32.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

// What a reduction starts from, in the accumulator's type.
static Value initial(Lowering &l, ReduceKind kind, Type type, bool uns) {
  if (kind == ReduceKind::sum || kind == ReduceKind::prod)
    return l.constant(type, kind == ReduceKind::prod);
  bool lowest = kind == ReduceKind::max;
  if (isa<FloatType>(type))
    return l.constant(type, lowest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  unsigned width = type.getIntOrFloatBitWidth();
  uns |= width == 1;
  APInt number = lowest ? uns ? APInt::getMinValue(width) : APInt::getSignedMinValue(width)
                        : uns ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  return arith::ConstantOp::create(l.b, l.b.getIntegerAttr(type, number));
}

template <typename FloatOp, typename SignedOp, typename UnsignedOp>
static Value pick(ImplicitLocOpBuilder &b, Value x, Value y, bool uns) {
  if (isa<FloatType>(x.getType()))
    return FloatOp::create(b, x, y);
  if (uns || x.getType().isInteger(1))
    return UnsignedOp::create(b, x, y);
  return SignedOp::create(b, x, y);
}

static Value combine(ImplicitLocOpBuilder &b, ReduceKind kind, Value x, Value y, bool uns) {
  switch (kind) {
  case ReduceKind::sum: {
    Value sum = pick<arith::AddFOp, arith::AddIOp, arith::AddIOp>(b, x, y, uns);
    if (auto add = sum.getDefiningOp<arith::AddFOp>())
      add.setFastmath(arith::FastMathFlags::reassoc);
    return sum;
  }
  case ReduceKind::prod:
    return pick<arith::MulFOp, arith::MulIOp, arith::MulIOp>(b, x, y, uns);
  case ReduceKind::max:
    return pick<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(b, x, y, uns);
  case ReduceKind::min:
    return pick<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(b, x, y, uns);
  }
  return x;
}

// A value over the axes that a reduction keeps, as one with size 1 where it reduced (or the element type narrowed).
static Value restore(Lowering &l, Value kept, ArrayRef<AffineExpr> dims, ArrayRef<bool> reduced, Type element) {
  Exprs from;
  unsigned next = 0;
  bool keepdims = dims.size() == reduced.size();
  for (bool r : reduced) {
    if (!r)
      from.push_back(l.d(next));
    next += keepdims || !r;
  }
  return l.loops(element, dims, LoopOperand{kept, l.map(dims.size(), from)},
                 [&](ImplicitLocOpBuilder &b, ValueRange args) { return narrow(b, args[0], element); });
}

static void lowerReduceOp(Lowering &l, ReduceOp op) {
  Dims dims = l.dims(op.getInput()), kept;
  bool uns = isUnsigned(op.getInput().getType());
  Type element = loweredElement(op.getType().getElementType()), wide = isHalf(element) ? l.b.getF32Type() : element;
  SmallVector<bool> reduced(dims.size());
  for (int64_t axis : op.getAxes())
    reduced[axis] = true;
  for (auto [r, dim] : llvm::zip_equal(reduced, dims))
    if (!r)
      kept.push_back(dim);
  Value init = l.filled(wide, kept, initial(l, op.getKind(), wide, uns));
  LoopOperand input{l.get(op.getInput()), l.identity(dims.size())};
  Value result = l.reduction(reduced, input, init, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    return SmallVector<Value>{combine(b, op.getKind(), args[1], widen(b, args[0]), uns)};
  })[0];
  bool sameShape = !op.getKeepdims() || op.getAxes().empty();
  if (!sameShape || wide != element)
    result = restore(l, result, l.dims(op.getResult()), reduced, element);
  l.set(op, result);
}

// The best element so far and its index, -1 before the first.
static SmallVector<Value> argStep(Lowering &l, ImplicitLocOpBuilder &b, ArgReduceOp op, ValueRange args) {
  bool max = op.getKind() == ReduceKind::max, uns = isUnsigned(op.getInput().getType());
  Value x = args[0], best = args[1], at = args[2];
  Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, scalarInt(b, b.getI64Type(), 0)), better;
  if (isa<FloatType>(x.getType())) {
    auto predicate = max ? op.getLast() ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT
                         : op.getLast() ? arith::CmpFPredicate::OLE : arith::CmpFPredicate::OLT;
    better = arith::CmpFOp::create(b, predicate, x, best);
    // The first NaN wins.
    Value nan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
    Value had = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, best, best);
    Value fresh = arith::AndIOp::create(b, nan, arith::XOrIOp::create(b, had, scalarInt(b, b.getI1Type(), 1)));
    better = arith::OrIOp::create(b, better, fresh);
  } else {
    uns |= x.getType().isInteger(1);
    using P = arith::CmpIPredicate;
    P predicate = max ? op.getLast() ? uns ? P::uge : P::sge : uns ? P::ugt : P::sgt
                      : op.getLast() ? uns ? P::ule : P::sle : uns ? P::ult : P::slt;
    better = arith::CmpIOp::create(b, predicate, x, best);
  }
  Value take = arith::OrIOp::create(b, first, better);
  Value here = arith::IndexCastOp::create(b, b.getI64Type(), l.linalgIndex(b, op.getAxis()));
  return {arith::SelectOp::create(b, take, x, best), arith::SelectOp::create(b, take, here, at)};
}

static void lowerArgReduce(Lowering &l, ArgReduceOp op) {
  Dims dims = l.dims(op.getInput()), kept = dims;
  kept.erase(kept.begin() + op.getAxis());
  Type element = loweredElement(op.getInput().getType().getElementType()), i64 = l.b.getI64Type();
  SmallVector<bool> reduced(dims.size());
  reduced[op.getAxis()] = true;
  Value inits[] = {l.filled(element, kept, l.constant(element, 0)), l.filled(i64, kept, l.constantInt(i64, -1))};
  LoopOperand input{l.get(op.getInput()), l.identity(dims.size())};
  Value result = l.reduction(reduced, input, inits, [&](ImplicitLocOpBuilder &b, ValueRange args) { return argStep(l, b, op, args); })[1];
  l.set(op, op.getKeepdims() ? restore(l, result, l.dims(op.getResult()), reduced, i64) : result);
}

LogicalResult mlir::ds::lowerReduce(Lowering &l, Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return lowerReduceOp(l, reduce), success();
  if (auto arg = dyn_cast<ArgReduceOp>(op))
    return lowerArgReduce(l, arg), success();
  return failure();
}
