// The room `sparsity`. All passes take and give ds modules.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::ds {
#define GEN_PASS_DECL
#include "passes/sparsity/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/sparsity/Passes.h.inc"
} // namespace mlir::ds
