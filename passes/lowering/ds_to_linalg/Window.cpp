// Windows that no kernel takes: convolution, its transpose and pooling over any axes, with bounds checks.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Loops over the result, then over `channels` input channels (if not zero) and the positions of the kernel.
struct Window {
  Lowering &l;
  Dims in, out;
  bool last;
  SmallVector<int64_t> kernel, strides, pads, dilations;
  unsigned n, rank; // spatial axes, all axes
  int64_t channels = 0;

  template <typename OpTy>
  Window(Lowering &l, OpTy op, ArrayRef<int64_t> kernel)
      : l(l), in(l.dims(op.getInput())), out(l.dims(op.getResult())), last(op.getChannelsLast()), kernel(kernel), strides(op.getStrides()),
        pads(op.getPads()), dilations(op.getDilations()), n(kernel.size()), rank(in.size()) {}

  unsigned spatial(unsigned i) const { return i + (last ? 1 : 2); }
  unsigned channelAxis() const { return last ? rank - 1 : 1; }
  unsigned kernelLoop(unsigned i) const { return rank + (channels ? 1 : 0) + i; }
  unsigned loops() const { return kernelLoop(n); }
  SmallVector<bool> reduced() const {
    SmallVector<bool> result(loops(), true);
    std::fill_n(result.begin(), rank, false);
    return result;
  }
  // No operand has the kernel's axes: an empty one gives the loops their sizes.
  LoopOperand extents() {
    Dims dims;
    if (channels)
      dims.push_back(l.shapes.constant(channels));
    for (int64_t k : kernel)
      dims.push_back(l.shapes.constant(k));
    return {l.empty(l.b.getI1Type(), dims), l.map(loops(), l.iota(dims.size(), rank))};
  }
  Value lessUnsigned(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y); }
  Value both(ImplicitLocOpBuilder &b, Value x, Value y) { return x ? arith::AndIOp::create(b, x, y).getResult() : y; }

  // Where this point of the loops reads along spatial axis i: out * stride + kernel * dilation - pad.
  Value position(ImplicitLocOpBuilder &b, unsigned i) {
    Value at = arith::MulIOp::create(b, l.linalgIndex(b, spatial(i)), l.index(strides[i]));
    at = arith::AddIOp::create(b, at, arith::MulIOp::create(b, l.linalgIndex(b, kernelLoop(i)), l.index(dilations[i])));
    return arith::SubIOp::create(b, at, l.index(pads[i]));
  }
  // Indices into the input, the channel's left to the caller, and whether they are inside.
  std::pair<SmallVector<Value>, Value> source(ImplicitLocOpBuilder &b) {
    SmallVector<Value> at(rank);
    Value inside;
    at[0] = l.linalgIndex(b, 0);
    for (unsigned i = 0; i < n; ++i) {
      at[spatial(i)] = position(b, i);
      inside = both(b, inside, lessUnsigned(b, at[spatial(i)], l.index(in[spatial(i)])));
    }
    return {at, inside};
  }
  // input[at] where inside, else `outside`.
  Value read(ImplicitLocOpBuilder &b, Value input, ArrayRef<Value> at, Value inside, Value outside) {
    SmallVector<Value> indices(at);
    auto branch = scf::IfOp::create(
        b, inside, [&](OpBuilder &o, Location loc) { scf::YieldOp::create(o, loc, tensor::ExtractOp::create(o, loc, input, indices).getResult()); },
        [&](OpBuilder &o, Location loc) { scf::YieldOp::create(o, loc, outside); });
    return branch.getResult(0);
  }
};
} // namespace

static Value multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value y, Value sum) {
  x = widen(b, x), y = widen(b, y);
  if (isa<FloatType>(x.getType()))
    return arith::AddFOp::create(b, sum, arith::MulFOp::create(b, x, y), arith::FastMathFlags::reassoc);
  return arith::AddIOp::create(b, sum, arith::MulIOp::create(b, x, y));
}

static Value narrowAll(Lowering &l, Value wide, ArrayRef<AffineExpr> dims, Type element) {
  if (getElementTypeOrSelf(wide) == element)
    return wide;
  return l.loops(element, dims, LoopOperand{wide, l.identity(dims.size())},
                 [&](ImplicitLocOpBuilder &b, ValueRange args) { return narrow(b, args[0], element); });
}

