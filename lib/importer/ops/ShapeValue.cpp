// Operators whose operands are offsets, sizes and counts.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
struct SliceSpec {
  SmallVector<AffineExpr> starts, ends;
  SmallVector<int64_t> axes, steps;
};

// An ONNX bound as a position: from the end where negative, then clamped to [low, high].
AffineExpr position(Node &n, AffineExpr bound, AffineExpr size, AffineExpr low, AffineExpr high) {
  auto c = constantOf(bound);
  if (c && *c < 0)
    bound = *c <= INT32_MIN ? low : bound + size;
  else if (c && *c >= INT32_MAX)
    return high;
  else if (!c && !n.shapes.isNonNegative(bound)) {
    Value v = n.shapes.value(bound, n.loc), zero = n.shapes.value(n.shapes.constant(0), n.loc);
    Value isNegative = arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::slt, v, zero);
    // Huge bounds mean "to the end": clamped before the size is added.
    Value sum = arith::AddIOp::create(n.b, n.loc, v, n.shapes.value(size, n.loc));
    bound = n.shapes.symbol(arith::SelectOp::create(n.b, n.loc, isNegative, sum, v), false);
  }
  AffineExpr clamped = n.shapes.max(bound, low, n.loc);
  // What is below `high` already, stays so: low never exceeds high.
  return n.shapes.isNonNegative(n.shapes.difference(high, bound)) ? clamped : n.shapes.min(clamped, high, n.loc);
}

LogicalResult sliceBy(Node &n, const SliceSpec &spec) {
  Value x = n.in(0);
  Dims sizes = n.dims(x), offsets(sizes.size(), n.shapes.constant(0));
  SmallVector<int64_t> strides(sizes.size(), 1);
  if (spec.starts.size() != spec.ends.size() || spec.axes.size() != spec.starts.size() || spec.steps.size() != spec.starts.size())
    return n.error() << "starts, ends, axes and steps differ in number";
  auto axes = n.axes(spec.axes, sizes.size());
  if (failed(axes) || n.isFailed)
    return failure();
  AffineExpr zero = n.shapes.constant(0);
  for (auto [i, axis] : llvm::enumerate(*axes)) {
    AffineExpr size = sizes[axis];
    int64_t step = spec.steps[i];
    if (step == 0 || step <= INT32_MIN || step >= INT32_MAX)
      step = step < 0 ? -INT32_MAX : step ? INT32_MAX : 0;
    if (step == 0)
      return n.error() << "a step is 0";
    AffineExpr low = step > 0 ? zero : zero - 1, high = step > 0 ? size : size - 1;
    AffineExpr start = position(n, spec.starts[i], size, low, high), end = position(n, spec.ends[i], size, low, high);
    AffineExpr span = step > 0 ? n.shapes.difference(end, start) : n.shapes.difference(start, end);
    // A slice up to the very end cannot have a negative span.
    bool isWhole = end == (step > 0 ? high : low);
    AffineExpr count = (isWhole ? span : n.shapes.max(span, zero, n.loc)).ceilDiv(std::abs(step));
    offsets[axis] = constantOf(count) == 0 ? zero : start;
    sizes[axis] = count;
    strides[axis] = step;
  }
  return n.result(n.slice(x, offsets, sizes, strides));
}

SmallVector<int64_t> firstAxes(size_t count) { return llvm::to_vector(llvm::seq<int64_t>(0, count)); }

