// From a proved layer to ds.route and ds.experts: see Build.h.
#include "passes/moe/Build.h"
#include "lib/analysis/DimBuilder.h"
#include "lib/support/OnnxLoc.h"
#include "passes/graph/Match.h"
#include "passes/graph/Patterns.h"
#include "passes/moe/Experts.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

static AffineExpr numElements(MatchContext &context, ArrayRef<AffineExpr> dims) {
  AffineExpr product = context.shapes.constant(1);
  for (AffineExpr dim : dims)
    product = product * dim;
  return context.shapes.normal(product);
}

static AffineExpr tokensOf(const LayerMatch &layer, MatchContext &context) {
  Dims dims = context.shapes.dims(layer.result);
  while (!dims.empty() && context.shapes.isOne(dims.back()))
    dims.pop_back();
  return numElements(context, ArrayRef(dims).drop_back(dims.empty() ? 0 : 1));
}

// Rows of the matrices that `up` has.
static int64_t inputSize(const Stack &stack) {
  ArrayRef<int64_t> shape = typeOf(stack.parts[0]).getShape();
  return stack.transposed ? shape.back() : shape[shape.size() - 2];
}

// Made of weights, constants and sizes.
static bool isFilled(Value v) {
  Operation *op = v.getDefiningOp();
  return op && llvm::all_of(op->getOperands(), [](Value operand) { return isWeightOnly(operand) || operand.getType().isIndex(); });
}

SetVector<Operation *> moe::innerOps(const LayerMatch &layer) {
  auto isLeaf = [&](Value v) {
    return withoutReshapes(v) == withoutReshapes(layer.input) || sameRows(v) == sameRows(layer.weights) ||
           sameRows(v) == sameRows(layer.experts) || isFilled(v);
  };
  SetVector<Operation *> ops;
  ops.insert(layer.result.getDefiningOp());
  for (size_t i = 0; i < ops.size(); ++i)
    for (Value operand : ops[i]->getOperands())
      if (Operation *def = operand.getDefiningOp(); def && isa<DsDialect>(def->getDialect()) && !isLeaf(operand))
        ops.insert(def);
  return ops;
}

// Whether `op`, a user of an inner value, is inside too, or a size or an index that only inner ops use.
static bool isInside(Operation *op, const SetVector<Operation *> &ops) {
  return ops.contains(op) || (isMemoryEffectFree(op) && !op->hasTrait<mlir::OpTrait::IsTerminator>() &&
                              llvm::all_of(op->getUsers(), [&](Operation *user) { return isInside(user, ops); }));
}

LogicalResult moe::checkLayer(const LayerMatch &layer, const RouterMatch &router, MatchContext &context) {
  Operation *at = layer.result.getDefiningOp();
  int64_t in = inputSize(layer.up), width = layer.up.size, out = layer.down.size;
  if (failed(checkStack(layer.up, router.numExperts, in, width, at, context)) ||
      failed(checkStack(layer.down, router.numExperts, width, out, at, context)) ||
      (layer.gate && failed(checkStack(*layer.gate, router.numExperts, in, width, at, context))))
    return failure();
  AffineExpr tokens = tokensOf(layer, context);
  std::pair<Value, int64_t> rows[] = {{layer.input, in}, {layer.weights, router.k}, {layer.experts, router.k},
                                      {router.scores, router.numExperts}, {router.mixing, router.numExperts}};
  for (auto [v, size] : rows)
    if (v && (!context.shapes.proveEqual(numElements(context, context.shapes.dims(v)), tokens * size)))
      return context.reasons.fail(Stage::use, at, "router, input and result are not proved to have the same number of tokens");
  if (!typeOf(router.scores).getElementType().isF32() || !typeOf(layer.input).getElementType().isF32())
    return context.reasons.fail(Stage::use, at, "not in f32");
  SetVector<Operation *> ops = innerOps(layer);
  for (Operation *op : ops.getArrayRef().drop_front())
    for (Operation *user : op->getUsers())
      if (!isInside(user, ops))
        return context.reasons.fail(Stage::use, op, "something outside of it needs a value of the layer: " + describe(user->getLoc()));
  return success();
}

namespace {
class LayerBuilder {
public:
  LayerBuilder(const LayerMatch &layer, const RouterMatch &router, func::FuncOp func, MatchContext &context)
      : layer(layer), router(router), dims(context.shapes, func), b(layer.result.getDefiningOp()),
        tokens(tokensOf(layer, context)), isStatic(constantOf(tokens)),
        resultDims(context.shapes.dims(layer.result)) {}
  Location build();

private:
  int64_t tokenSize(int64_t times = 1) const { return isStatic ? *isStatic * times : ShapedType::kDynamic; }
  Value asMatrix(Location loc, Value v, int64_t columns);
  Value shaped(Location loc, Value v, ArrayRef<AffineExpr> shape);
  RouteOp buildRoute(Location loc);

