// Routers, structurally and backwards: see Router.h.
#include "passes/moe/Router.h"
#include "passes/graph/Match.h"
#include "passes/moe/Experts.h"
#include "passes/moe/Grid.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

// Guards against a division by zero smaller than this change nothing in f32 unless all chosen scores are below 1e-8.
static constexpr double kTinyEpsilon = 1e-15;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }
static int64_t lastSize(Value v) { return typeOf(v).getRank() ? typeOf(v).getShape().back() : 1; }
static bool isLastAxis(Value v, int64_t axis) { return axis == typeOf(v).getRank() - 1; }

Value moe::sameRows(Value v) {
  while (Operation *op = v.getDefiningOp()) {
    if (!isa<ReshapeOp, CastOp>(op))
      break;
    Value inner = op->getOperand(0);
    // Indices of at most 2^31 experts are the same in 32 and 64 bits.
    bool isSame = isa<CastOp>(op) ? typeOf(inner).getElementType().isInteger(64) || typeOf(inner).getElementType().isInteger(32)
                                  : lastSize(inner) == lastSize(v) && !ShapedType::isDynamic(lastSize(v));
    if (isa<CastOp>(op) && !typeOf(v).getElementType().isInteger(64) && !typeOf(v).getElementType().isInteger(32))
      break;
    if (!isSame)
      break;
    v = inner;
  }
  return v;
}

namespace {
class Router {
public:
  Router(MatchContext &context) : context(context) {}
  FailureOr<RouterMatch> match(Value weights, Value experts);

private:
  LogicalResult fail(Operation *op, const Twine &why) { return context.reasons.fail(Stage::router, op, why); }
  Value peelScale(Value v);
  FailureOr<Value> peelNormalize(Value v);
  LogicalResult matchMixing(Value v);
  LogicalResult matchSelection(Value v);
  LogicalResult matchGroups(SelectOp select);
  LogicalResult matchGroupScores(TopKOp best, Value selection, int64_t groups);
  bool staysBelow(double excluded);
  bool haveSameRows(Value a, Value b);

  MatchContext &context;
  RouterMatch found;
  TopKOp choice;
  Value mixing; // the scores that the weights are taken from; null: those that were selected by
};
} // namespace

// v * c, v / c -> v, and c into the scale
Value Router::peelScale(Value v) {
  if (auto scaled = withScalar<MulOp>(v); scaled && scaled->value.getType() == v.getType()) {
    found.scale *= scaled->scalar;
    return scaled->value;
  }
  auto div = v.getDefiningOp<DivOp>();
  auto by = div ? splatOf(div.getRhs()) : std::nullopt;
  if (!by || *by == 0 || div.getLhs().getType() != v.getType())
    return nullptr;
  found.scale /= *by;
  return div.getLhs();
}

// v / (sum(v) + epsilon) -> v
FailureOr<Value> Router::peelNormalize(Value v) {
  auto div = v.getDefiningOp<DivOp>();
  if (!div)
    return v;
  Value sum = div.getRhs();
  if (auto guarded = withScalar<AddOp>(sum)) {
    if (!(guarded->scalar >= 0))
      return fail(div, "the weights are divided by their sum plus a negative number");
    found.epsilon = guarded->scalar;
    sum = guarded->value;
  }
  auto reduce = withoutReshapes(sum).getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != ReduceKind::sum || reduce.getAxes().size() != 1 || !isLastAxis(reduce.getInput(), reduce.getAxes()[0]) ||
      sameRows(reduce.getInput()) != sameRows(div.getLhs()) || lastSize(sum) != 1 || typeOf(sum).getRank() != div.getType().getRank() || div.getType() != div.getLhs().getType())
    return fail(div, "the weights are divided by something else than their sum over the slots");
  found.normalize = true;
  if (found.epsilon <= kTinyEpsilon)
    std::swap(found.droppedEpsilon, found.epsilon);
  return div.getLhs();
}

