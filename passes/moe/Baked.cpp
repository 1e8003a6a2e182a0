// Form E, which is no form: the experts that the exporter's sample hit, looked up one by one in a list of experts hit.
#include "passes/moe/Rows.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

// Recognises the rows of entry n of the list: where mask[list[n]] is set.
FailureOr<LayerMatch> moe::matchBaked(Operation *root, MatchContext &matchContext) {
  RowContext context(matchContext);
  auto rows = dyn_cast<NonZeroOp>(root);
  if (!rows)
    return context.fail(Stage::root, root, "looks up no rows");
  auto hit = context.elements.elementOf(context.elements.integer(rows.getInput(), context.elements.anywhere(rows.getInput())));
  auto equal = hit ? hit->base.getDefiningOp<EqualOp>() : nullptr;
  for (unsigned i : {0u, 1u}) {
    auto compared = equal ? context.elements.operandInteger(equal, i, *hit) : std::nullopt;
    auto entry = compared ? context.elements.elementOf(*compared) : std::nullopt;
    if (!entry || !entry->base.getDefiningOp<NonZeroOp>() ||
        !llvm::all_of(entry->at, [](const Polynomial &p) { return p.constant(); }))
      continue;
    matchContext.reasons.isBaked = true;
    return context.fail(Stage::use, entry->base.getDefiningOp(),
                        "routing of the sample baked in: it takes as many experts as the sample hit");
  }
  return context.fail(Stage::root, root, "not the rows of one of the experts hit");
}
