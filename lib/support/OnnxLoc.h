// Where an op came from: an ONNX node as an MLIR location, and back as words.
#pragma once
#include "mlir/IR/Location.h"
#include <string>

namespace mlir::ds {

// The location of what node `name` (possibly empty) of type `opType` in model file `file` became.
Location onnxLoc(MLIRContext *context, StringRef name, StringRef opType, StringRef file);

// "node 'Conv_3' (Conv)"; several nodes fused by rewrites are joined by ", ", the fifth and further ones counted. Other locations print as MLIR does.
std::string describe(Location loc);

// Whether the location is that of exactly one node, of type `opType`.
bool isNode(Location loc, StringRef opType);

} // namespace mlir::ds
