// Elementwise ops share one rule: operand shapes broadcast.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult inferElementwise(Operation *op, ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  SmallVector<Dims> operands = llvm::map_to_vector(op->getOperands(), [&](Value v) { return shapes.dims(v); });
  FailureOr<Dims> dims = broadcastDims(op, shapes, operands, "C1");
  if (failed(dims))
    return failure();
  results.push_back(std::move(*dims));
  return success();
}

#define DS_ELEMENTWISE(OP)                                                                                             \
  LogicalResult OP::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {                                \
    return inferElementwise(*this, shapes, results);                                                                   \
  }
DS_ELEMENTWISE(AbsOp) DS_ELEMENTWISE(NegOp) DS_ELEMENTWISE(SignOp) DS_ELEMENTWISE(FloorOp) DS_ELEMENTWISE(CeilOp)
DS_ELEMENTWISE(RoundOp) DS_ELEMENTWISE(SqrtOp) DS_ELEMENTWISE(RsqrtOp) DS_ELEMENTWISE(ExpOp) DS_ELEMENTWISE(LogOp)
DS_ELEMENTWISE(SinOp) DS_ELEMENTWISE(CosOp) DS_ELEMENTWISE(TanOp) DS_ELEMENTWISE(AsinOp) DS_ELEMENTWISE(AcosOp)
DS_ELEMENTWISE(AtanOp) DS_ELEMENTWISE(SinhOp) DS_ELEMENTWISE(CoshOp) DS_ELEMENTWISE(AsinhOp) DS_ELEMENTWISE(AcoshOp)
DS_ELEMENTWISE(AtanhOp) DS_ELEMENTWISE(TanhOp) DS_ELEMENTWISE(SigmoidOp) DS_ELEMENTWISE(ErfOp) DS_ELEMENTWISE(SoftplusOp)
DS_ELEMENTWISE(SiluOp) DS_ELEMENTWISE(GeluOp) DS_ELEMENTWISE(ReluOp) DS_ELEMENTWISE(NotOp) DS_ELEMENTWISE(BitNotOp)
DS_ELEMENTWISE(IsNanOp) DS_ELEMENTWISE(IsInfOp) DS_ELEMENTWISE(AddOp) DS_ELEMENTWISE(SubOp) DS_ELEMENTWISE(MulOp)
DS_ELEMENTWISE(DivOp) DS_ELEMENTWISE(MaxOp) DS_ELEMENTWISE(MinOp) DS_ELEMENTWISE(ModOp) DS_ELEMENTWISE(AndOp)
DS_ELEMENTWISE(OrOp) DS_ELEMENTWISE(XorOp) DS_ELEMENTWISE(BitAndOp) DS_ELEMENTWISE(BitOrOp) DS_ELEMENTWISE(BitXorOp)
DS_ELEMENTWISE(ShiftLeftOp) DS_ELEMENTWISE(ShiftRightOp) DS_ELEMENTWISE(PowOp) DS_ELEMENTWISE(EqualOp)
DS_ELEMENTWISE(LessOp) DS_ELEMENTWISE(LessEqualOp) DS_ELEMENTWISE(SelectOp) DS_ELEMENTWISE(CastOp)
DS_ELEMENTWISE(BitcastOp)
#undef DS_ELEMENTWISE
