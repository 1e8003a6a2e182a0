// ds-graph-channels-last: images as [N, spatial..., C], so that channels are what vectors run along.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_CHANNELSLAST
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-channels-last";

// [0, 2, 3, 1] for rank 4: channels first -> channels last.
static SmallVector<int64_t> toLast(int64_t rank) {
  SmallVector<int64_t> permutation{0};
  llvm::append_range(permutation, llvm::seq<int64_t>(2, rank));
  permutation.push_back(1);
  return permutation;
}
static SmallVector<int64_t> toFirst(int64_t rank) { return invertPermutationVector(toLast(rank)); }

// On the transposes that this pass puts behind windowed ops: only those move. Others with the same permutation may be part of
// something else, and meet them in the end.
static constexpr StringLiteral kToFirst = "ds.to_first";

// x, when `v` is x with its channels moved from last to first.
static Value channelsLastBehind(Value v) {
  auto op = v.getDefiningOp<TransposeOp>();
  return op && op->hasAttr(kToFirst) ? op.getInput() : Value();
}

// Whether a transpose of `v` moves no data: at most one of its axes that change places is longer than 1, or it is weights alone.
static bool movesFreely(Value v) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(v.getType()).getShape();
  return llvm::count_if(shape.drop_front(std::min<size_t>(shape.size(), 1)), [](int64_t s) { return s != 1; }) <= 1 || isWeightOnly(v);
}

// Whether the channels-last form of a (possibly broadcast) operand of rank `rank` costs nothing.
static bool hasChannelsLast(Value v, int64_t rank) {
  if (cast<RankedTensorType>(v.getType()).getRank() < rank)
    return isWeightOnly(v) || trimmedShape(v).empty() || llvm::count_if(trimmedShape(v), [](int64_t s) { return s != 1; }) == 1;
  if (channelsLastBehind(v) || movesFreely(v))
    return true;
  return llvm::any_of(v.getUsers(), [&](Operation *user) {
    auto transpose = dyn_cast<TransposeOp>(user);
    return transpose && transpose.getPermutation() == ArrayRef(toLast(rank));
  });
}

static Value channelsLastOf(PatternRewriter &rewriter, Value v, int64_t rank) {
  if (Value x = channelsLastBehind(v); x && cast<RankedTensorType>(v.getType()).getRank() == rank)
    return x;
  if (trimmedShape(v).empty())
    return v;
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, v.getLoc(), v);
  sizes.insert(sizes.begin(), rank - sizes.size(), rewriter.getIndexAttr(1));
  return transposeBy(rewriter, v.getLoc(), reshapeTo(rewriter, v.getLoc(), v, sizes), toLast(rank));
}

// `v`, computed channels last, as its users know it.
static Value channelsFirst(PatternRewriter &rewriter, Value v) {
  Value first = transposeBy(rewriter, v.getLoc(), v, toFirst(cast<RankedTensorType>(v.getType()).getRank()));
  first.getDefiningOp()->setAttr(kToFirst, rewriter.getUnitAttr());
  return first;
}

static RankedTensorType channelsLastType(RankedTensorType type) {
  return RankedTensorType::get(applyPermutation(type.getShape(), toLast(type.getRank())), type.getElementType());
}

// A copy of `op` with other operands, channels last, put in its place.
static void replaceByChannelsLast(PatternRewriter &rewriter, Operation *op, ValueRange operands,
                                  function_ref<void(Operation *)> adapt = [](Operation *) {}) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  OperationState state(op->getLoc(), op->getName(), operands, channelsLastType(type), op->getAttrs());
  if (Attribute properties = op->getPropertiesAsAttribute())
    state.propertiesAttr = properties;
  Operation *last = rewriter.create(state);
  adapt(last);
  rewriter.replaceOp(op, channelsFirst(rewriter, last->getResult(0)));
}

// conv(x) -> to_first(conv(to_last(x)) {channels_last}), the same for conv_transpose and pool
template <typename OpTy>
static LogicalResult makeChannelsLast(OpTy op, PatternRewriter &rewriter) {
  if (op.getChannelsLast())
    return rewriter.notifyMatchFailure(op, "is channels last");
  SmallVector<Value> operands(op->getOperands());
  operands[0] = transposeBy(rewriter, op.getLoc(), operands[0], toLast(op.getType().getRank()));
  remarkPassed(op.getLoc(), kPass, "channels-last", op->getName().getStringRef() + " runs channels last");
  replaceByChannelsLast(rewriter, op, operands, [](Operation *last) { cast<OpTy>(last).setChannelsLast(true); });
  return success();
}

