// eval-model: runs models on the interpreter, many in one process; what importer, passes and lowerings are checked
// with.
#include "lib/eval/Interpreter.h"
#include "lib/eval/Npy.h"
#include "lib/eval/Samples.h"
#include "lib/importer/Import.h"
#include "lib/pipeline/Register.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::opt<std::string>
    listFile(cl::Positional, cl::Required, cl::desc("<list>"),
             cl::value_desc("a file with a line `name<tab>model.onnx<tab>input folder<tab>output folder` per case"));
static cl::opt<std::string> passes("passes", cl::desc("Passes to run before, e.g. ds-graph-canonicalize,ds-lowering"));

namespace {
struct Case {
  StringRef name, model, inputs, outputs;
};

LogicalResult runCase(const Case &test, MLIRContext &context, ds::ImportStatus &status) {
  FailureOr<OwningOpRef<ModuleOp>> module = ds::importOnnx(&context, test.model, {}, &status);
  if (failed(module))
    return failure();
  PassManager pm(&context, ModuleOp::getOperationName());
  if (!passes.empty() && (failed(parsePassPipeline(passes, pm)) || failed(pm.run(**module))))
    return failure();
  auto main = (*module)->lookupSymbol<func::FuncOp>("main");
  ds::SampleOptions samples;
  samples.inputsDir = test.inputs.str();
  FailureOr<SmallVector<ds::Tensor>> inputs = ds::sampleInputs(main, samples);
  if (failed(inputs))
    return failure();
  FailureOr<SmallVector<ds::Tensor>> results = ds::evaluate(main, *inputs);
  if (failed(results) || llvm::sys::fs::create_directories(test.outputs))
    return failure();
  for (auto [i, tensor] : llvm::enumerate(*results)) {
    std::string why;
    if (failed(ds::writeNpy((test.outputs + "/output_" + Twine(i) + ".npy").str(), tensor, why)))
      return main.emitError(why);
  }
  return success();
}

// One line: `name<tab>ok|unsupported|error<tab>first error`.
void report(const Case &test, const DialectRegistry &registry) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && message.empty())
      message = diagnostic.str();
  });
  ds::ImportStatus status = ds::ImportStatus::ok;
  bool good = succeeded(runCase(test, context, status));
  std::replace(message.begin(), message.end(), '\n', ' ');
  llvm::outs() << test.name << "\t"
               << (good                                      ? "ok"
                   : status == ds::ImportStatus::unsupported ? "unsupported"
                                                             : "error")
               << "\t" << (good ? "" : message) << "\n";
  llvm::outs().flush();
}
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  ds::registerPipelinePasses();
  cl::ParseCommandLineOptions(argc, argv, "eval-model: models on the interpreter\n");
  DialectRegistry registry;
  ds::registerPipelineDialects(registry);
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(listFile);
  if (!file) {
    llvm::errs() << "eval-model: " << listFile << ": " << file.getError().message() << "\n";
    return 1;
  }
  SmallVector<StringRef> lines, fields;
  (*file)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    fields.clear();
    line.split(fields, '\t');
    if (fields.size() == 4)
      report({fields[0], fields[1], fields[2], fields[3]}, registry);
  }
  return 0;
}
