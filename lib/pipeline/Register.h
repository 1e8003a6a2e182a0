// What tools that read or rewrite modules register: every dialect and pass of the compiler.
#pragma once
#include "mlir/IR/DialectRegistry.h"

namespace mlir::ds {
void registerPipelineDialects(DialectRegistry &registry);
// All passes and pass pipelines, upstream's canonicalisation and the like included.
void registerPipelinePasses();
} // namespace mlir::ds
