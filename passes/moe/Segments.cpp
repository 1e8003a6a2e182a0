// Form C: rows sorted by expert, a product for each expert's segment, the order of the tokens restored, a sum over the
// slots.
#include "passes/moe/Rows.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

using Positions = SmallVector<Polynomial>;

static ArrayRef<int64_t> typeShape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

namespace {
// Element [token, feature] of a sum over slots of rows times weights, where the rows are segments put together.
struct SlotSum {
  ReduceOp sum;
  int64_t k;
  Polynomial token, slot, feature;
  Value weights;
  Element row; // of the segments, at the feature
};
} // namespace

static FailureOr<SlotSum> matchSum(Operation *root, RowContext &context) {
  auto sum = dyn_cast<ReduceOp>(root);
  if (!sum || sum.getKind() != ReduceKind::sum || sum.getKeepdims() || sum.getAxes() != ArrayRef<int64_t>{1} ||
      typeShape(sum.getInput()).size() != 3)
    return context.fail(Stage::root, root, "not a sum over the slots of [tokens, slots, features]");
  int64_t k = typeShape(sum.getInput())[1], width = typeShape(sum.getInput())[2];
  if (ShapedType::isDynamic(k) || ShapedType::isDynamic(width) || k < 1)
    return context.fail(Stage::root, root, "the number of slots or features is not known");
  Value rows = sum.getInput();
  SlotSum match{sum,     k, context.elements.along(rows, 0), context.elements.along(rows, 1), context.elements.along(rows, 2),
                Value(), {}};
  match.row = context.elements.trace(rows, {match.token, match.slot, match.feature});
  auto mul = match.row.base.getDefiningOp<MulOp>();
  for (unsigned i : {0u, 1u})
    if (mul && mul->getOperand(i).getDefiningOp<ConcatOp>() && typeShape(mul->getOperand(i)).size() == 2 &&
        typeShape(mul->getOperand(i))[1] == width) {
      match.row.base = mul->getOperand(i);
      match.weights = mul->getOperand(1 - i);
      return match;
    }
  return context.fail(Stage::root, root, "does not sum weighted rows that were put together from segments");
}

// The mixing weights [T.., k]. Segments are together as many rows as were sorted, and so are the factors here: none is repeated.
static Value mixingWeights(const SlotSum &sum, RowContext &context) {
  SymbolicShapes &shapes = context.match.shapes;
  bool isColumn = typeShape(sum.weights).size() == 2 && typeShape(sum.weights)[1] == 1;
  if (!isColumn || !shapes.proveEqual(shapes.dims(sum.weights)[0], shapes.dims(context.sort.getInput())[0]))
    return {};
  Element weight = context.elements.trace(sum.weights, {sum.row.at[0], Polynomial()});
  return viewOf(weight, sum.token, sum.slot, sum.k, context);
}

// The experts chosen [T.., k], if the row is where the sort puts row token * k + slot of them.
static Value chosenExperts(const SlotSum &sum, RowContext &context) {
  auto row = sum.slot.plus(sum.token, sum.k);
  if (!row || !context.elements.equal(context.elements.integer(context.sort.getIndices(), sum.row.at[0]), *row))
    return {};
  auto chosen = context.elements.elementOf(context.elements.integer(context.sort.getInput(), *row));
  return chosen ? viewOf(*chosen, sum.token, sum.slot, sum.k, context) : Value();
}

FailureOr<LayerMatch> moe::matchSegments(Operation *root, MatchContext &matchContext) {
  RowContext context(matchContext);
  auto sum = matchSum(root, context);
  if (failed(sum))
    return failure();
  auto experts = matchRowExperts(sum->row, context);
  if (failed(experts))
    return failure();
  LayerMatch match;
  match.form = "C";
  match.result = sum->sum.getResult();
  match.weights = mixingWeights(*sum, context);
  if (!match.weights)
    return context.fail(Stage::dispatch, root, "the mixing weight is not that of the row's token and slot");
  match.input = viewOf(experts->input, sum->token, context.input->at, context.input->size, context);
  if (!match.input)
    return context.failAt(Stage::dispatch, experts->input.base, "the experts' rows go back to other tokens than they came from");
  match.experts = chosenExperts(*sum, context);
  if (!match.experts)
    return context.fail(Stage::dispatch, root, "the rows are not those of the experts chosen, sorted by expert");
  AffineExpr rows = context.match.shapes.dims(match.result)[0];
  for (Value v : {match.input, match.weights, match.experts})
    if (!hasRows(v, rows, context))
      return context.fail(Stage::dispatch, root, "the sum has other rows than there are tokens");
  if (failed(stackExperts(*experts, sum->feature, match, context)))
    return failure();
  return match;
}
