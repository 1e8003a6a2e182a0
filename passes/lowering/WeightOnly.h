// Which values the weight program can compute: those that depend on weights and constants alone.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/support/OnnxLoc.h"

namespace mlir::ds {

// What may stand in the weight program.
inline bool isWeightComputation(Operation *op) { return isa_and_nonnull<DsDialect>(op->getDialect()) || isa<dsk::PackPanelsOp>(op); }

class WeightOnly {
public:
  // A weight, a constant, or made of such by ds ops.
  bool operator()(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    if (auto it = known.find(op); it != known.end())
      return it->second;
    bool result = isa<ConstantOp, WeightOp>(op) || (isComputation(op) && llvm::all_of(op->getOperands(), [&](Value v) {
                    return isa<IndexType>(v.getType()) ? matchPattern(v, m_Constant()) : (*this)(v);
                  }));
    return known[op] = result;
  }

private:
  // Repeated elements are cheaper made where they are read.
  static bool isComputation(Operation *op) {
    if (!isWeightComputation(op) || isa<IotaOp, NonZeroOp>(op))
      return false;
    for (Type type : op->getResultTypes())
      if (!cast<RankedTensorType>(type).hasStaticShape())
        return false;
    if (!isa<BroadcastOp>(op))
      return true;
    auto from = cast<RankedTensorType>(op->getOperand(0).getType()), to = cast<RankedTensorType>(op->getResult(0).getType());
    return from.hasStaticShape() && (to.getNumElements() <= 8192 || to.getNumElements() <= 2 * from.getNumElements());
  }
  DenseMap<Operation *, bool> known;
};

} // namespace mlir::ds
