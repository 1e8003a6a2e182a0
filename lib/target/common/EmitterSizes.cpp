// One value per size: axes that the same loop of a linalg op runs over are equal.
#include "lib/target/common/Emitter.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;
using namespace mlir::ds;

void Emitter::unifySizes(func::FuncOp group) {
  using Axis = std::pair<void *, unsigned>;
  llvm::EquivalenceClasses<Axis> classes;
  group.walk([&](linalg::GenericOp op) {
    SmallVector<std::optional<Axis>> ofLoop(op.getNumLoops());
    for (OpOperand &operand : op->getOpOperands()) {
      SmallVector<Value> same{operand.get()};
      if (op.isDpsInit(&operand))
        same.push_back(op.getTiedOpResult(&operand));
      for (auto [axis, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim)
          continue;
        for (Value v : same) {
          Axis here{v.getAsOpaquePointer(), axis};
          std::optional<Axis> &first = ofLoop[dim.getPosition()];
          classes.insert(here);
          if (first)
            classes.unionSets(*first, here);
          first = here;
        }
      }
    }
  });
  for (const auto *leader : classes) {
    if (!leader->isLeader())
      continue;
    Value known;
    for (Axis member : classes.members(*leader)) {
      Value tensor = Value::getFromOpaquePointer(member.first);
      auto type = cast<RankedTensorType>(tensor.getType());
      if (!type.isDynamicDim(member.second))
        known = constant(tensor.getLoc(), type.getDimSize(member.second));
      else if (Value bound = sizes.lookup({tensor, member.second}); bound && !known)
        known = bound;
    }
    if (known)
      for (Axis member : classes.members(*leader))
        sizes[{Value::getFromOpaquePointer(member.first), member.second}] = known;
  }
}
