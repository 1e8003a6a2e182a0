// ds-opt: passes on model files, ONNX ones included.
#include "Certify.h"
#include "ReadModel.h"
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/eval/Certify.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"
#include "passes/lowering/Passes.h"
#include "llvm/Support/InitLLVM.h"
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
  int exitCode;
  auto file = readModel(input, registry, exitCode);
  if (!file)
    return exitCode;
  auto out = openOutputFile(output, &message);
  if (!out) {
    llvm::errs() << message << "\n";
    return 1;
  }
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (StringRef(output).ends_with(".mlirbc"))
    config.emitBytecode(true);
  addCertify(config);
  if (failed(MlirOptMain(out->os(), std::move(file), registry, config)))
    return 1;
  out->keep();
  return 0;
}