// The weights before scale and normalisation: the selected scores, or scores gathered by the choice.
LogicalResult Router::matchMixing(Value v) {
  Value picked = sameRows(v);
  if (picked == choice.getValues())
    return success();
  if (auto gather = picked.getDefiningOp<GatherElementsOp>()) {
    if (!isLastAxis(gather.getInput(), gather.getAxis()) || sameRows(gather.getIndices()) != choice.getIndices() ||
        lastSize(gather.getInput()) != found.numExperts || !haveSameRows(gather.getInput(), gather.getIndices()))
      return fail(gather, "the weights are not those of the chosen experts");
    mixing = gather.getInput();
    return success();
  }
  Operation *op = picked.getDefiningOp();
  auto softmax = dyn_cast_or_null<SoftmaxOp>(op);
  bool isScore = (softmax && !softmax.getLog() && isLastAxis(picked, softmax.getAxis()) && !found.normalize) || isa_and_nonnull<SigmoidOp>(op);
  if (!isScore || sameRows(op->getOperand(0)) != choice.getValues())
    return fail(op ? op : choice, "the weights are not the scores of the chosen experts");
  // A softmax over the chosen is one over all, normalised.
  found.normalize |= softmax != nullptr;
  found.mixingScore = softmax ? ScoreKind::softmax : ScoreKind::sigmoid;
  return success();
}

// Whether two values agree in all axes but the last one.
bool Router::haveSameRows(Value a, Value b) {
  Dims x = context.shapes.dims(a), y = context.shapes.dims(b);
  return x.size() == y.size() && context.shapes.proveEqual(ArrayRef(x).drop_back(), ArrayRef(y).drop_back());
}

// Whether no open expert's score is as small as what stands for closed groups.
bool Router::staysBelow(double excluded) {
  double least = 0;
  if (found.bias) {
    auto bias = WeightData::isData(found.bias) ? context.data.readF32(found.bias) : FailureOr<std::vector<float>>(failure());
    if (failed(bias) || bias->empty())
      return excluded == -INFINITY;
    least = *std::min_element(bias->begin(), bias->end());
  }
  return excluded == -INFINITY || (found.score != ScoreKind::none && excluded < least);
}

// reduce(top_k(reshape(selection, [T, G, E / G]), best).values), or the maximum of each group
LogicalResult Router::matchGroupScores(TopKOp best, Value selection, int64_t groups) {
  auto reduce = withoutReshapes(best.getInput()).getDefiningOp<ReduceOp>();
  int64_t size = found.numExperts / groups;
  if (!reduce || reduce.getAxes().size() != 1 || !isLastAxis(reduce.getInput(), reduce.getAxes()[0]) || lastSize(best.getInput()) != groups)
    return fail(best, "the groups are not chosen by scores of their experts");
  Value grouped = reduce.getInput();
  if (reduce.getKind() == ReduceKind::sum) {
    auto inner = sameRows(grouped).getDefiningOp<TopKOp>();
    if (!inner || sameRows(grouped) != inner.getValues() || !inner.getLargest() || !isLastAxis(inner.getInput(), inner.getAxis()) ||
        ShapedType::isDynamic(inner.getStaticK()[0]))
      return fail(reduce, "a group's score is not the sum of its largest scores");
    found.groupBest = inner.getStaticK()[0];
    grouped = inner.getInput();
  } else if (reduce.getKind() != ReduceKind::max) {
    return fail(reduce, "a group's score is neither a sum nor a maximum");
  }
  auto split = grouped.getDefiningOp<ReshapeOp>();
  if (!split || typeOf(grouped).getRank() < 2 || lastSize(grouped) != size || typeOf(grouped).getShape().drop_back().back() != groups ||
      withoutReshapes(grouped) != withoutReshapes(selection))
    return fail(reduce, "the groups' scores are not of the scores that select");
  return success();
}

// select(mask of the chosen groups, selection, -inf), the mask from ones scattered to the groups
LogicalResult Router::matchGroups(SelectOp select) {
  Grid grid(context.shapes);
  Labelled mask{select.getCondition(), {}};
  Value scattered = mask.value;
  while (Operation *op = scattered.getDefiningOp()) {
    if (!isa<ReshapeOp, BroadcastOp, CastOp>(op))
      break;
    scattered = op->getOperand(0);
  }
  auto scatter = scattered.getDefiningOp<ScatterElementsOp>();
  int64_t groups = scatter ? lastSize(scatter) : 0;
  if (!scatter || ShapedType::isDynamic(groups) || groups < 1 || found.numExperts < 2 || found.numExperts % groups ||
      typeOf(mask.value).getShape() != typeOf(select).getShape())
    return fail(select, "the scores are masked by something else than chosen groups");
  mask = grid.fresh(mask.value);
  Label group = grid.add(context.shapes.constant(groups)), member = grid.add(context.shapes.constant(found.numExperts / groups));
  LabelList rows = mask.flat();
  rows.pop_back();
  mask.axes.back() = {group, member};
  while (mask.value != scattered) {
    if (auto cast = mask.value.getDefiningOp<CastOp>()) {
      mask.value = cast.getInput();
      continue;
    }
    FailureOr<Labelled> inner = grid.back(mask);
    if (failed(inner))
      return fail(select, "the mask of the scores is not one of whole groups");
    mask = *inner;
  }
  rows.push_back(group);
  auto best = sameRows(scatter.getIndices()).getDefiningOp<TopKOp>();
  bool isMask = splatOf(scatter.getInput()) == 0.0 && splatOf(scatter.getUpdates()) == 1.0 && scatter.getKind() == ScatterKind::set;
  if (mask.flat() != rows || !isLastAxis(scatter, scatter.getAxis()) || !isMask || !haveSameRows(scatter, scatter.getIndices()))
    return fail(scatter, "the mask of the scores is not made of ones scattered to groups");
  if (!best || sameRows(scatter.getIndices()) != best.getIndices() || !best.getLargest() || !isLastAxis(best.getInput(), best.getAxis()) ||
      ShapedType::isDynamic(best.getStaticK()[0]))
    return fail(scatter, "the groups are not chosen by a top-k");
  found.groups = groups;
  found.topGroups = best.getStaticK()[0];
  if (found.topGroups * (found.numExperts / groups) < found.k)
    return fail(scatter, "the chosen groups have fewer experts than are chosen");
  return matchGroupScores(best, select.getLhs(), groups);
}