LogicalResult importSliceAttrs(Node &n) {
  auto exprs = [&](StringRef name) { return llvm::map_to_vector(n.ints(name), [&](int64_t s) { return n.shapes.constant(s); }); };
  SliceSpec spec{exprs("starts"), exprs("ends"), n.ints("axes"), {}};
  if (spec.axes.empty())
    spec.axes = firstAxes(spec.starts.size());
  spec.steps.assign(spec.starts.size(), 1);
  return sliceBy(n, spec);
}
// Axes or steps that are data: every axis is gathered at start + i * step, with 0 and 1 where it is not named.
LogicalResult sliceAtRunTime(Node &n, ArrayRef<AffineExpr> starts, ArrayRef<AffineExpr> ends) {
  auto firsts = llvm::map_to_vector(firstAxes(starts.size()), [&](int64_t a) { return n.shapes.constant(a); });
  auto axes = n.has(3) ? n.sizes(3) : FailureOr<SmallVector<AffineExpr>>(firsts);
  auto steps = n.has(4) ? n.sizes(4) : FailureOr<SmallVector<AffineExpr>>(SmallVector<AffineExpr>(starts.size(), n.shapes.constant(1)));
  if (failed(axes) || failed(steps))
    return failure();
  if (ends.size() != starts.size() || axes->size() != starts.size() || steps->size() != starts.size())
    return n.error() << "starts, ends, axes and steps differ in number";
  OpBuilder &b = n.b;
  Location loc = n.loc;
  auto value = [&](AffineExpr e) { return n.shapes.value(e, loc); };
  auto constant = [&](int64_t c) { return value(n.shapes.constant(c)); };
  auto compare = [&](arith::CmpIPredicate p, Value x, Value y) -> Value { return arith::CmpIOp::create(b, loc, p, x, y); };
  auto select = [&](Value c, Value x, Value y) -> Value { return arith::SelectOp::create(b, loc, c, x, y); };
  Value x = n.in(0), one = constant(1), zero = constant(0);
  int64_t rank = n.rank(x);
  for (int64_t axis = 0; axis < rank; ++axis) {
    Value size = value(n.dim(n.in(0), axis)), start = zero, end = size, step = one;
    for (size_t i = 0; i < starts.size(); ++i) {
      Value name = value((*axes)[i]);
      Value is = arith::OrIOp::create(b, loc, compare(arith::CmpIPredicate::eq, name, constant(axis)),
                                      compare(arith::CmpIPredicate::eq, name, constant(axis - rank)));
      start = select(is, value(starts[i]), start);
      end = select(is, value(ends[i]), end);
      step = select(is, value((*steps)[i]), step);
    }
    Value forward = compare(arith::CmpIPredicate::sgt, step, zero);
    Value low = select(forward, zero, constant(-1)), high = arith::AddIOp::create(b, loc, size, low);
    auto place = [&](Value v) {
      Value wrapped = select(compare(arith::CmpIPredicate::slt, v, zero), arith::AddIOp::create(b, loc, v, size), v);
      return arith::MinSIOp::create(b, loc, arith::MaxSIOp::create(b, loc, wrapped, low), high).getResult();
    };
    start = place(start);
    end = place(end);
    auto minus = [&](Value u, Value v) { return arith::SubIOp::create(b, loc, u, v).getResult(); };
    // Divisors of sizes are positive.
    Value span = select(forward, minus(end, start), minus(start, end));
    Value distance = arith::MaxSIOp::create(b, loc, step, minus(zero, step));
    Value count = arith::MaxSIOp::create(b, loc, arith::CeilDivSIOp::create(b, loc, span, distance), zero);
    Value at = n.same<MulOp>(n.iota(n.shapes.symbol(count, true), n.i64()), n.sizeTensor(n.shapes.index(step), n.i64()));
    at = n.same<AddOp>(at, n.sizeTensor(n.shapes.index(start), n.i64()));
    x = n.same<GatherOp>(x, at, static_cast<uint64_t>(axis));
  }
  return n.result(x);
}

LogicalResult importSlice(Node &n) {
  auto starts = n.sizes(1), ends = n.sizes(2);
  if (failed(starts) || failed(ends))
    return failure();
  SliceSpec spec{*starts, *ends, firstAxes(starts->size()), SmallVector<int64_t>(starts->size(), 1)};
  auto axes = n.constInts(3), steps = n.constInts(4);
  if ((n.has(3) && !axes) || (n.has(4) && !steps))
    return sliceAtRunTime(n, *starts, *ends);
  spec.axes = axes.value_or(spec.axes);
  spec.steps = steps.value_or(spec.steps);
  return sliceBy(n, spec);
}

