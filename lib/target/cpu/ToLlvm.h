// From the target's functions on pointers (scf, arith, math, func) to the LLVM dialect.
#pragma once
#include "mlir/IR/BuiltinOps.h"

namespace mlir::ds {
LogicalResult lowerToLlvm(ModuleOp module);
} // namespace mlir::ds
