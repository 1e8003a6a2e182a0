// The order of the room's passes: shapes first, then idioms from the small to the large, then layouts.
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace mlir::ds;

void mlir::ds::buildGraphPipeline(OpPassManager &pm, const GraphOptions &options) {
  buildShapePipeline(pm, {options.dims});
  pm.addPass(createRaiseActivations());
  pm.addPass(createRaiseNorms());
  pm.addPass(createRaiseRope());
  pm.addPass(createRaiseAttention());
  pm.addPass(createRaiseAttentionMasks());
  pm.addPass(createFoldNormIntoConv());
  pm.addPass(createChannelsLast());
  // What moved asks for sizes of tensors in between; what is static now lets more move.
  buildShapePipeline(pm);
  pm.addPass(createCanonicalize());
  buildShapePipeline(pm);
}

namespace {
struct CommandLineOptions : PassPipelineOptions<CommandLineOptions> {
  ListOption<std::string> dims{*this, "dims", llvm::cl::desc("as of ds-graph-bind-dims")};
};
} // namespace

void mlir::ds::registerGraphPipeline() {
  PassPipelineRegistration<CommandLineOptions>("ds-graph", "all passes of the room graph, in ds-compile's order",
                                               [](OpPassManager &pm, const CommandLineOptions &options) {
                                                 GraphOptions graph;
                                                 llvm::append_range(graph.dims, options.dims);
                                                 buildGraphPipeline(pm, graph);
                                               });
}
