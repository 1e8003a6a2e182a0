// Forms A and A': for every expert its rows (NonZero of a row of a mask), its MLP on them, added back where they came
// from.
#include "passes/moe/Rows.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

using Positions = SmallVector<Polynomial>;

static constexpr int64_t kMostExperts = 4096;

namespace {
// Rows of a sum that get `updates` added. A scatter that replaces does that if no row is named twice and it starts from
// zeros.
struct Addition {
  Operation *op;
  Value indices, updates;
};

// One addition, understood.
struct Routed {
  int64_t expert;
  Value weights, experts, input; // views [T.., k], [T.., k], [T.., H]
  RowExperts mlp;
};
} // namespace

static ArrayRef<int64_t> typeShape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

static bool isZero(Value v, RowContext &context) {
  Value base = context.elements.trace(v, context.elements.anywhere(v)).base;
  return WeightData::isData(base) && context.match.data.splat(base) == 0;
}

// The tensor that a scatter starts from; null for other ops.
static Value scatterBase(Operation *op) {
  auto nd = dyn_cast_or_null<ScatterNdOp>(op);
  auto elements = dyn_cast_or_null<ScatterElementsOp>(op);
  if (nd && nd.getKind() == ScatterKind::add)
    return nd.getInput();
  bool isRows =
      elements && elements.getAxis() == 0 && (elements.getKind() == ScatterKind::add || elements.getKind() == ScatterKind::set);
  return isRows ? elements.getInput() : Value();
}

// The scatters that `sum` adds up, the last one first.
static LogicalResult collect(Value sum, SmallVector<Addition> &additions, RowContext &context) {
  SmallVector<Value> left{sum};
  while (!left.empty()) {
    Value v = left.pop_back_val();
    Operation *op = v.getDefiningOp();
    if (auto add = dyn_cast_or_null<AddOp>(op)) {
      left.append({add.getLhs(), add.getRhs()});
      continue;
    }
    Value base = scatterBase(op);
    if (!base)
      return isZero(v, context) ? success() : context.failAt(Stage::root, v, "not a sum of scattered rows");
    auto elements = dyn_cast<ScatterElementsOp>(op);
    bool replaces = elements && elements.getKind() == ScatterKind::set;
    if (!isZero(base, context)) {
      if (replaces)
        return context.fail(Stage::dispatch, op, "replaces rows of what does not start as zeros");
      left.push_back(base);
    }
    if (!context.match.shapes.proveEqual(context.match.shapes.dims(v), context.match.shapes.dims(sum)))
      return context.fail(Stage::root, op, "adds up what is not proved to have the same rows");
    additions.push_back({op, op->getOperand(1), op->getOperand(2)});
  }
  return success();
}

// Whether a longer sum goes on behind `op`.
static bool goesOn(Operation *op) {
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    if (auto add = dyn_cast<AddOp>(user))
      return scatterBase((add.getLhs().getDefiningOp() == op ? add.getRhs() : add.getLhs()).getDefiningOp()) != nullptr;
    Value base = scatterBase(user);
    return base && base.getDefiningOp() == op;
  });
}

// The expert whose row of the mask `rows` are the places of; `slotAxis` of the mask counts the slots.
static LogicalResult matchMask(NonZeroOp rows, int64_t slotAxis, Routed &routed, RowContext &context) {
  int64_t k = typeShape(rows.getInput())[slotAxis];
  if (ShapedType::isDynamic(k))
    return context.fail(Stage::dispatch, rows, "the number of slots per token is not known");
  Polynomial slot = context.elements.along(rows.getInput(), slotAxis),
             token = context.elements.along(rows.getInput(), 1 - slotAxis);
  auto hit = context.elements.elementOf(
      context.elements.integer(rows.getInput(), slotAxis == 0 ? Positions{slot, token} : Positions{token, slot}));
  auto equal = hit ? hit->base.getDefiningOp<EqualOp>() : nullptr;
  if (!equal)
    return context.fail(Stage::dispatch, rows, "the mask does not compare the experts chosen with one expert");
  for (unsigned i : {0u, 1u}) {
    auto lhs = context.elements.operandInteger(equal, i, *hit), rhs = context.elements.operandInteger(equal, 1 - i, *hit);
    auto chosen = lhs ? context.elements.elementOf(*lhs) : std::nullopt;
    auto expert = rhs ? rhs->constant() : std::nullopt;
    if (!chosen || !expert)
      continue;
    routed.expert = *expert;
    routed.experts = viewOf(*chosen, token, slot, k, context);
    if (routed.experts && *expert >= 0)
      return success();
  }
  return context.fail(Stage::dispatch, equal, "not the experts chosen, per token and slot, compared with one expert");
}