// op(to_first(x), ..) -> to_first(op(x, ..)), when the other operands have that form for nothing
static LogicalResult sinkBelowElementwise(Operation *op, PatternRewriter &rewriter) {
  if (!isElementwise(op) || op->getNumResults() != 1)
    return rewriter.notifyMatchFailure(op, "not elementwise");
  int64_t rank = cast<RankedTensorType>(op->getResult(0).getType()).getRank();
  auto isLast = [&](Value v) {
    return channelsLastBehind(v) && cast<RankedTensorType>(v.getType()).getRank() == rank && !movesFreely(v);
  };
  if (!llvm::any_of(op->getOperands(), isLast))
    return rewriter.notifyMatchFailure(op, "no operand is channels last");
  if (!llvm::all_of(op->getOperands(), [&](Value v) { return hasChannelsLast(v, rank); })) {
    remarkMissed(op->getLoc(), kPass, "kept-transpose", "an operand would need a transpose of its own");
    return rewriter.notifyMatchFailure(op, "an operand would need a transpose of its own");
  }
  replaceByChannelsLast(rewriter, op,
                        llvm::map_to_vector(op->getOperands(), [&](Value v) { return channelsLastOf(rewriter, v, rank); }));
  return success();
}

// Axes of a channels-first tensor as axes of the channels-last one, sorted.
static SmallVector<int64_t> axesInLast(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> inverse = toFirst(rank);
  auto result = llvm::map_to_vector(axes, [&](int64_t axis) { return inverse[axis]; });
  llvm::sort(result);
  return result;
}

// reduce(to_first(x)) -> reduce(x), transposed where the axes that remain need it
static LogicalResult sinkBelowReduce(ReduceOp op, PatternRewriter &rewriter) {
  Value x = channelsLastBehind(op.getInput());
  if (!x)
    return rewriter.notifyMatchFailure(op, "the operand is not channels last");
  int64_t rank = op.getInput().getType().getRank();
  SmallVector<int64_t> axes = axesInLast(op.getAxes(), rank);
  if (op.getKeepdims()) {
    replaceByChannelsLast(rewriter, op, x, [&](Operation *last) { cast<ReduceOp>(last).setAxes(axes); });
    return success();
  }
  auto reduced = createInferred<ReduceOp>(rewriter, op.getLoc(), {op.getType().getElementType()}, x,
                                          {rewriter.getNamedAttr("kind", op.getKindAttr()),
                                           rewriter.getNamedAttr("axes", rewriter.getDenseI64ArrayAttr(axes))});
  // Where the axes that remain come from, in the order that the users expect.
  SmallVector<int64_t> remaining, order;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axes, axis))
      remaining.push_back(axis);
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(op.getAxes(), axis))
      order.push_back(llvm::find(remaining, toFirst(rank)[axis]) - remaining.begin());
  rewriter.replaceOp(op, transposeBy(rewriter, op.getLoc(), reduced, order));
  return success();
}

// concat(to_first(x), ..) -> to_first(concat(x, ..))
static LogicalResult sinkBelowConcat(ConcatOp op, PatternRewriter &rewriter) {
  int64_t rank = op.getType().getRank();
  if (!llvm::any_of(op.getInputs(), [](Value v) { return channelsLastBehind(v) && !movesFreely(v); }))
    return rewriter.notifyMatchFailure(op, "no operand is channels last");
  if (!llvm::all_of(op.getInputs(), [&](Value v) { return hasChannelsLast(v, rank); }))
    return rewriter.notifyMatchFailure(op, "an operand would need a transpose of its own");
  int64_t axis = toFirst(rank)[op.getAxis()];
  replaceByChannelsLast(rewriter, op,
                        llvm::map_to_vector(op.getInputs(), [&](Value v) { return channelsLastOf(rewriter, v, rank); }),
                        [&](Operation *last) { cast<ConcatOp>(last).setAxis(axis); });
  return success();
}

// softmax(to_first(x)) -> to_first(softmax(x))
static LogicalResult sinkBelowSoftmax(SoftmaxOp op, PatternRewriter &rewriter) {
  Value x = channelsLastBehind(op.getInput());
  if (!x)
    return rewriter.notifyMatchFailure(op, "the operand is not channels last");
  int64_t axis = toFirst(op.getType().getRank())[op.getAxis()];
  replaceByChannelsLast(rewriter, op, x, [&](Operation *last) { cast<SoftmaxOp>(last).setAxis(axis); });
  return success();
}

namespace {
// Mixed sizes, offsets or pads in the order of channels last.
struct Mixed {
  Mixed(PatternRewriter &rewriter, ArrayRef<int64_t> statics, ValueRange dynamics) {
    SmallVector<OpFoldResult> mixed = getMixedValues(statics, dynamics, rewriter);
    dispatchIndexOpFoldResults(applyPermutation(mixed, toLast(mixed.size())), dynamic, fixed);
  }
  SmallVector<Value> dynamic;
  SmallVector<int64_t> fixed;
};
} // namespace

// pad(to_first(x)) -> to_first(pad(x))
static LogicalResult sinkBelowPad(PadOp op, PatternRewriter &rewriter) {
  Value x = channelsLastBehind(op.getInput());
  if (!x)
    return rewriter.notifyMatchFailure(op, "the operand is not channels last");
  Mixed low(rewriter, op.getStaticLow(), op.getLow()), high(rewriter, op.getStaticHigh(), op.getHigh());
  Value last = PadOp::create(rewriter, op.getLoc(), channelsLastType(op.getType()), x, op.getValue(), low.dynamic, high.dynamic,
                             low.fixed, high.fixed, op.getMode());
  rewriter.replaceOp(op, channelsFirst(rewriter, last));
  return success();
}

