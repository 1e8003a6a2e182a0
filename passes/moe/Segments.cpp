// Form C: rows sorted by expert, a product for each expert's segment, the order of the tokens restored, a sum over the
// slots.
#include "passes/moe/Rows.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

using Positions = SmallVector<Polynomial>;

static ArrayRef<int64_t> typeShape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

// The experts chosen [T.., k], if `place` is where the sort puts row token * k + slot of them.
static Value chosenExperts(const Polynomial &place, const Polynomial &token, const Polynomial &slot, int64_t k,
                           RowContext &context) {
  auto row = slot.plus(token, k);
  if (!row || !context.sort || !(context.elements.integer(context.sort.getIndices(), place) == *row))
    return {};
  auto chosen = context.elements.elementOf(context.elements.integer(context.sort.getInput(), *row));
  return chosen ? viewOf(*chosen, token, slot, k, context) : Value();
}

FailureOr<LayerMatch> moe::matchSegments(Operation *root, MatchContext &matchContext) {
  RowContext context(matchContext);
  auto sum = dyn_cast<ReduceOp>(root);
  if (!sum || sum.getKind() != ReduceKind::sum || sum.getKeepdims() || sum.getAxes() != ArrayRef<int64_t>{1} ||
      typeShape(sum.getInput()).size() != 3)
    return context.fail(Stage::root, root, "not a sum over the slots of [tokens, slots, features]");
  int64_t k = typeShape(sum.getInput())[1], width = typeShape(sum.getInput())[2];
  if (ShapedType::isDynamic(k) || ShapedType::isDynamic(width) || k < 1)
    return context.fail(Stage::root, root, "the number of slots or features is not known");
  Polynomial token = context.elements.variable(), slot = context.elements.variable({0, k - 1}),
             feature = context.elements.variable({0, width - 1});
  Element product = context.elements.trace(sum.getInput(), {token, slot, feature});
  auto mul = product.base.getDefiningOp<MulOp>();
  for (unsigned i : {0u, 1u}) {
    // Segments are together as many rows as were sorted: none is repeated.
    if (!mul || mul->getOperand(i).getType() != mul.getType() || !mul->getOperand(i).getDefiningOp<ConcatOp>())
      continue;
    Element y{mul->getOperand(i), product.at};
    auto experts = matchRowExperts(y, context);
    if (failed(experts))
      return failure();
    auto weight = context.elements.operand(mul, 1 - i, product.at);
    LayerMatch match;
    match.form = "C";
    match.result = sum.getResult();
    match.weights = weight ? viewOf(*weight, token, slot, k, context) : Value();
    if (!match.weights)
      return context.fail(Stage::dispatch, mul, "the mixing weight is not that of the row's token and slot");
    match.input = viewOf(experts->input, token, context.input->at, context.input->size, context);
    if (!match.input)
      return context.failAt(Stage::dispatch, experts->input.base,
                            "the experts' rows go back to other tokens than they came from");
    match.experts = chosenExperts(y.at[0], token, slot, k, context);
    if (!match.experts)
      return context.fail(Stage::dispatch, root, "the rows are not those of the experts chosen, sorted by expert");
    AffineExpr rows = context.match.shapes.dims(sum.getResult())[0];
    if (!hasRows(match.input, rows, context) || !hasRows(match.weights, rows, context) ||
        !hasRows(match.experts, rows, context))
      return context.fail(Stage::dispatch, root, "the sum has other rows than there are tokens");
    if (failed(stackExperts(*experts, feature, match, context)))
      return failure();
    return match;
  }
  return context.fail(Stage::root, root, "does not sum weighted rows that were put together from segments");
}
