// The ds dialect: ops, attributes, interfaces.
#pragma once
#include "dialects/ds/ir/DsShape.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::ds::OpTrait {
// One result element from one element of each (broadcast) operand.
template <typename ConcreteType>
class Elementwise : public ::mlir::OpTrait::TraitBase<ConcreteType, Elementwise> {};
} // namespace mlir::ds::OpTrait

#include "dialects/ds/ir/DsEnums.h.inc"
#include "dialects/ds/ir/DsDialect.h.inc"
#include "dialects/ds/ir/DsInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ds/ir/DsAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/ds/ir/DsOps.h.inc"

namespace mlir::ds {

// Builds an op whose result shapes are inferred; `elementTypes` has one type per result. Null if the operands
// violate the op's constraints (an error was emitted).
template <typename OpTy>
OpTy createInferred(OpBuilder &b, Location loc, TypeRange elementTypes, ValueRange operands,
                    ArrayRef<NamedAttribute> attributes = {}) {
  SmallVector<Type> types;
  for (Type t : elementTypes)
    types.push_back(RankedTensorType::get({}, t));
  OperationState state(loc, OpTy::getOperationName(), operands, types, attributes);
  Operation *op = b.create(state);
  if (failed(refineResultTypes(op))) {
    op->erase();
    return nullptr;
  }
  return cast<OpTy>(op);
}

// Whether the op computes each result element from one element of each operand.
inline bool isElementwise(Operation *op) { return op->hasTrait<OpTrait::Elementwise>(); }

} // namespace mlir::ds
