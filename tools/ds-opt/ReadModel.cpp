// Imports ONNX for ds-opt, with --dim.
#include "ReadModel.h"
#include "lib/importer/Import.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/FileUtilities.h"

using namespace mlir;

static llvm::cl::OptionCategory importCategory("Reading .onnx and .onnxtxt");
static llvm::cl::list<std::string> dims("dim", llvm::cl::desc("Freeze (name=size) or bound (name=low..high) a symbolic dimension"),
                                        llvm::cl::value_desc("name=size|low..high"), llvm::cl::cat(importCategory));

std::unique_ptr<llvm::MemoryBuffer> readModel(StringRef path, DialectRegistry &registry, int &exitCode) {
  std::string text;
  exitCode = 1;
  if (!path.ends_with(".onnx") && !path.ends_with(".onnxtxt")) {
    auto file = openInputFile(path, &text);
    if (!file)
      llvm::errs() << text << "\n";
    return file;
  }
  ds::ImportOptions options;
  for (StringRef spec : dims)
    if (!ds::parseDim(spec, options)) {
      llvm::errs() << "ds-opt: --dim=" << spec << " is neither name=size nor name=low..high\n";
      return nullptr;
    }
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  ds::ImportStatus status = ds::ImportStatus::ok;
  FailureOr<OwningOpRef<ModuleOp>> module = ds::importOnnx(&context, path, options, &status);
  if (status == ds::ImportStatus::unsupported)
    exitCode = 3;
  llvm::raw_string_ostream os(text);
  if (failed(module) || failed(writeBytecodeToFile(**module, os)))
    return nullptr;
  return llvm::MemoryBuffer::getMemBufferCopy(text, path);
}
