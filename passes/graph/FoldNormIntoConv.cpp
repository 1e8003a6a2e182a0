// ds-graph-fold-norm-into-conv: factors per channel behind a kernel go into its weights, where they cost nothing.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_FOLDNORMINTOCONV
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-fold-norm-into-conv";

// The axis of a kernel's result that its filters (or columns) run along, or -1.
static int64_t channelAxis(Operation *kernel) {
  auto type = cast<RankedTensorType>(kernel->getResult(0).getType());
  return llvm::TypeSwitch<Operation *, int64_t>(kernel)
      .Case<ConvOp, ConvTransposeOp>([&](auto op) { return op.getChannelsLast() ? type.getRank() - 1 : 1; })
      .Case([&](MatmulOp op) { return op.getRhs().getType().getRank() == 2 ? type.getRank() - 1 : -1; })
      .Default([](Operation *) { return -1; });
}

// Where the result's channels lie in the kernel's weights, or -1.
static int64_t weightAxis(Operation *kernel) {
  return llvm::TypeSwitch<Operation *, int64_t>(kernel)
      .Case([](ConvOp) { return 0; })
      .Case([](ConvTransposeOp op) { return op.getGroups() == 1 ? 1 : -1; })
      .Case([](MatmulOp op) { return op.getTransposeB() ? 0 : 1; })
      .Default([](Operation *) { return -1; });
}

// Whether `v` broadcasts to `type` varying along `axis` only.
static bool variesOnlyAlong(Value v, RankedTensorType type, int64_t axis) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(v.getType()).getShape();
  int64_t shift = type.getRank() - static_cast<int64_t>(shape.size());
  for (auto [i, size] : llvm::enumerate(shape))
    if (size != 1 && static_cast<int64_t>(i) + shift != axis)
      return false;
  return shift >= 0;
}

// A factor per channel, as it multiplies the kernel's weights of rank `rank` along `axis`.
static Value alongWeights(PatternRewriter &rewriter, Value factor, int64_t rank, int64_t axis) {
  auto type = cast<RankedTensorType>(factor.getType());
  SmallVector<OpFoldResult> sizes(rank, rewriter.getIndexAttr(1));
  sizes[axis] = rewriter.getIndexAttr(type.getNumElements());
  return reshapeTo(rewriter, factor.getLoc(), factor, sizes);
}

// The kernel's weights, when nothing else uses what would be changed.
static Value ownWeights(Operation *kernel) {
  Value weights = kernel->getOperand(1);
  return kernel->hasOneUse() && weights.hasOneUse() && isWeightOnly(weights) ? weights : Value();
}

namespace {
// (kernel + bias) times or divided by factor, all but the kernel weights.
struct Scaled {
  Operation *kernel = nullptr;
  Value bias, factor;
};
} // namespace

// `scaled` as a kernel, with or without a bias, whose weights can take the factor.
static std::optional<Scaled> matchScaled(Value scaled, Value factor, RankedTensorType type) {
  Scaled match{scaled.getDefiningOp(), {}, factor};
  if (auto add = scaled.getDefiningOp<AddOp>(); add && add->hasOneUse()) {
    bool left = isWeightOnly(add.getRhs());
    match.kernel = (left ? add.getLhs() : add.getRhs()).getDefiningOp();
    match.bias = left ? add.getRhs() : add.getLhs();
  }
  if (!match.kernel || weightAxis(match.kernel) < 0 || channelAxis(match.kernel) < 0 || !isWeightOnly(factor))
    return std::nullopt;
  auto isPerChannel = [&](Value v) { return isWeightOnly(v) && variesOnlyAlong(v, type, channelAxis(match.kernel)); };
  if (!ownWeights(match.kernel) || match.kernel->getResult(0).getType() != type || !isPerChannel(factor) ||
      (match.bias && !isPerChannel(match.bias)))
    return std::nullopt;
  return match;
}

// conv(x, w) * s -> conv(x, w * s); (conv(x, w) + b) * s -> conv(x, w * s) + b * s; the same for division, conv_transpose, matmul
template <typename OpTy>
static LogicalResult foldFactor(OpTy op, PatternRewriter &rewriter) {
  RankedTensorType type = op.getType();
  std::optional<Scaled> match = matchScaled(op.getLhs(), op.getRhs(), type);
  if (!match && std::is_same_v<OpTy, MulOp>)
    match = matchScaled(op.getRhs(), op.getLhs(), type);
  if (!match)
    return rewriter.notifyMatchFailure(op, "no factor per channel of a kernel whose weights nothing else uses");
  Value weights = ownWeights(match->kernel);
  auto weightType = cast<RankedTensorType>(weights.getType());
  Value times = OpTy::create(rewriter, op.getLoc(), weightType, weights,
                             alongWeights(rewriter, match->factor, weightType.getRank(), weightAxis(match->kernel)));
  Location loc = rewriter.getFusedLoc({match->kernel->getLoc(), op.getLoc()});
  // A new one, because the factor may be computed behind the old one.
  Operation *folded = rewriter.clone(*match->kernel);
  folded->setOperand(1, times);
  folded->setLoc(loc);
  Value result = folded->getResult(0);
  if (match->bias) {
    Value scaledBias = createInferred<OpTy>(rewriter, loc, {type.getElementType()}, {match->bias, match->factor});
    result = AddOp::create(rewriter, loc, type, result, scaledBias);
  }
  remarkPassed(loc, kPass, "folded", "a factor per channel into the weights of " + folded->getName().getStringRef());
  rewriter.replaceOp(op, result);
  return success();
}

// (x + a) + b -> x + (a + b), for weights a and b
static LogicalResult mergeBiases(AddOp op, PatternRewriter &rewriter) {
  auto inner = op.getLhs().getDefiningOp<AddOp>();
  Value outerBias = op.getRhs();
  if (!inner) {
    inner = op.getRhs().getDefiningOp<AddOp>();
    outerBias = op.getLhs();
  }
  if (!inner || !inner->hasOneUse() || !isWeightOnly(outerBias) || inner.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "not two biases one after the other");
  bool left = isWeightOnly(inner.getRhs());
  Value innerBias = left ? inner.getRhs() : inner.getLhs(), x = left ? inner.getLhs() : inner.getRhs();
  if (!isWeightOnly(innerBias) || isWeightOnly(x) || x.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "the inner sum is not of a value and a bias");
  // A large one that stays needed would be kept twice.
  auto isSmallOrOwn = [](Value v) { return v.hasOneUse() || cast<RankedTensorType>(v.getType()).getNumElements() <= 1 << 14; };
  if (!isSmallOrOwn(innerBias) || !isSmallOrOwn(outerBias))
    return rewriter.notifyMatchFailure(op, "a large bias is used elsewhere too");
  Location loc = rewriter.getFusedLoc({inner.getLoc(), op.getLoc()});
  Value bias = createInferred<AddOp>(rewriter, loc, {op.getType().getElementType()}, {innerBias, outerBias});
  rewriter.replaceOpWithNewOp<AddOp>(op, op.getType(), x, bias)->setLoc(loc);
  return success();
}

namespace {
struct FoldNormIntoConv : ds::impl::FoldNormIntoConvBase<FoldNormIntoConv> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(foldFactor<MulOp>).add(foldFactor<DivOp>).add(mergeBiases);
    if (failed(normalize(getOperation())) || failed(rewriteGreedily(getOperation(), std::move(patterns))) ||
        failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
