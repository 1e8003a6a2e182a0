// Elementwise ops by neutral elements and in plainer spellings.
#include "passes/graph/Match.h"
#include "passes/graph/Patterns.h"

using namespace mlir;
using namespace mlir::ds;

static bool isFloat(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }

static LogicalResult replaceIfSameType(Operation *op, Value v, PatternRewriter &rewriter) {
  if (v.getType() != op->getResult(0).getType())
    return rewriter.notifyMatchFailure(op, "the other operand broadcasts");
  rewriter.replaceOp(op, v);
  return success();
}

// x + 0 -> x, 0 + x -> x. (-0 + 0 is 0, which equals -0.)
static LogicalResult dropAddOfZero(AddOp op, PatternRewriter &rewriter) {
  auto c = withScalar<AddOp>(op);
  if (!c || c->scalar != 0)
    return rewriter.notifyMatchFailure(op, "no operand is 0");
  return replaceIfSameType(op, c->value, rewriter);
}

// x - 0 -> x
static LogicalResult dropSubOfZero(SubOp op, PatternRewriter &rewriter) {
  if (splatOf(op.getRhs()) != 0.0)
    return rewriter.notifyMatchFailure(op, "the right operand is not 0");
  return replaceIfSameType(op, op.getLhs(), rewriter);
}

// x * 1 -> x
static LogicalResult dropMulByOne(MulOp op, PatternRewriter &rewriter) {
  auto c = withScalar<MulOp>(op);
  if (!c || c->scalar != 1)
    return rewriter.notifyMatchFailure(op, "no operand is 1");
  return replaceIfSameType(op, c->value, rewriter);
}

static Value splatLike(PatternRewriter &rewriter, Location loc, Value like, double value) {
  auto type = RankedTensorType::get({}, getElementTypeOrSelf(like.getType()));
  auto attr = DenseElementsAttr::get(type, rewriter.getFloatAttr(type.getElementType(), value));
  return ConstantOp::create(rewriter, loc, cast<ElementsAttr>(Attribute(attr)));
}

// x / 1 -> x; x / 2^k -> x * 2^-k, which is exact; 1 / sqrt(x) -> rsqrt(x)
static LogicalResult simplifyDiv(DivOp op, PatternRewriter &rewriter) {
  if (!isFloat(op))
    return splatOf(op.getRhs()) == 1.0 ? replaceIfSameType(op, op.getLhs(), rewriter)
                                       : rewriter.notifyMatchFailure(op, "integers, and not by 1");
  if (auto sqrt = op.getRhs().getDefiningOp<SqrtOp>(); sqrt && splatOf(op.getLhs()) == 1.0 && sqrt.getType() == op.getType()) {
    rewriter.replaceOpWithNewOp<RsqrtOp>(op, op.getType(), sqrt.getInput())
        ->setLoc(rewriter.getFusedLoc({sqrt.getLoc(), op.getLoc()}));
    return success();
  }
  auto by = splatOf(op.getRhs());
  if (!by)
    return rewriter.notifyMatchFailure(op, "the divisor is no constant");
  if (*by == 1)
    return replaceIfSameType(op, op.getLhs(), rewriter);
  int exponent;
  if (std::abs(std::frexp(*by, &exponent)) != 0.5 || std::abs(exponent) > 14)
    return rewriter.notifyMatchFailure(op, "the reciprocal of the divisor is not exact");
  if (trimmedShape(op.getRhs()).size() > 0)
    return rewriter.notifyMatchFailure(op, "the divisor broadcasts the dividend");
  rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), op.getLhs(), splatLike(rewriter, op.getLoc(), op.getRhs(), 1 / *by));
  return success();
}

// (x * c) * d, (x / c) * d, (x * c) / d -> x * (c d): one constant, rounded once
static LogicalResult mergeScales(Operation *op, PatternRewriter &rewriter) {
  if (!isa<MulOp, DivOp>(op) || !isFloat(op->getResult(0)))
    return rewriter.notifyMatchFailure(op, "no product or quotient of floats");
  auto scale = [](Value v) -> std::optional<WithScalar> {
    if (auto mul = withScalar<MulOp>(v))
      return mul;
    auto div = v.getDefiningOp<DivOp>();
    auto by = div ? splatOf(div.getRhs()) : std::nullopt;
    return by && *by != 0 ? std::optional(WithScalar{div.getLhs(), 1 / *by}) : std::nullopt;
  };
  auto outer = scale(op->getResult(0)), inner = outer ? scale(outer->value) : std::nullopt;
  if (!inner || !outer->value.hasOneUse() || inner->value.getType() != op->getResult(0).getType())
    return rewriter.notifyMatchFailure(op, "not two constants one after the other, the first used only here");
  auto type = cast<FloatType>(getElementTypeOrSelf(inner->value.getType()));
  double product = inner->scalar * outer->scalar;
  APFloat rounded(product);
  bool lost;
  rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  if (!rounded.isNormal())
    return rewriter.notifyMatchFailure(op, "the product of the constants is not a normal number of the type");
  Location loc = rewriter.getFusedLoc({outer->value.getLoc(), op->getLoc()});
  rewriter.replaceOpWithNewOp<MulOp>(op, inner->value.getType(), inner->value, splatLike(rewriter, loc, inner->value, product))->setLoc(loc);
  return success();
}
static LogicalResult mergeScalesOfMul(MulOp op, PatternRewriter &rewriter) { return mergeScales(op, rewriter); }
static LogicalResult mergeScalesOfDiv(DivOp op, PatternRewriter &rewriter) { return mergeScales(op, rewriter); }

