// ds-graph-raise-norms: layer norm and RMS norm from means, squares and roots.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISENORMS
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-raise-norms";

namespace {
// x normalised over `axes`: what a norm op needs to know.
struct Normalized {
  NormKind kind;
  Value input;
  SmallVector<int64_t> axes;
  double epsilon;
};
} // namespace

// The mean over kept axes.
static std::optional<Mean> keptMean(Value v) {
  auto mean = meanOf(v);
  return mean && mean->keepdims ? mean : std::nullopt;
}

// x - mean(x): x and the axes.
static std::optional<Mean> deviation(Value v) {
  auto sub = v.getDefiningOp<SubOp>();
  auto mean = sub ? keptMean(sub.getRhs()) : std::nullopt;
  return mean && mean->input == sub.getLhs() ? mean : std::nullopt;
}

// y * y: y.
static Value squared(Value v) {
  auto mul = v.getDefiningOp<MulOp>();
  return mul && mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
}

// mean(x * x) - mean(x) * mean(x), for numerators x - mean(x)
static bool isVarianceByMoments(Value v, const Mean &centred) {
  auto sub = v.getDefiningOp<SubOp>();
  auto second = sub ? keptMean(sub.getLhs()) : std::nullopt;
  Value first = sub ? squared(sub.getRhs()) : Value();
  auto mean = first ? keptMean(first) : std::nullopt;
  return second && mean && squared(second->input) == centred.input && mean->input == centred.input &&
         second->axes == centred.axes && mean->axes == centred.axes;
}

// numerator / sqrt(radicand), when the radicand is the numerator's mean square plus a small constant.
static std::optional<Normalized> normalized(Value numerator, Value radicand) {
  auto sum = withScalar<AddOp>(radicand);
  if (!sum || sum->scalar < 0 || sum->scalar > 1)
    return std::nullopt;
  auto centred = deviation(numerator);
  if (centred && isVarianceByMoments(sum->value, *centred))
    return Normalized{NormKind::layer, centred->input, centred->axes, sum->scalar};
  auto meanSquare = keptMean(sum->value);
  if (!meanSquare || squared(meanSquare->input) != numerator)
    return std::nullopt;
  if (centred && centred->axes == meanSquare->axes)
    return Normalized{NormKind::layer, centred->input, centred->axes, sum->scalar};
  return Normalized{NormKind::rms, numerator, meanSquare->axes, sum->scalar};
}

// Axes moved to the end, in order: the permutation that does it.
static SmallVector<int64_t> axesLast(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> permutation;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axes, axis))
      permutation.push_back(axis);
  llvm::append_range(permutation, axes);
  return permutation;
}

static Value createNorm(PatternRewriter &rewriter, Location loc, const Normalized &norm) {
  int64_t rank = cast<RankedTensorType>(norm.input.getType()).getRank();
  SmallVector<int64_t> permutation = axesLast(rank, norm.axes);
  Value x = transposeBy(rewriter, loc, norm.input, permutation);
  Value y = NormOp::create(rewriter, loc, x.getType(), norm.kind, x, Value(), Value(), rank - norm.axes.size(),
                           APFloat(norm.epsilon));
  remarkPassed(loc, kPass, "raised", norm.kind == NormKind::layer ? "to a layer norm" : "to an RMS norm");
  return transposeBy(rewriter, loc, y, invertPermutationVector(permutation));
}

// (x - mean) / sqrt(mean((x - mean)^2) + eps) -> norm layer x; x / sqrt(mean(x^2) + eps) -> norm rms x
static LogicalResult raiseDivision(DivOp op, PatternRewriter &rewriter) {
  auto sqrt = op.getRhs().getDefiningOp<SqrtOp>();
  auto norm = sqrt ? normalized(op.getLhs(), sqrt.getInput()) : std::nullopt;
  if (!norm || norm->input.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "not a value divided by the root of its mean square");
  rewriter.replaceOp(op, createNorm(rewriter, fusedBetween(op, norm->input), *norm));
  return success();
}

