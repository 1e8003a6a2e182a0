// ds-lowering-deduplicate-groups: groups that are equal up to locations become one.
#include "passes/lowering/Passes.h"
#include "mlir/IR/OperationSupport.h"

namespace mlir::ds {
#define GEN_PASS_DEF_DEDUPLICATEGROUPS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static bool isEqual(func::FuncOp a, func::FuncOp b) {
  return a.getFunctionType() == b.getFunctionType() &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

static llvm::hash_code hashOf(func::FuncOp group) {
  llvm::hash_code hash = hash_value(group.getFunctionType());
  group.getBody().walk([&](Operation *op) { hash = llvm::hash_combine(hash, op->getName(), op->getRawDictionaryAttrs()); });
  return hash;
}

namespace {
struct DeduplicateGroups : ds::impl::DeduplicateGroupsBase<DeduplicateGroups> {
  void runOnOperation() override {
    DenseMap<size_t, SmallVector<func::FuncOp>> seen;
    DenseMap<StringAttr, func::FuncOp> replaced;
    for (auto group : getOperation().getOps<func::FuncOp>()) {
      // A failed check names its node, so groups that check stay apart.
      if (!group->hasAttr(dsk::kGroupAttr) || group.walk([](dsk::CheckOp) { return WalkResult::interrupt(); }).wasInterrupted())
        continue;
      auto &same = seen[static_cast<size_t>(hashOf(group))];
      auto it = llvm::find_if(same, [&](func::FuncOp other) { return isEqual(group, other); });
      if (it == same.end())
        same.push_back(group);
      else
        replaced[group.getSymNameAttr()] = *it;
    }
    getOperation().walk([&](func::CallOp call) {
      if (auto it = replaced.find(call.getCalleeAttr().getAttr()); it != replaced.end())
        call.setCalleeAttr(FlatSymbolRefAttr::get(it->second.getSymNameAttr()));
    });
    for (auto group : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (replaced.count(group.getSymNameAttr()))
        group.erase();
  }
};
} // namespace