std::optional<PadMode> padMode(StringRef mode) {
  return llvm::StringSwitch<std::optional<PadMode>>(mode)
      .Case("constant", PadMode::constant)
      .Case("reflect", PadMode::reflect)
      .Case("edge", PadMode::edge)
      .Case("wrap", PadMode::wrap)
      .Default(std::nullopt);
}

LogicalResult padBy(Node &n, ArrayRef<AffineExpr> pads, ArrayRef<int64_t> axes, Value value) {
  Value x = n.in(0);
  std::optional<PadMode> mode = padMode(n.s("mode", "constant"));
  if (!mode)
    return n.unsupported("Pad mode " + n.s("mode", ""));
  if (pads.size() != 2 * axes.size())
    return n.error() << pads.size() << " pads for " << axes.size() << " axes";
  auto checked = n.axes(axes, n.rank(x));
  if (failed(checked) || n.isFailed)
    return failure();
  SmallVector<AffineExpr> low(n.rank(x), n.shapes.constant(0)), high = low;
  for (auto [i, axis] : llvm::enumerate(*checked)) {
    low[axis] = pads[i];
    high[axis] = pads[i + axes.size()];
  }
  auto isZero = [](AffineExpr e) { return constantOf(e) == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return n.result(x);
  auto [lowValues, staticLow] = n.shapes.split(low, n.loc);
  auto [highValues, staticHigh] = n.shapes.split(high, n.loc);
  return n.result(n.same<PadOp>(x, value, lowValues, highValues, staticLow, staticHigh, *mode));
}
LogicalResult importPadAttrs(Node &n) {
  auto pads = llvm::map_to_vector(n.hasAttr("pads") ? n.ints("pads") : n.ints("paddings"), [&](int64_t s) { return n.shapes.constant(s); });
  return padBy(n, pads, firstAxes(n.rank(n.in(0))), n.scalar(n.elementType(0), n.f("value", 0)));
}
LogicalResult importPad(Node &n) {
  auto pads = n.sizes(1);
  if (failed(pads))
    return failure();
  Value value = n.has(2) ? n.reshape(n.in(2), {}) : n.scalar(n.elementType(0), 0);
  auto axes = n.constInts(3);
  if (n.has(3) && !axes)
    return n.unsupported("Pad with axes that are not constant");
  return padBy(n, *pads, axes.value_or(firstAxes(n.rank(n.in(0)))), value);
}

// start + i * delta, with ceil((limit - start) / delta) elements.
LogicalResult importRange(Node &n) {
  Type type = n.elementType(0);
  if (n.isFailed)
    return failure();
  AffineExpr count;
  auto start = n.constFloats(0), limit = n.constFloats(1), delta = n.constFloats(2);
  if (start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1 && delta->front() != 0) {
    double size = std::ceil((limit->front() - start->front()) / delta->front());
    count = n.shapes.constant(size > 0 && size < 1e12 ? static_cast<int64_t>(size) : 0);
  } else if (auto by = n.constInts(2); isa<FloatType>(type) || !by || by->size() != 1 || by->front() == 0 || by->front() == INT64_MIN) {
    // ceil((limit - start) / delta), computed by the model.
    Value span = n.same<SubOp>(n.cast_(n.reshape(n.in(1), {}), n.b.getF64Type()), n.cast_(n.reshape(n.in(0), {}), n.b.getF64Type()));
    Value steps = n.same<CeilOp>(n.same<DivOp>(span, n.cast_(n.reshape(n.in(2), {}), n.b.getF64Type())));
    count = n.shapes.max(n.sizeOf(n.cast_(steps, n.i64()), false), n.shapes.constant(0), n.loc);
  } else {
    auto first = n.sizes(0), last = n.sizes(1);
    if (failed(first) || failed(last))
      return failure();
    if (first->size() != 1 || last->size() != 1)
      return n.error() << "start and limit must have one element";
    AffineExpr span = n.shapes.difference(last->front(), first->front()), zero = n.shapes.constant(0);
    count = n.shapes.max(by->front() > 0 ? span : -span, zero, n.loc).ceilDiv(std::abs(by->front()));
  }
  auto isInt = [&](unsigned i, int64_t value) {
    auto c = n.constInts(i);
    return c && c->size() == 1 && c->front() == value;
  };
  Value v = n.iota(count, type);
  if (!isInt(2, 1))
    v = n.same<MulOp>(v, n.reshape(n.in(2), {}));
  return n.result(isInt(0, 0) ? v : n.same<AddOp>(v, n.reshape(n.in(0), {})));
}

LogicalResult importConstantOfShape(Node &n) {
  auto sizes = n.sizes(0);
  if (failed(sizes))
    return failure();
  Value fill = n.tensor("value") ? n.reshape(n.tensorValue("value"), {}) : n.scalar(n.f32(), 0);
  return n.result(n.broadcast(fill, *sizes));
}

LogicalResult importShape(Node &n) {
  Value x = n.in(0);
  Dims d = n.dims(x);
  int64_t rank = d.size(), start = n.i("start", 0), end = n.i("end", rank);
  auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  start = clamp(start);
  end = std::max(clamp(end), start);
  Elements e{{}, {end - start}, n.i64()};
  e.values.append(d.begin() + start, d.begin() + end);
  return n.isFailed ? failure() : n.result(std::move(e));
}
LogicalResult importSize(Node &n) {
  Value x = n.in(0);
  AffineExpr size = n.shapes.product(n.dims(x));
  if (n.isFailed || !size)
    return n.isFailed ? failure() : LogicalResult(n.error() << "the number of elements overflows 64 bits");
  return n.result(Elements{{size}, {}, n.i64()});
}

// A matrix of zeros with ones on diagonal k.
LogicalResult importEyeLike(Node &n) {
  Value x = n.in(0);
  if (n.rank(x) != 2)
    return n.error() << "the operand must have two axes";
  Type type = n.hasAttr("dtype") ? elementTypeOf(static_cast<int>(n.i("dtype", 1)), n.ctx()) : n.elementType(0);
  if (!type)
    return n.unsupported("EyeLike of ONNX element type " + Twine(n.i("dtype", 1)));
  Dims d = n.dims(x);
  Value rows = n.reshape(n.iota(d[0], n.i64()), {d[0], n.shapes.constant(1)});
  Value shifted = n.same<AddOp>(rows, n.scalar(n.i64(), n.i("k", 0)));
  return n.result(n.cast_(n.make<EqualOp>(n.i1(), shifted, n.iota(d[1], n.i64())), type));
}

// Keeps what lies on one side of diagonal k of the last two axes.
LogicalResult importTrilu(Node &n) {
  Value x = n.in(0);
  int64_t rank = n.rank(x);
  if (rank < 2)
    return n.error() << "the operand must have at least two axes";
  Dims d = n.dims(x);
  Value k = n.has(1) ? n.cast_(n.reshape(n.in(1), {}), n.i64()) : n.scalar(n.i64(), 0);
  Value rows = n.reshape(n.iota(d[rank - 2], n.i64()), {d[rank - 2], n.shapes.constant(1)});
  Value diagonal = n.same<AddOp>(rows, k), columns = n.iota(d[rank - 1], n.i64());
  Value keep = n.i("upper", 1) ? n.make<LessEqualOp>(n.i1(), diagonal, columns) : n.make<LessEqualOp>(n.i1(), columns, diagonal);
  return n.result(n.make<SelectOp>(n.elementType(0), keep, x, n.scalar(n.elementType(0), 0)));
}

const OpEntry kOps[] = {
    {"ConstantOfShape", 1, importConstantOfShape},
    {"EyeLike", 1, importEyeLike},
    {"Pad", 1, importPadAttrs},
    {"Pad", 11, importPad},
    {"Range", 1, importRange},
    {"Shape", 1, importShape},
    {"Size", 1, importSize},
    {"Slice", 1, importSliceAttrs},
    {"Slice", 10, importSlice},
    {"Trilu", 1, importTrilu},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::shapeValueOps() { return kOps; }
