// The room `moe`. All passes take and give ds modules.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::ds {
#define GEN_PASS_DECL
#include "passes/moe/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/moe/Passes.h.inc"
} // namespace mlir::ds