// input[n, g * C + c, position] * filter[o, c, k], where o lies in group g.
static LogicalResult lowerConv(Lowering &l, ConvOp op) {
  auto filterType = op.getFilter().getType();
  if (!filterType.hasStaticShape())
    return failure();
  Window w(l, op, filterType.getShape().drop_front(2));
  w.channels = filterType.getDimSize(1);
  Type element = loweredElement(op.getType().getElementType()), wide = isHalf(element) ? l.b.getF32Type() : element;
  Value input = l.get(op.getInput()), zero = l.constant(element, 0);
  Exprs filterAt = {l.d(w.channelAxis())};
  llvm::append_range(filterAt, l.iota(1 + w.n, w.rank));
  LoopOperand filter{l.get(op.getFilter()), l.map(w.loops(), filterAt)};
  int64_t perGroup = std::max<int64_t>(1, filterType.getDimSize(0) / op.getGroups());
  Value init = l.filled(wide, w.out, l.constant(wide, 0));
  Value sum = l.reduction(w.reduced(), filter, init, [&](ImplicitLocOpBuilder &b, ValueRange args) -> SmallVector<Value> {
    auto [at, inside] = w.source(b);
    Value channel = l.linalgIndex(b, w.rank);
    if (op.getGroups() > 1) {
      Value group = arith::DivUIOp::create(b, l.linalgIndex(b, w.channelAxis()), l.index(perGroup));
      channel = arith::AddIOp::create(b, channel, arith::MulIOp::create(b, group, l.index(w.channels)));
    }
    at[w.channelAxis()] = channel;
    return {multiplyAdd(b, w.read(b, input, at, inside, zero), args[0], args[1])};
  })[0];
  l.set(op, narrowAll(l, sum, w.out, element));
  return success();
}

// The result at x gathers input[i] with i * stride = x + pad - kernel * dilation.
static LogicalResult lowerConvTranspose(Lowering &l, ConvTransposeOp op) {
  auto filterType = op.getFilter().getType();
  if (!filterType.hasStaticShape())
    return failure();
  Window w(l, op, filterType.getShape().drop_front(2));
  int64_t perGroup = filterType.getDimSize(1);
  w.channels = filterType.getDimSize(0) / op.getGroups();
  Type element = loweredElement(op.getType().getElementType()), wide = isHalf(element) ? l.b.getF32Type() : element;
  Value input = l.get(op.getInput()), filter = l.get(op.getFilter()), zero = l.constant(element, 0);
  Value init = l.filled(wide, w.out, l.constant(wide, 0));
  Value sum = l.reduction(w.reduced(), w.extents(), init, [&](ImplicitLocOpBuilder &b, ValueRange args) -> SmallVector<Value> {
    Value o = l.linalgIndex(b, w.channelAxis()), inside;
    Value group = arith::DivUIOp::create(b, o, l.index(perGroup));
    Value channel = arith::AddIOp::create(b, l.linalgIndex(b, w.rank), arith::MulIOp::create(b, group, l.index(w.channels)));
    SmallVector<Value> at(w.rank), filterAt = {channel, arith::RemUIOp::create(b, o, l.index(perGroup))};
    at[0] = l.linalgIndex(b, 0);
    at[w.channelAxis()] = channel;
    for (unsigned i = 0; i < w.n; ++i) {
      Value k = l.linalgIndex(b, w.kernelLoop(i)), stride = l.index(w.strides[i]);
      filterAt.push_back(k);
      Value from = arith::AddIOp::create(b, l.linalgIndex(b, w.spatial(i)), l.index(w.pads[i]));
      from = arith::SubIOp::create(b, from, arith::MulIOp::create(b, k, l.index(w.dilations[i])));
      Value exact = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, arith::RemSIOp::create(b, from, stride), l.index(0));
      Value index = arith::DivSIOp::create(b, from, stride);
      inside = w.both(b, w.both(b, inside, exact), w.lessUnsigned(b, index, l.index(w.in[w.spatial(i)])));
      at[w.spatial(i)] = index;
    }
    Value x = w.read(b, input, at, inside, zero), y = tensor::ExtractOp::create(b, filter, filterAt);
    return {multiplyAdd(b, x, y, args[1])};
  })[0];
  l.set(op, narrowAll(l, sum, w.out, element));
  return success();
}

static Value lowest(Lowering &l, Type element, bool uns) {
  if (isa<FloatType>(element))
    return l.constant(element, -std::numeric_limits<double>::infinity());
  unsigned width = element.getIntOrFloatBitWidth();
  return arith::ConstantOp::create(l.b, l.b.getIntegerAttr(element, uns ? APInt::getMinValue(width) : APInt::getSignedMinValue(width)));
}

