// Elementwise ops, gates among them: one loop nest each over the broadcast shape.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult mlir::ds::lowerElementwise(Lowering &l, Operation *op) {
  if (!isElementwise(op) && !isa<GateOp>(op))
    return failure();
  Value result = op->getResult(0);
  bool known = true;
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value scalar = lowerScalar(b, op, args);
    known &= static_cast<bool>(scalar);
    return scalar ? scalar : args[0];
  };
  Value lowered = l.broadcastLoops(loweredElement(getElementTypeOrSelf(result)), l.dims(result), op->getOperands(), body);
  l.set(result, lowered);
  return success(known);
}
