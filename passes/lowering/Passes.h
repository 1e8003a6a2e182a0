// Passes of the room passes/lowering: from a ds module to groups.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::ds {
#define GEN_PASS_DECL
#include "passes/lowering/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/lowering/Passes.h.inc"

// All of them in order, from a module with @main to the stop `groups`.
void buildLoweringPipeline(OpPassManager &pm);
// As the pass pipeline `ds-lowering`.
void registerLoweringPipeline();
} // namespace mlir::ds
