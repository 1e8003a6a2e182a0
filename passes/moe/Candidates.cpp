// Candidates of ds-moe-raise: see Candidates.h.
#include "passes/moe/Candidates.h"
#include "passes/graph/Match.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

// Whether `user` moves tokens or stacked weights by the integers `v`, or sorts them.
static bool dispatches(Operation *user, Value v) {
  if (isa<NonZeroOp, TopKOp>(user))
    return true;
  if (isa<GatherOp, GatherNdOp>(user) && user->getOperand(1) == v)
    return isWeightOnly(user->getOperand(0)) && cast<RankedTensorType>(user->getOperand(0).getType()).getRank() == 3;
  auto scatter = dyn_cast<ScatterElementsOp>(user);
  return scatter && scatter.getIndices() == v && scatter.getInput() != v && !splatOf(scatter.getUpdates());
}

// Follows the indices through integer arithmetic and movement.
static bool isDispatch(TopKOp choice) {
  constexpr size_t kMost = 1 << 12; // loops have several values per expert
  SetVector<Value> seen;
  seen.insert(choice.getIndices());
  for (size_t i = 0; i < seen.size() && i < kMost; ++i)
    for (Operation *user : seen[i].getUsers()) {
      if (dispatches(user, seen[i]))
        return true;
      if (!isa<DsDialect>(user->getDialect()))
        continue;
      for (Value result : user->getResults())
        if (auto type = dyn_cast<RankedTensorType>(result.getType()); type && type.getElementType().isIntOrIndex())
          seen.insert(result);
    }
  return false;
}

Candidates::Candidates(func::FuncOp func) {
  for (auto choice : func.getBody().front().getOps<TopKOp>())
    if (isDispatch(choice)) {
      candidates.push_back({choice, false, {}});
      if (!cast<RankedTensorType>(choice.getInput().getType()).getElementType().isF32())
        (void)candidates.back().why.fail(Stage::use, choice, "its scores are in another type than f32");
    }
}

Candidates::Candidate *Candidates::before(Operation *root) {
  for (Candidate &candidate : llvm::reverse(candidates))
    if (candidate.choice->isBeforeInBlock(root))
      return &candidate;
  return nullptr;
}

void Candidates::note(Operation *root, const Reasons &why) {
  Candidate *candidate = before(root);
  if (candidate && why.furthest > candidate->why.furthest)
    candidate->why = why;
}

void Candidates::raised(Operation *root) {
  if (Candidate *candidate = before(root))
    candidate->isRaised = true;
}

SmallVector<Reasons> Candidates::missed() const {
  SmallVector<Reasons> all;
  for (const Candidate &candidate : candidates) {
    if (candidate.isRaised)
      continue;
    all.push_back(candidate.why);
    if (!all.back().at)
      (void)all.back().fail(Stage::dispatch, candidate.choice, "what this top-k chooses reaches experts in no form that is known");
  }
  return all;
}
