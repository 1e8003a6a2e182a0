// The room `graph`: canonical form, raising of exporter idioms, layouts. All passes take and give ds modules.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::ds {
#define GEN_PASS_DECL
#include "passes/graph/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/graph/Passes.h.inc"

// Symbolic shapes into index arithmetic and types: binding of entry dims if there are any, shapes-to-index, refine-types.
struct ShapePipelineOptions {
  // As the option of ds-graph-bind-dims.
  SmallVector<std::string> dims;
};
void buildShapePipeline(OpPassManager &pm, const ShapePipelineOptions &options = {});

// All passes of the room, in their order.
struct GraphOptions {
  // As the option of ds-graph-bind-dims.
  SmallVector<std::string> dims;
};
void buildGraphPipeline(OpPassManager &pm, const GraphOptions &options = {});
// The same as `ds-graph` on command lines.
void registerGraphPipeline();
} // namespace mlir::ds