// The same by multiplication with rsqrt; the scale may have been multiplied to the root first.
static LogicalResult raiseMultiplication(MulOp op, PatternRewriter &rewriter) {
  for (auto [numerator, factor] : {std::pair<Value, Value>{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}}) {
    Value scale;
    auto root = factor.getDefiningOp<RsqrtOp>();
    if (auto mul = factor.getDefiningOp<MulOp>(); !root && mul) {
      bool left = mul.getLhs().getDefiningOp<RsqrtOp>() != nullptr;
      root = (left ? mul.getLhs() : mul.getRhs()).getDefiningOp<RsqrtOp>();
      scale = left ? mul.getRhs() : mul.getLhs();
    }
    auto norm = root ? normalized(numerator, root.getInput()) : std::nullopt;
    if (!norm || norm->input.getType() != op.getType())
      continue;
    Location loc = scale ? fusedBetween(op, {norm->input, scale}) : fusedBetween(op, norm->input);
    Value result = createNorm(rewriter, loc, *norm);
    rewriter.replaceOp(op, scale ? MulOp::create(rewriter, op.getLoc(), op.getType(), result, scale) : result);
    return success();
  }
  return rewriter.notifyMatchFailure(op, "no factor is the reciprocal root of the other's mean square");
}

// x * k + (bias - mean(x) * k), k = rsqrt(variance(x) + eps) * scale -> norm layer x scale bias
static LogicalResult raiseFoldedAffine(AddOp op, PatternRewriter &rewriter) {
  for (auto [product, shift] : {std::pair<Value, Value>{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}}) {
    auto xk = product.getDefiningOp<MulOp>();
    auto sub = shift.getDefiningOp<SubOp>();
    auto mk = sub ? sub.getRhs().getDefiningOp<MulOp>() : nullptr;
    if (!xk || !mk)
      continue;
    for (auto [x, k] : {std::pair<Value, Value>{xk.getLhs(), xk.getRhs()}, {xk.getRhs(), xk.getLhs()}}) {
      auto scaled = k.getDefiningOp<MulOp>();
      Value mean = mk.getLhs() == k ? mk.getRhs() : mk.getRhs() == k ? mk.getLhs() : Value();
      auto centre = scaled && mean ? keptMean(mean) : std::nullopt;
      if (!centre || centre->input != x || x.getType() != op.getType())
        continue;
      bool left = scaled.getLhs().getDefiningOp<RsqrtOp>() != nullptr;
      auto root = (left ? scaled.getLhs() : scaled.getRhs()).getDefiningOp<RsqrtOp>();
      auto sum = root ? withScalar<AddOp>(root.getInput()) : std::nullopt;
      auto variance = sum ? keptMean(sum->value) : std::nullopt;
      Value square = variance ? squared(variance->input) : Value();
      auto centred = square ? deviation(square) : std::nullopt;
      if (!centred || centred->input != x || centred->axes != centre->axes || variance->axes != centre->axes)
        continue;
      Value scale = left ? scaled.getRhs() : scaled.getLhs(), bias = sub.getLhs();
      Value norm = createNorm(rewriter, fusedBetween(op, {x, scale, bias}), {NormKind::layer, x, centre->axes, sum->scalar});
      Value times = MulOp::create(rewriter, op.getLoc(), op.getType(), norm, scale);
      rewriter.replaceOpWithNewOp<AddOp>(op, op.getType(), times, bias);
      return success();
    }
  }
  return rewriter.notifyMatchFailure(op, "no x * k + (bias - mean(x) * k)");
}

