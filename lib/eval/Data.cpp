// Constants and weights.
#include "lib/eval/Call.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

static LogicalResult evalConstant(ConstantOp op, Call &call) { return call.give(Tensor::fromAttr(op.getValue())); }

// Weights lie in their files without alignment; the interpreter reads whole numbers, so those that are not aligned are
// copied.
FailureOr<Tensor> EvalContext::weight(WeightOp op) {
  FailureOr<Tensor> mapped = weights.tensor(op);
  if (failed(mapped) || reinterpret_cast<uintptr_t>(mapped->bytes().data()) % elementBytes(mapped->elementType()) == 0)
    return mapped;
  FailureOr<Tensor> aligned = Tensor::allocate(mapped->elementType(), mapped->shape());
  if (failed(aligned))
    return op.emitOpError("is too big to be evaluated");
  llvm::copy(mapped->bytes(), aligned->mutableBytes().begin());
  return aligned;
}

static LogicalResult evalWeight(WeightOp op, Call &call) {
  FailureOr<Tensor> weight = call.context.weight(op);
  return failed(weight) ? failure() : call.give(weight);
}

void eval::addData(OpTable &table) {
  table.add<ConstantOp>(evalConstant);
  table.add<WeightOp>(evalWeight);
}