// slice(to_first(x)) -> to_first(slice(x))
static LogicalResult sinkBelowSlice(SliceOp op, PatternRewriter &rewriter) {
  Value x = channelsLastBehind(op.getInput());
  if (!x)
    return rewriter.notifyMatchFailure(op, "the operand is not channels last");
  Mixed offsets(rewriter, op.getStaticOffsets(), op.getOffsets()), sizes(rewriter, op.getStaticSizes(), op.getSizes());
  Value last = SliceOp::create(rewriter, op.getLoc(), channelsLastType(op.getType()), x, offsets.dynamic, sizes.dynamic,
                               offsets.fixed, sizes.fixed, applyPermutation(op.getStrides(), toLast(op.getType().getRank())));
  rewriter.replaceOp(op, channelsFirst(rewriter, last));
  return success();
}

// resize(to_first(x)) -> to_first(resize(x))
static LogicalResult sinkBelowResize(ResizeOp op, PatternRewriter &rewriter) {
  Value x = channelsLastBehind(op.getInput());
  if (!x)
    return rewriter.notifyMatchFailure(op, "the operand is not channels last");
  Mixed sizes(rewriter, op.getStaticSizes(), op.getSizes());
  Value last = ResizeOp::create(rewriter, op.getLoc(), channelsLastType(op.getType()), op.getMode(), x, sizes.dynamic, sizes.fixed,
                                applyPermutation(op.getScales(), toLast(op.getType().getRank())), op.getCoordinates(),
                                op.getNearestMode(), op.getCubicA(), op.getExcludeOutside());
  rewriter.replaceOp(op, channelsFirst(rewriter, last));
  return success();
}

// to_last(to_first(x)) -> x, and other pairs
static LogicalResult cancelTransposes(TransposeOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "not of a transpose");
  SmallVector<int64_t> merged = applyPermutation(inner.getPermutation(), op.getPermutation());
  rewriter.replaceOp(op, transposeBy(rewriter, rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}), inner.getInput(), merged));
  return success();
}

// A 1x1 convolution of one pixel is a matmul: conv(x [N, 1, 1, C], w [O, C, 1, 1]) -> matmul(x [N, C], w [O, C]^T)
static LogicalResult pixelToMatmul(ConvOp op, PatternRewriter &rewriter) {
  RankedTensorType in = op.getInput().getType(), filter = op.getFilter().getType();
  auto isOne = [](int64_t v) { return v == 1; };
  if (!op.getChannelsLast() || op.getGroups() != 1 || !llvm::all_of(in.getShape().drop_front().drop_back(), isOne) ||
      !llvm::all_of(filter.getShape().drop_front(2), isOne) || llvm::any_of(op.getPads(), [](int64_t p) { return p != 0; }))
    return rewriter.notifyMatchFailure(op, "not one pixel by a kernel of one, ungrouped");
  Location loc = op.getLoc();
  SmallVector<OpFoldResult> inSizes = mixedSizes(rewriter, loc, op.getInput()), filterSizes = mixedSizes(rewriter, loc, op.getFilter());
  Value x = reshapeTo(rewriter, loc, op.getInput(), {inSizes.front(), inSizes.back()});
  Value w = reshapeTo(rewriter, loc, op.getFilter(), ArrayRef(filterSizes).take_front(2));
  auto type = RankedTensorType::get({in.getShape().front(), filter.getShape().front()}, in.getElementType());
  Value product = MatmulOp::create(rewriter, loc, type, x, w, false, true);
  SmallVector<OpFoldResult> sizes(in.getRank(), rewriter.getIndexAttr(1));
  sizes.front() = inSizes.front();
  sizes.back() = filterSizes.front();
  rewriter.replaceOp(op, reshapeTo(rewriter, loc, product, sizes));
  return success();
}

static bool hasWindows(Operation *root) {
  return root->walk([](Operation *op) {
               return isa<ConvOp, ConvTransposeOp, PoolOp>(op) ? WalkResult::interrupt() : WalkResult::advance();
             }).wasInterrupted();
}

namespace {
struct SinkBelowElementwise : RewritePattern {
  SinkBelowElementwise(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    return sinkBelowElementwise(op, rewriter);
  }
};

struct ChannelsLast : ds::impl::ChannelsLastBase<ChannelsLast> {
  void runOnOperation() override {
    if (failed(normalize(getOperation())))
      return signalPassFailure();
    if (!hasWindows(getOperation()))
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add(makeChannelsLast<ConvOp>).add(makeChannelsLast<ConvTransposeOp>).add(makeChannelsLast<PoolOp>);
    patterns.add<SinkBelowElementwise>(&getContext());
    patterns.add(sinkBelowReduce).add(sinkBelowConcat).add(sinkBelowSoftmax).add(sinkBelowPad).add(sinkBelowSlice);
    patterns.add(sinkBelowResize).add(cancelTransposes).add(pixelToMatmul);
    LogicalResult done = rewriteGreedily(getOperation(), std::move(patterns));
    getOperation()->walk([](TransposeOp op) { op->removeAttr(kToFirst); });
    if (failed(done) || failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
