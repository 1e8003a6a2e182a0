// The CPU target: the stop `groups` -> a code image (a shared object that exports ds_model) for one ISA.
#pragma once
#include "lib/target/cpu/LaunchList.h"

namespace mlir::ds {

enum class CpuEmit { Image, Object, Assembly, Llvm, Mlir };

struct CpuImage {
  ImageInfo info;
  SmallVector<char, 0> bytes; // what `emit` asked for
};

// The ISAs there are code paths for, weakest first: "avx2", "avx512".
ArrayRef<StringRef> cpuIsas();
// The strongest one that this machine runs; empty if none.
StringRef hostCpuIsa();

// Compiles `entry` ("main" or "weights") of a module at the stop `groups`, which is left as it is.
FailureOr<CpuImage> compileForCpu(ModuleOp groups, StringRef entry, StringRef isa, CpuEmit emit = CpuEmit::Image);

// Dialects and translations that the target needs in a context's registry.
void registerCpuTarget(DialectRegistry &registry);

} // namespace mlir::ds
