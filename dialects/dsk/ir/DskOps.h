// The dsk dialect: kernel ops and launch lists.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/dsk/ir/DskEnums.h.inc"
#include "dialects/dsk/ir/DskDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/dsk/ir/DskAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/dsk/ir/DskOps.h.inc"

namespace mlir::dsk {
// Marks a function as a group.
constexpr StringLiteral kGroupAttr = "dsk.group";
// The columns of a packed panel.
constexpr int64_t kPanel = 16;
} // namespace mlir::dsk
