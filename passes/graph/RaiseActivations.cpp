// ds-graph-raise-activations: activation functions and softmax from the arithmetic that exporters write.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISEACTIVATIONS
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-raise-activations";

template <typename OpTy, typename... Args>
static LogicalResult raiseTo(PatternRewriter &rewriter, Operation *op, Value input, Args &&...args) {
  Location loc = fusedBetween(op->getResult(0), input);
  auto raised = OpTy::create(rewriter, loc, op->getResult(0).getType(), input, std::forward<Args>(args)...);
  remarkPassed(loc, kPass, "raised", "to " + raised->getName().getStringRef());
  rewriter.replaceOp(op, raised);
  return success();
}

// The erf or tanh inside a + b * f(..), through constants only.
static Operation *curveInside(Value v, unsigned depth = 0) {
  Operation *op = v.getDefiningOp();
  if (!op || depth > 4)
    return nullptr;
  if (isa<ErfOp, TanhOp>(op))
    return op;
  if (!isa<AddOp, SubOp, MulOp, DivOp>(op))
    return nullptr;
  if (splatOf(op->getOperand(1)))
    return curveInside(op->getOperand(0), depth + 1);
  return splatOf(op->getOperand(0)) ? curveInside(op->getOperand(1), depth + 1) : nullptr;
}

// Of a product of two factors: which one is x and which one the gate over x.
static SmallVector<std::pair<Value, Value>> bothOrders(const Product &product) {
  if (product.factors.size() != 2)
    return {};
  return {{product.factors[0], product.factors[1]}, {product.factors[1], product.factors[0]}};
}

// x * (0.5 + 0.5 * erf(x / sqrt(2))) -> gelu(x); x * (0.5 + 0.5 * tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) -> gelu(x) {tanh};
// the halves anywhere in the product.
static LogicalResult raiseGelu(MulOp op, PatternRewriter &rewriter) {
  const double kTanh = std::sqrt(2 / M_PI);
  Product product = productOf(op);
  for (auto [x, gate] : bothOrders(product)) {
    Operation *curve = curveInside(gate);
    if (!curve || x.getType() != op.getType() || curve->getResult(0).getType() != op.getType())
      continue;
    double half = 0.5 / product.coefficient;
    if (!isCubic(gate, curve->getResult(0), {half, half, 0, 0}))
      continue;
    bool tanh = isa<TanhOp>(curve);
    Cubic inner = tanh ? Cubic{0, kTanh, 0, kTanh * 0.044715} : Cubic{0, M_SQRT1_2, 0, 0};
    if (isCubic(curve->getOperand(0), x, inner))
      return raiseTo<GeluOp>(rewriter, op, x, tanh);
  }
  return rewriter.notifyMatchFailure(op, "no product of x and (1 + erf or tanh of x) / 2 with GELU's constants");
}

// x * sigmoid(x) -> silu(x)
static LogicalResult raiseSilu(MulOp op, PatternRewriter &rewriter) {
  for (auto [x, gate] : {std::pair<Value, Value>{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}})
    if (auto sigmoid = gate.getDefiningOp<SigmoidOp>(); sigmoid && sigmoid.getInput() == x)
      return raiseTo<SiluOp>(rewriter, op, x);
  return rewriter.notifyMatchFailure(op, "no factor is the sigmoid of the other");
}

// 1 / (1 + exp(-x)) -> sigmoid(x); x / (1 + exp(-x)) -> silu(x)
static LogicalResult raiseSigmoid(DivOp op, PatternRewriter &rewriter) {
  auto sum = withScalar<AddOp>(op.getRhs());
  auto exp = sum && sum->scalar == 1 ? sum->value.getDefiningOp<ExpOp>() : nullptr;
  if (!exp || exp.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "the divisor is not 1 + exp(..)");
  Product negated = productOf(exp.getInput());
  if (negated.factors.size() != 1 || negated.coefficient != -1)
    return rewriter.notifyMatchFailure(op, "the exponent is not -x");
  Value x = negated.factors[0];
  if (isSplat(op.getLhs(), 1))
    return raiseTo<SigmoidOp>(rewriter, op, x);
  if (op.getLhs() == x)
    return raiseTo<SiluOp>(rewriter, op, x);
  return rewriter.notifyMatchFailure(op, "the dividend is neither 1 nor x");
}

// max(x, 0) -> relu(x)
static LogicalResult raiseRelu(MaxOp op, PatternRewriter &rewriter) {
  auto max = withScalar<MaxOp>(op);
  if (!max || max->scalar != 0 || max->value.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "not the maximum with 0");
  return raiseTo<ReluOp>(rewriter, op, max->value);
}

// log(1 + exp(x)) -> softplus(x); log(softmax(x)) -> softmax(x) {log}
static LogicalResult raiseLog(LogOp op, PatternRewriter &rewriter) {
  if (auto softmax = op.getInput().getDefiningOp<SoftmaxOp>(); softmax && !softmax.getLog() && softmax->hasOneUse())
    return raiseTo<SoftmaxOp>(rewriter, op, softmax.getInput(), softmax.getAxis(), true);
  auto sum = withScalar<AddOp>(op.getInput());
  auto exp = sum && sum->scalar == 1 ? sum->value.getDefiningOp<ExpOp>() : nullptr;
  if (!exp || exp.getType() != op.getType())
    return rewriter.notifyMatchFailure(op, "neither of 1 + exp(x) nor of a softmax with no other user");
  return raiseTo<SoftplusOp>(rewriter, op, exp.getInput());
}

// The sum over one axis of `v`, with the axis kept: the axis, else -1.
static int64_t axisOf(Value reduced, Value v, ReduceKind kind) {
  auto reduce = reduced.getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getInput() != v || reduce.getKind() != kind || reduce.getAxes().size() != 1 || !reduce.getKeepdims())
    return -1;
  return reduce.getAxes()[0];
}

// exp(x - max(x)) / sum(exp(x - max(x))) -> softmax(x), also without the maximum
static LogicalResult raiseSoftmax(DivOp op, PatternRewriter &rewriter) {
  auto exp = op.getLhs().getDefiningOp<ExpOp>();
  int64_t axis = exp ? axisOf(op.getRhs(), exp, ReduceKind::sum) : -1;
  if (axis < 0)
    return rewriter.notifyMatchFailure(op, "not e / sum(e) of e = exp(..) over one axis");
  Value x = exp.getInput();
  if (auto sub = x.getDefiningOp<SubOp>(); sub && axisOf(sub.getRhs(), sub.getLhs(), ReduceKind::max) == axis)
    x = sub.getLhs();
  return raiseTo<SoftmaxOp>(rewriter, op, x, axis, false);
}

namespace {
struct RaiseActivations : ds::impl::RaiseActivationsBase<RaiseActivations> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(raiseGelu).add(raiseSilu).add(raiseSigmoid).add(raiseRelu).add(raiseLog).add(raiseSoftmax);
    if (failed(normalize(getOperation())) || failed(rewriteGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
