// ds-opt: passes on model files.
#include "Certify.h"
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/eval/Certify.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"
#include "passes/lowering/Passes.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registry.insert<ds::DsDialect, dsk::DskDialect, func::FuncDialect, linalg::LinalgDialect, scf::SCFDialect,
                  tensor::TensorDialect, arith::ArithDialect, math::MathDialect>();
  registerTransformsPasses();
  ds::registerGraphPasses();
  ds::registerDsLoweringPasses();
  ds::registerLoweringPipeline();
  ds::registerTestBreakPass();
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "ds: optimise neural networks\n", registry);
  std::string message;
  auto file = openInputFile(input, &message);
  auto out = file ? openOutputFile(output, &message) : nullptr;
  if (!out) {
    llvm::errs() << message << "\n";
    return 1;
  }
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  addCertify(config);
  if (failed(MlirOptMain(out->os(), std::move(file), registry, config)))
    return 1;
  out->keep();
  return 0;
}