namespace {
// Update `row` goes to where row `row` of the places says: to the token in its line `axis`; the other one has the slot.
struct Target {
  NonZeroOp places;
  int64_t axis;
  Polynomial row, token, slot;
};
} // namespace

// Every row of the places has to be there, and once.
static FailureOr<Target> matchTarget(const Addition &addition, const Polynomial &feature, RowContext &context) {
  ArrayRef<int64_t> indices = typeShape(addition.indices), updates = typeShape(addition.updates);
  bool byElement = isa<ScatterElementsOp>(addition.op);
  if (indices.size() != 2 || updates.size() != 2 || updates[1] != typeShape(addition.op->getResult(0))[1] ||
      indices[1] != (byElement ? updates[1] : 1))
    return context.fail(Stage::dispatch, addition.op, "does not add rows");
  Polynomial row = context.elements.along(addition.updates, 0);
  Polynomial token = context.elements.integer(addition.indices, {row, byElement ? feature : Polynomial()});
  auto place = context.elements.elementOf(token);
  auto places = place ? place->base.getDefiningOp<NonZeroOp>() : nullptr;
  auto axis = places && context.elements.equal(place->at[1], row) ? place->at[0].constant() : std::nullopt;
  SymbolicShapes &shapes = context.match.shapes;
  if (!axis || typeShape(places.getInput()).size() != 2 ||
      !isSameExtent(shapes, shapes.dims(places)[1], shapes.dims(addition.updates)[0]))
    return context.fail(Stage::dispatch, addition.op, "the rows that it adds to are not those where a mask is set");
  return Target{places, *axis, row, token, context.elements.integer(places, {Polynomial(1 - *axis), row})};
}

static FailureOr<Routed> matchAddition(const Addition &addition, const Polynomial &feature, RowContext &context) {
  auto target = matchTarget(addition, feature, context);
  Routed routed;
  if (failed(target) || failed(matchMask(target->places, 1 - target->axis, routed, context)))
    return failure();
  ArrayRef<int64_t> mask = typeShape(target->places.getInput());
  if (!hasRows(routed.experts, context.match.shapes.dims(target->places.getInput())[target->axis], context))
    return context.fail(Stage::dispatch, target->places, "the mask has other tokens than the experts chosen");
  Element update = context.elements.trace(addition.updates, {target->row, feature});
  auto mul = update.base.getDefiningOp<MulOp>();
  if (!mul)
    return context.failAt(Stage::dispatch, update.base, "the rows added are not multiplied by their mixing weights");
  for (unsigned i : {0u, 1u}) {
    auto weight = context.elements.operand(mul, i, update.at), y = context.elements.operand(mul, 1 - i, update.at);
    routed.weights = weight ? viewOf(*weight, target->token, target->slot, mask[1 - target->axis], context) : Value();
    if (!routed.weights || !y)
      continue;
    auto mlp = matchRowExperts(*y, context);
    if (failed(mlp))
      return failure();
    routed.mlp = *mlp;
    routed.input = viewOf(mlp->input, target->token, context.input->at, context.input->size, context);
    if (!routed.input)
      return context.fail(Stage::dispatch, addition.op, "the experts' rows go back to other tokens than they came from");
    return routed;
  }
  return context.fail(Stage::dispatch, mul, "the mixing weight is not that of the row's token and slot");
}

