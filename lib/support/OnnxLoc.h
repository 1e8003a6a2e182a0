// Where an op came from: an ONNX node as an MLIR location, and back as words.
#pragma once
#include "mlir/IR/Location.h"
#include <string>

namespace mlir::ds {

// The location of what node `name` (possibly empty) of type `opType` in model file `file` became.
Location onnxLoc(MLIRContext *context, StringRef name, StringRef opType, StringRef file);

// "node 'Conv_3' (Conv)"; several nodes fused by rewrites are joined by ", ". Other locations print as MLIR does.
std::string describe(Location loc);

} // namespace mlir::ds