static Value maximum(ImplicitLocOpBuilder &b, Value x, Value y, bool uns) {
  if (isa<FloatType>(x.getType()))
    return arith::MaximumFOp::create(b, x, y);
  return uns ? arith::MaxUIOp::create(b, x, y).getResult() : arith::MaxSIOp::create(b, x, y).getResult();
}

static void lowerMaxPool(Lowering &l, PoolOp op, Window &w) {
  bool uns = isUnsigned(op.getType());
  Type element = loweredElement(op.getType().getElementType());
  Value input = l.get(op.getInput()), low = lowest(l, element, uns);
  l.set(op, l.reduction(w.reduced(), w.extents(), l.filled(element, w.out, low), [&](ImplicitLocOpBuilder &b, ValueRange args) -> SmallVector<Value> {
    auto [at, inside] = w.source(b);
    at[w.channelAxis()] = l.linalgIndex(b, w.channelAxis());
    return {maximum(b, args[1], w.read(b, input, at, inside, low), uns)};
  })[0]);
}

// |x|^p
static Value power(ImplicitLocOpBuilder &b, Value x, int64_t p) {
  Value magnitude = math::AbsFOp::create(b, x);
  if (p == 1)
    return magnitude;
  if (p == 2)
    return arith::MulFOp::create(b, x, x);
  return math::PowFOp::create(b, magnitude, scalarConstant(b, x.getType(), p));
}

// Sums (of powers) and how many elements were added; their quotient, or the root.
static LogicalResult lowerSumPool(Lowering &l, PoolOp op, Window &w) {
  Type element = op.getType().getElementType(), wide = isHalf(element) ? l.b.getF32Type() : element;
  if (!isa<FloatType>(element))
    return failure();
  bool average = op.getKind() == PoolKind::avg;
  int64_t p = op.getP();
  Value input = l.get(op.getInput()), zero = l.constant(element, 0);
  Value inits[] = {l.filled(wide, w.out, l.constant(wide, 0)), l.filled(wide, w.out, l.constant(wide, 0))};
  SmallVector<Value> sums = l.reduction(w.reduced(), w.extents(), inits, [&](ImplicitLocOpBuilder &b, ValueRange args) -> SmallVector<Value> {
    auto [at, inside] = w.source(b);
    at[w.channelAxis()] = l.linalgIndex(b, w.channelAxis());
    Value x = widen(b, w.read(b, input, at, inside, zero)), counted = inside;
    if (op.getCountIncludePad()) {
      counted = nullptr;
      for (unsigned i = 0; i < w.n; ++i) {
        Value end = l.index(w.in[w.spatial(i)] + (w.pads[i] + w.pads[w.n + i]));
        counted = w.both(b, counted, w.lessUnsigned(b, arith::AddIOp::create(b, at[w.spatial(i)], l.index(w.pads[i])), end));
      }
    }
    Value one = arith::SelectOp::create(b, counted, scalarConstant(b, wide, 1), scalarConstant(b, wide, 0));
    Value sum = arith::AddFOp::create(b, args[1], average ? x : power(b, x, p), arith::FastMathFlags::reassoc);
    return {sum, arith::AddFOp::create(b, args[2], one, arith::FastMathFlags::reassoc)};
  });
  AffineMap same = l.identity(w.rank);
  l.set(op, l.loops(element, w.out, {{sums[0], same}, {sums[1], same}}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value y;
    if (average)
      y = arith::DivFOp::create(b, args[0], args[1]);
    else if (p == 1)
      y = args[0];
    else if (p == 2)
      y = math::SqrtOp::create(b, args[0]);
    else
      y = math::PowFOp::create(b, args[0], scalarConstant(b, wide, 1.0 / static_cast<double>(p)));
    return narrow(b, y, element);
  }));
  return success();
}

static LogicalResult lowerPool(Lowering &l, PoolOp op) {
  Window w(l, op, op.getKernel());
  if (op.getKind() == PoolKind::max)
    return lowerMaxPool(l, op, w), success();
  return lowerSumPool(l, op, w);
}

LogicalResult mlir::ds::lowerWindow(Lowering &l, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ConvOp o) { return lowerConv(l, o); })
      .Case([&](ConvTransposeOp o) { return lowerConvTranspose(l, o); })
      .Case([&](PoolOp o) { return lowerPool(l, o); })
      .Default([](Operation *) { return failure(); });
}
