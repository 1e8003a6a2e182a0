// The order of the lowering passes.
#include "passes/lowering/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void mlir::ds::buildLoweringPipeline(OpPassManager &pm) {
  pm.addPass(createSelectKernels());
  pm.addPass(createCSEPass());
  pm.addPass(createOutlineWeights());
  pm.addPass(createToLinalg());
  pm.addPass(createCSEPass());
  pm.addPass(createFormGroups());
  pm.addPass(createDeduplicateGroups());
  pm.addPass(createVerifyGroups());
}

void mlir::ds::registerLoweringPipeline() {
  PassPipelineRegistration<>("ds-lowering", "From a ds module to groups", [](OpPassManager &pm) { buildLoweringPipeline(pm); });
}
