// ONNX files as input of ds-opt.
#pragma once
#include "llvm/Support/MemoryBuffer.h"
#include "mlir/IR/DialectRegistry.h"

// The file `path`; .onnx and .onnxtxt are imported and given as MLIR bytecode, which is what MlirOptMain reads. Null after an error was
// printed, with the tool's exit code (3: not supported).
std::unique_ptr<llvm::MemoryBuffer> readModel(llvm::StringRef path, mlir::DialectRegistry &registry, int &exitCode);
