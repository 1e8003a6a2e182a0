// Operators along axes: reductions, prefix sums, selection.
#include "lib/importer/RuntimeAxes.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// The axes of a reduction, all if none are given; nullopt means that nothing is reduced (an error when the node has failed).
std::optional<RuntimeAxes> reducedAxes(Node &n, Value x) {
  auto axes = runtimeAxes(n, 1, n.rank(x));
  if (failed(axes))
    return std::nullopt;
  if (axes->count == 0 && n.i("noop_with_empty_axes", 0))
    return std::nullopt;
  if (axes->count == 0)
    for (axes->count = 0; axes->count < n.rank(x); ++axes->count)
      axes->fixed.push_back(axes->count);
  return *axes;
}

// A reduced tensor, whose axes are still there with size 1, as the node wants it.
Value finished(Node &n, Value reduced, Value operand, const RuntimeAxes &axes) {
  return n.i("keepdims", 1) ? reduced : n.reshape(reduced, withoutAxes(n, n.dims(operand), axes));
}

Value reduced(Node &n, ReduceKind kind, Value x, const RuntimeAxes &axes) {
  // One op where it can be.
  if (axes.flags.empty())
    return n.reduce(kind, x, axes.fixed, n.i("keepdims", 1) != 0);
  return finished(n, reduceAlong(n, kind, x, axes), x, axes);
}

Value reducedMean(Node &n, Value x, const RuntimeAxes &axes) {
  if (axes.flags.empty())
    return n.mean(x, axes.fixed, n.i("keepdims", 1) != 0);
  AffineExpr count;
  Value sum = reduceAlong(n, ReduceKind::sum, x, axes, &count);
  return sum ? finished(n, n.same<DivOp>(sum, n.sizeTensor(count, getElementTypeOrSelf(x.getType()))), x, axes) : Value();
}

enum class Before { none, square, abs, exp };
enum class After { none, mean, sqrt, log };

// before(x) reduced, then after; with `noop` the elementwise parts remain.
template <ReduceKind kind, Before before, After after>
LogicalResult reduceOp(Node &n) {
  Value x = n.in(0), y = x;
  auto axes = reducedAxes(n, x);
  if (n.isFailed)
    return failure();
  if (before == Before::square)
    y = n.same<MulOp>(x, x);
  if (before == Before::abs)
    y = n.same<AbsOp>(x);
  if (before == Before::exp)
    y = n.same<ExpOp>(x);
  if (axes)
    y = after == After::mean ? reducedMean(n, y, *axes) : reduced(n, kind, y, *axes);
  if (after == After::sqrt)
    y = isa<FloatType>(n.elementType(0)) ? n.same<SqrtOp>(y) : n.cast_(n.same<SqrtOp>(n.cast_(y, n.f32())), n.elementType(0));
  if (after == After::log)
    y = n.same<LogOp>(y);
  return n.result(y);
}

// Bools are reduced as unsigned numbers, so that no elements give false and true.
template <ReduceKind kind>
LogicalResult reduceExtremum(Node &n) {
  Value x = n.in(0);
  auto axes = reducedAxes(n, x);
  if (n.isFailed || !axes)
    return n.isFailed ? failure() : n.result(x);
  Type type = n.elementType(0), work = type.isInteger(1) ? Type(n.b.getIntegerType(8, false)) : type;
  return n.result(n.cast_(reduced(n, kind, n.cast_(x, work), *axes), type));
}

// max + log(sum(exp(x - max))), so that exp cannot overflow. An infinite max would give NaN: it is replaced by 0 inside.
LogicalResult importReduceLogSumExp(Node &n) {
  Value x = n.in(0);
  auto axes = reducedAxes(n, x);
  if (n.isFailed)
    return failure();
  if (!axes)
    return n.result(x);
  Type type = n.elementType(0);
  Value max = reduceAlong(n, ReduceKind::max, x, *axes);
  Value infinite = n.make<IsInfOp>(n.i1(), max, true, true);
  Value shift = n.make<SelectOp>(type, infinite, n.scalar(type, 0), max);
  Value sum = reduceAlong(n, ReduceKind::sum, n.same<ExpOp>(n.same<SubOp>(x, shift)), *axes);
  return n.result(finished(n, n.same<AddOp>(n.same<LogOp>(sum), shift), x, *axes));
}

