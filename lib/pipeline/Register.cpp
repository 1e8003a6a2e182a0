// Registration of dialects and passes.
#include "lib/pipeline/Register.h"
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/eval/Interpreter.h"
#include "lib/target/cpu/CpuTarget.h"
#include "passes/graph/Passes.h"
#include "passes/lowering/Passes.h"
#include "passes/moe/Passes.h"
#include "passes/sparsity/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void ds::registerPipelineDialects(DialectRegistry &registry) {
  registry.insert<DsDialect, dsk::DskDialect, affine::AffineDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
                  math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
  registerInterpreter(registry);
  registerCpuTarget(registry);
}

void ds::registerPipelinePasses() {
  registerTransformsPasses();
  registerGraphPasses();
  registerGraphPipeline();
  registerMoePasses();
  registerSparsityPasses();
  registerDsLoweringPasses();
  registerLoweringPipeline();
}