// sqrt(1 / x) -> rsqrt(x)
static LogicalResult simplifySqrt(SqrtOp op, PatternRewriter &rewriter) {
  auto div = op.getInput().getDefiningOp<DivOp>();
  if (!div || splatOf(div.getLhs()) != 1.0 || div.getRhs().getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "not of a reciprocal");
  rewriter.replaceOpWithNewOp<RsqrtOp>(op, op.getType(), div.getRhs())->setLoc(rewriter.getFusedLoc({div.getLoc(), op.getLoc()}));
  return success();
}

// pow(x, 0.5) -> sqrt(x); pow(x, -0.5) -> rsqrt(x); pow(x, 1 | 2 | 3) -> products; pow(x, -1) -> 1 / x
static LogicalResult expandPow(PowOp op, PatternRewriter &rewriter) {
  auto exponent = splatOf(op.getRhs());
  Value x = op.getLhs();
  if (!exponent || x.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "the exponent is no constant or broadcasts the base");
  Location loc = op.getLoc();
  Type type = op.getType();
  if (*exponent == 1 || *exponent == 2 || *exponent == 3) {
    Value product = x;
    for (int i = 1; i < *exponent; ++i)
      product = MulOp::create(rewriter, loc, type, product, x);
    rewriter.replaceOp(op, product);
    return success();
  }
  if (!isFloat(x))
    return rewriter.notifyMatchFailure(op, "integers, and the exponent is not 1, 2 or 3");
  if (*exponent == 0.5)
    rewriter.replaceOpWithNewOp<SqrtOp>(op, type, x);
  else if (*exponent == -0.5)
    rewriter.replaceOpWithNewOp<RsqrtOp>(op, type, x);
  else if (*exponent == -1)
    rewriter.replaceOpWithNewOp<DivOp>(op, type, splatLike(rewriter, loc, x, 1), x);
  else
    return rewriter.notifyMatchFailure(op, "no plainer spelling of this exponent");
  return success();
}

// Whether every value of `from` is a value of `to`.
static bool holds(Type to, Type from) {
  if (to == from)
    return true;
  if (from.isInteger(1))
    return !to.isInteger(1);
  auto a = dyn_cast<FloatType>(from), b = dyn_cast<FloatType>(to);
  if (a && b) {
    const llvm::fltSemantics &s = a.getFloatSemantics(), &t = b.getFloatSemantics();
    return APFloat::semanticsPrecision(s) <= APFloat::semanticsPrecision(t) &&
           APFloat::semanticsMaxExponent(s) <= APFloat::semanticsMaxExponent(t) &&
           APFloat::semanticsMinExponent(s) >= APFloat::semanticsMinExponent(t);
  }
  return from.isIntOrIndex() && to.isIntOrIndex() && from.isUnsignedInteger() == to.isUnsignedInteger() &&
         from.getIntOrFloatBitWidth() <= to.getIntOrFloatBitWidth();
}

// cast(x) to x's type -> x; cast(cast(x)) -> cast(x), when the type between holds every value of x
static LogicalResult mergeCasts(CastOp op, PatternRewriter &rewriter) {
  if (op.getInput().getType() == op.getType()) {
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
  auto inner = op.getInput().getDefiningOp<CastOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "not a cast of a cast");
  if (!holds(getElementTypeOrSelf(inner.getType()), getElementTypeOrSelf(inner.getInput().getType())))
    return rewriter.notifyMatchFailure(op, "the first cast loses values");
  rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), inner.getInput())
      ->setLoc(rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}));
  return success();
}

// not(not(x)) -> x
static LogicalResult dropDoubleNot(NotOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<NotOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "not of a not");
  rewriter.replaceOp(op, inner.getInput());
  return success();
}

// select(not(c), a, b) -> select(c, b, a)
static LogicalResult dropNotOfSelect(SelectOp op, PatternRewriter &rewriter) {
  auto inner = op.getCondition().getDefiningOp<NotOp>();
  if (!inner)
    return rewriter.notifyMatchFailure(op, "the condition is not negated");
  rewriter.replaceOpWithNewOp<SelectOp>(op, op.getType(), inner.getInput(), op.getRhs(), op.getLhs())
      ->setLoc(rewriter.getFusedLoc({inner.getLoc(), op.getLoc()}));
  return success();
}

void mlir::ds::populateArithmeticPatterns(RewritePatternSet &patterns) {
  patterns.add(dropAddOfZero).add(dropSubOfZero).add(dropMulByOne).add(simplifyDiv).add(simplifySqrt);
  patterns.add(mergeScalesOfMul).add(mergeScalesOfDiv);
  patterns.add(expandPow).add(mergeCasts).add(dropDoubleNot).add(dropNotOfSelect);
}
