// ds-opt: passes on model files, ONNX ones included.
#include "Certify.h"
#include "ReadModel.h"
#include "lib/eval/Certify.h"
#include "lib/pipeline/Register.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

// Values of an ONNX model are printed with the names of their nodes (%node_Conv_22), unless the user decides.
static void nameValuesByNode() {
  StringRef name = "mlir-use-nameloc-as-prefix";
  llvm::cl::Option *option = llvm::cl::getRegisteredOptions().lookup(name);
  if (option && !option->getNumOccurrences())
    option->addOccurrence(0, name, "true");
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  ds::registerPipelineDialects(registry);
  ds::registerPipelinePasses();
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
  if (StringRef(input).contains(".onnx"))
    nameValuesByNode();
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (StringRef(output).ends_with(".mlirbc"))
    config.emitBytecode(true);
  addCertify(config);
  if (failed(MlirOptMain(out->os(), std::move(file), registry, config)))
    return 1;
  out->keep();
  return 0;
}
