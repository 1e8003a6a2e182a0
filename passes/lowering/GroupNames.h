// Names of groups: what they compute and the ONNX node they come from.
#pragma once
#include "mlir/IR/Operation.h"

namespace mlir::ds {
// E.g. `matmul_gelu_encoder_layer_0_fc1`; a symbol name, not unique.
std::string groupName(ArrayRef<Operation *> ops, Location loc);
} // namespace mlir::ds