// select(groups, p + bias, -inf) with p = softmax or sigmoid of the logits
LogicalResult Router::matchSelection(Value v) {
  v = sameRows(v);
  auto select = v.getDefiningOp<SelectOp>();
  std::optional<double> excluded;
  if (select) {
    excluded = splatOf(select.getRhs());
    if (!excluded || failed(matchGroups(select)))
      return excluded ? failure() : fail(select, "what masked scores become is not constant");
    v = sameRows(select.getLhs());
  }
  if (auto add = v.getDefiningOp<AddOp>()) {
    for (auto [bias, p] : {std::pair(add.getRhs(), add.getLhs()), std::pair(add.getLhs(), add.getRhs())})
      if (!found.bias && isWeightOnly(bias) && p.getType() == v.getType() && lastSize(bias) == found.numExperts &&
          typeOf(bias).getNumElements() == found.numExperts) {
        found.bias = bias;
        v = sameRows(p);
      }
  }
  Value p = v;
  if (found.mixingScore != ScoreKind::none) {
    // The choice is by the logits themselves: rounding could make two scores equal.
  } else if (auto softmax = p.getDefiningOp<SoftmaxOp>(); softmax && isLastAxis(p, softmax.getAxis()) && !softmax.getLog()) {
    found.score = ScoreKind::softmax;
    v = softmax.getInput();
  } else if (auto sigmoid = p.getDefiningOp<SigmoidOp>()) {
    found.score = ScoreKind::sigmoid;
    v = sigmoid.getInput();
  }
  found.scores = v;
  if (excluded && !staysBelow(*excluded))
    return fail(select, "masked scores are not smaller than all others");
  if (!mixing && (found.bias || select))
    return fail(choice, "the weights contain the selection's bias or mask");
  if (mixing && sameRows(mixing) != p)
    found.mixing = mixing;
  return success();
}

FailureOr<RouterMatch> Router::match(Value weights, Value experts) {
  Value indices = sameRows(experts);
  choice = indices.getDefiningOp<TopKOp>();
  Operation *at = indices.getDefiningOp() ? indices.getDefiningOp() : weights.getDefiningOp();
  if (!choice || indices != choice.getIndices())
    return at ? fail(at, "the experts are not the indices of a top-k") : failure();
  found.k = choice.getStaticK()[0];
  found.numExperts = lastSize(choice.getInput());
  if (!choice.getLargest() || !isLastAxis(choice.getInput(), choice.getAxis()) || ShapedType::isDynamic(found.k) ||
      ShapedType::isDynamic(found.numExperts) || !typeOf(choice.getInput()).getElementType().isF32())
    return fail(choice, "the experts are not a constant number of the largest of f32 scores on the last axis");
  if (lastSize(experts) != found.k || lastSize(weights) != found.k)
    return fail(choice, "the weights are not one per chosen expert");
  Value v = weights;
  while (Value inner = peelScale(sameRows(v)))
    v = inner;
  FailureOr<Value> plain = peelNormalize(sameRows(v));
  if (failed(plain) || failed(matchMixing(*plain)) || failed(matchSelection(choice.getInput())))
    return failure();
  return found;
}

FailureOr<RouterMatch> moe::matchRouter(Value weights, Value experts, MatchContext &context) { return Router(context).match(weights, experts); }