  const LayerMatch &layer;
  const RouterMatch &router;
  DimBuilder dims;
  OpBuilder b;
  AffineExpr tokens;
  std::optional<int64_t> isStatic;
  Dims resultDims;
};
} // namespace

// [T, columns]; a null value stays null
Value LayerBuilder::asMatrix(Location loc, Value v, int64_t columns) {
  return v ? shaped(loc, v, {tokens, getAffineConstantExpr(columns, b.getContext())}) : Value();
}

Value LayerBuilder::shaped(Location loc, Value v, ArrayRef<AffineExpr> shape) {
  SmallVector<OpFoldResult> sizes;
  for (AffineExpr size : shape) {
    auto constant = constantOf(size);
    sizes.push_back(constant ? OpFoldResult(b.getIndexAttr(*constant)) : OpFoldResult(dims.build(loc, size)));
  }
  return reshapeTo(b, loc, v, sizes);
}

RouteOp LayerBuilder::buildRoute(Location loc) {
  Value scores = asMatrix(loc, router.scores, router.numExperts), mixing = asMatrix(loc, router.mixing, router.numExperts), bias = router.bias;
  if (router.mixingScore == ScoreKind::softmax)
    mixing = SoftmaxOp::create(b, loc, scores.getType(), scores, 1, false);
  else if (router.mixingScore == ScoreKind::sigmoid)
    mixing = SigmoidOp::create(b, loc, scores.getType(), scores);
  if (bias)
    bias = reshapeTo(b, loc, bias, {b.getIndexAttr(router.numExperts)});
  Type f32 = b.getF32Type(), i64 = b.getI64Type();
  return RouteOp::create(b, loc, RankedTensorType::get({tokenSize(), router.k}, f32), RankedTensorType::get({tokenSize(), router.k}, i64),
                         RankedTensorType::get({tokenSize(router.k)}, i64), RankedTensorType::get({router.numExperts + 1}, i64), Type(),
                         scores, mixing, bias, Value(), router.k, router.score, router.normalize, APFloat(router.epsilon),
                         APFloat(router.scale), router.groups, router.topGroups, router.groupBest, BalanceKind::none, APFloat(0.0));
}

Location LayerBuilder::build() {
  Location loc = fusedBetween(layer.result, {layer.input, layer.weights, layer.experts});
  RouteOp route = buildRoute(fusedBetween(layer.weights, {router.scores}));
  Value gate = layer.gate ? buildStack(b, loc, *layer.gate) : Value(), up = buildStack(b, loc, layer.up), down = buildStack(b, loc, layer.down);
  Value y = ExpertsOp::create(b, loc, RankedTensorType::get({tokenSize(), layer.down.size}, b.getF32Type()),
                              asMatrix(loc, layer.input, inputSize(layer.up)), route.getWeights(), route.getPermutation(),
                              route.getOffsets(), gate, up, down, layer.activation);
  Value result = layer.result;
  if (typeOf(result).getRank() != 2)
    y = shaped(loc, y, resultDims);
  result.replaceAllUsesWith(y);
  return loc;
}

Location moe::buildLayer(const LayerMatch &layer, const RouterMatch &router, func::FuncOp func, MatchContext &context) {
  return LayerBuilder(layer, router, func, context).build();
}

// Whether a product with `input` goes into `v` through the ops of a gated MLP.
static bool isMlpOf(Value v, Value input) {
  SetVector<Value> seen;
  seen.insert(v);
  for (size_t i = 0; i < seen.size() && i < 64; ++i) {
    Operation *op = seen[i].getDefiningOp();
    if (isa_and_nonnull<MatmulOp>(op) && withoutReshapes(op->getOperand(0)) == input)
      return true;
    if (isa_and_nonnull<MatmulOp, MulOp, SiluOp, GeluOp, ReluOp, SigmoidOp, ReshapeOp>(op))
      seen.insert(op->operand_begin(), op->operand_end());
  }
  return false;
}

bool moe::hasSharedExpert(const LayerMatch &layer) {
  Value input = withoutReshapes(layer.input), sum = layer.result;
  // The residual may be added before.
  for (unsigned steps = 0; steps < 8 && sum.hasOneUse(); ++steps) {
    Operation *user = *sum.user_begin();
    if (isa<AddOp>(user) && isMlpOf(user->getOperand(user->getOperand(0) == sum ? 1 : 0), input))
      return true;
    if (!isa<AddOp, ReshapeOp>(user))
      return false;
    sum = user->getResult(0);
  }
  return false;
}