// Puts one expert's addition beside those of the experts before.
static LogicalResult merge(const Addition &addition, const Routed &routed, std::vector<std::optional<Routed>> &all,
                           RowContext &context) {
  if (routed.expert >= kMostExperts)
    return context.fail(Stage::dispatch, addition.op, "more experts than expected");
  if (static_cast<int64_t>(all.size()) <= routed.expert)
    all.resize(routed.expert + 1);
  if (all[routed.expert])
    return context.fail(Stage::dispatch, addition.op, "expert " + Twine(routed.expert) + " is added twice");
  for (const auto &other : all) {
    if (!other)
      continue;
    if (other->weights != routed.weights || other->experts != routed.experts || other->input != routed.input)
      return context.fail(Stage::dispatch, addition.op,
                          "its expert has another input, or other choices or weights, than the others");
    if (other->mlp.activation != routed.mlp.activation || other->mlp.isGated != routed.mlp.isGated)
      return context.fail(Stage::experts, addition.op, "its expert is another function than the others");
    break;
  }
  all[routed.expert] = routed;
  return success();
}

// Experts that never run: the exporter has kept only those that its sample hit.
static LogicalResult checkComplete(Operation *root, ArrayRef<std::optional<Routed>> all, int64_t experts, RowContext &context) {
  std::string missing;
  for (int64_t e = 0; e < experts; ++e)
    if (e >= static_cast<int64_t>(all.size()) || !all[e])
      missing += (missing.empty() ? "" : ", ") + std::to_string(e);
  if (missing.empty())
    return success();
  context.match.reasons.isBaked = true;
  return context.fail(Stage::use, root, "routing of the sample baked in: nothing runs experts " + missing);
}

// How many experts the indices can name; nullopt if nothing bounds them.
static std::optional<int64_t> numberOfExperts(Value indices, RowContext &context) {
  Interval range = context.elements.range(context.elements.integer(indices, context.elements.anywhere(indices)));
  return range.lo >= 0 && range.hi < kMostExperts ? std::optional(range.hi + 1) : std::nullopt;
}

FailureOr<LayerMatch> moe::matchLoop(Operation *root, MatchContext &matchContext) {
  RowContext context(matchContext);
  if (root->getNumResults() != 1 || !(isa<AddOp>(root) || scatterBase(root)) || goesOn(root))
    return context.fail(Stage::root, root, "not the end of a sum of scattered rows");
  Value result = root->getResult(0);
  SmallVector<Addition> additions;
  if (typeShape(result).size() != 2 || ShapedType::isDynamic(typeShape(result)[1]) ||
      failed(collect(result, additions, context)) || additions.empty())
    return context.fail(Stage::root, root, "not a sum of scattered rows");
  Polynomial feature = context.elements.along(result, 1);
  std::vector<std::optional<Routed>> all;
  for (const Addition &addition : additions) {
    auto routed = matchAddition(addition, feature, context);
    if (failed(routed) || failed(merge(addition, *routed, all, context)))
      return failure();
  }
  const Routed &first = **llvm::find_if(all, [](const auto &routed) { return routed.has_value(); });
  auto experts = numberOfExperts(first.experts, context);
  if (!experts || *experts < static_cast<int64_t>(all.size()))
    return context.fail(Stage::dispatch, root, "the number of experts to choose between is not known");
  if (failed(checkComplete(root, all, *experts, context)))
    return failure();
  AffineExpr rows = context.match.shapes.dims(result)[0];
  if (!hasRows(first.input, rows, context) || !hasRows(first.weights, rows, context) || !hasRows(first.experts, rows, context))
    return context.fail(Stage::dispatch, root, "the sum has other rows than there are tokens");
  RowExperts merged = first.mlp;
  merged.gate.clear(), merged.up.clear(), merged.down.clear();
  for (const auto &routed : all) {
    llvm::append_range(merged.gate, routed->mlp.gate);
    llvm::append_range(merged.up, routed->mlp.up);
    llvm::append_range(merged.down, routed->mlp.down);
  }
  LayerMatch match;
  match.form = isa<ScatterNdOp>(additions.front().op) ? "A" : "A'";
  match.result = result, match.input = first.input, match.weights = first.weights, match.experts = first.experts;
  if (failed(stackExperts(merged, feature, match, context)))
    return failure();
  return match;
}