template <ReduceKind kind>
LogicalResult importArg(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", 0), n.rank(x));
  if (failed(axis))
    return failure();
  auto flag = [&](StringRef name, int64_t otherwise) { return n.i(name, otherwise) ? n.b.getUnitAttr() : UnitAttr(); };
  auto op = n.makeOp<ArgReduceOp>(n.i64(), ReduceKindAttr::get(n.ctx(), kind), x, n.b.getI64IntegerAttr(*axis), flag("keepdims", 1),
                                  flag("select_last_index", 0));
  return n.result(op ? op.getResult() : Value());
}

// The running sum (or product) along the axis; along each axis, and the right one selected, where only run time knows it.
template <ReduceKind kind>
LogicalResult importScan(Node &n) {
  Value x = n.in(0);
  auto flag = [&](StringRef name) { return n.i(name, 0) ? n.b.getUnitAttr() : UnitAttr(); };
  auto along = [&](int64_t axis) {
    auto op = n.makeOp<ScanOp>(n.elementType(0), ReduceKindAttr::get(n.ctx(), kind), x, n.b.getI64IntegerAttr(axis), flag("exclusive"),
                               flag("reverse"));
    return op ? op.getResult() : Value();
  };
  auto given = n.constInts(1);
  if (given && given->size() == 1) {
    FailureOr<int64_t> axis = n.axis(given->front(), n.rank(x));
    return failed(axis) ? failure() : n.result(along(*axis));
  }
  Value chosen = n.cast_(n.reshape(n.in(1), {}), n.i64()), result = along(0);
  for (int64_t axis = 1; axis < n.rank(x); ++axis) {
    Value front = n.make<EqualOp>(n.i1(), chosen, n.scalar(n.i64(), axis));
    Value back = n.make<EqualOp>(n.i1(), chosen, n.scalar(n.i64(), axis - n.rank(x)));
    result = n.make<SelectOp>(n.elementType(0), n.same<OrOp>(front, back), along(axis), result);
  }
  return n.result(result);
}

LogicalResult importTopK(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), n.rank(x));
  SmallVector<AffineExpr> k{n.shapes.constant(n.i("k", 1))};
  if (n.has(1)) {
    auto sizes = n.sizes(1);
    if (failed(sizes))
      return failure();
    k = *sizes;
  }
  if (failed(axis))
    return failure();
  auto [dynamic, statics] = n.shapes.split(k, n.loc);
  auto op = n.makeOp<TopKOp>({n.elementType(0), n.i64()}, x, dynamic, n.b.getDenseI64ArrayAttr(statics), n.b.getI64IntegerAttr(*axis),
                             n.i("largest", 1) ? n.b.getUnitAttr() : UnitAttr());
  if (!op)
    return failure();
  return failure(failed(n.result(op.getValues(), 0)) || failed(n.result(op.getIndices(), 1)));
}

const OpEntry kOps[] = {
    {"ArgMax", 1, importArg<ReduceKind::max>},
    {"ArgMin", 1, importArg<ReduceKind::min>},
    {"CumProd", 1, importScan<ReduceKind::prod>},
    {"CumSum", 1, importScan<ReduceKind::sum>},
    {"ReduceL1", 1, reduceOp<ReduceKind::sum, Before::abs, After::none>},
    {"ReduceL2", 1, reduceOp<ReduceKind::sum, Before::square, After::sqrt>},
    {"ReduceLogSum", 1, reduceOp<ReduceKind::sum, Before::none, After::log>},
    {"ReduceLogSumExp", 1, importReduceLogSumExp},
    {"ReduceMax", 1, reduceExtremum<ReduceKind::max>},
    {"ReduceMean", 1, reduceOp<ReduceKind::sum, Before::none, After::mean>},
    {"ReduceMin", 1, reduceExtremum<ReduceKind::min>},
    {"ReduceProd", 1, reduceOp<ReduceKind::prod, Before::none, After::none>},
    {"ReduceSum", 1, reduceOp<ReduceKind::sum, Before::none, After::none>},
    {"ReduceSumSquare", 1, reduceOp<ReduceKind::sum, Before::square, After::none>},
    {"TopK", 1, importTopK},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::reduceOps() { return kOps; }
