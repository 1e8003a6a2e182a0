// LLVM IR -> optimised code -> object -> shared object.
#pragma once
#include "lib/target/cpu/CpuTarget.h"

namespace mlir::ds {
// Translates a module of the LLVM dialect, adds the `ds_model` table and the kernels of `isa`, and makes what `emit` says.
// Errors are emitted at `module`.
FailureOr<SmallVector<char, 0>> generateCode(ModuleOp module, const ImageInfo &info, StringRef isa, CpuEmit emit);
} // namespace mlir::ds