// Of a binary op: the norm with no other user, and the other operand, when that only varies along the normalised axes.
static std::pair<NormOp, Value> normAndVector(Operation *op) {
  for (unsigned i : {0u, 1u}) {
    auto norm = op->getOperand(i).getDefiningOp<NormOp>();
    Value other = op->getOperand(1 - i);
    if (norm && norm->hasOneUse() && norm.getType() == op->getResult(0).getType() &&
        variesOnlyFrom(other, norm.getType(), norm.getAxis()))
      return {norm, other};
  }
  return {};
}

// A vector without leading axes of size 1, of rank at least 1.
static Value trimmed(PatternRewriter &rewriter, Value v) {
  size_t rank = std::max<size_t>(trimmedShape(v).size(), 1);
  auto type = cast<RankedTensorType>(v.getType());
  if (type.getRank() == 0)
    return reshapeTo(rewriter, v.getLoc(), v, {rewriter.getIndexAttr(1)});
  return reshapeTo(rewriter, v.getLoc(), v, ArrayRef(mixedSizes(rewriter, v.getLoc(), v)).take_back(rank));
}

// norm(x) * s -> norm(x) scale s
static LogicalResult absorbScale(MulOp op, PatternRewriter &rewriter) {
  auto [norm, vector] = normAndVector(op);
  if (!norm || norm.getScale() || norm.getBias())
    return rewriter.notifyMatchFailure(op, "no norm without scale and bias, used only here, times a vector of its axes");
  Location loc = rewriter.getFusedLoc({norm.getLoc(), op.getLoc()});
  Value scale = trimmed(rewriter, vector);
  rewriter.replaceOpWithNewOp<NormOp>(op, op.getType(), norm.getKind(), norm.getInput(), scale, Value(), norm.getAxis(),
                                      norm.getEpsilon())
      ->setLoc(loc);
  return success();
}

// norm(x) + b -> norm(x) bias b
static LogicalResult absorbBias(AddOp op, PatternRewriter &rewriter) {
  auto [norm, vector] = normAndVector(op);
  if (!norm || norm.getBias())
    return rewriter.notifyMatchFailure(op, "no norm without bias, used only here, plus a vector of its axes");
  Location loc = rewriter.getFusedLoc({norm.getLoc(), op.getLoc()});
  Value bias = trimmed(rewriter, vector);
  rewriter.replaceOpWithNewOp<NormOp>(op, op.getType(), norm.getKind(), norm.getInput(), norm.getScale(), bias, norm.getAxis(),
                                      norm.getEpsilon())
      ->setLoc(loc);
  return success();
}

// cast(norm(cast(x))) -> norm(x) for bf16 and f16, which are normalised in f32 anyway
static LogicalResult dropCastsAround(CastOp op, PatternRewriter &rewriter) {
  auto norm = op.getInput().getDefiningOp<NormOp>();
  auto widened = norm ? norm.getInput().getDefiningOp<CastOp>() : nullptr;
  if (!widened || widened.getInput().getType() != op.getType() || !norm->hasOneUse() || norm.getScale() || norm.getBias() ||
      !norm.getType().getElementType().isF32() || !isa<Float16Type, BFloat16Type>(op.getType().getElementType()))
    return rewriter.notifyMatchFailure(op, "not a plain norm in f32 between casts from and to a 16-bit type");
  Location loc = rewriter.getFusedLoc({widened.getLoc(), norm.getLoc(), op.getLoc()});
  rewriter.replaceOpWithNewOp<NormOp>(op, op.getType(), norm.getKind(), widened.getInput(), Value(), Value(), norm.getAxis(),
                                      norm.getEpsilon())
      ->setLoc(loc);
  return success();
}

namespace {
struct RaiseNorms : ds::impl::RaiseNormsBase<RaiseNorms> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(raiseDivision).add(raiseMultiplication).add(raiseFoldedAffine);
    patterns.add(absorbScale).add(absorbBias).add(dropCastsAround);
    if (failed(normalize(getOperation())) || failed(rewriteGreedily(getOperation(), std::move(patterns))) ||
        failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
