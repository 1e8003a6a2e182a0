// NumPy's file format: how tests and --certify hand tensors in and out.
#pragma once
#include "lib/analysis/TensorValue.h"

namespace mlir::ds {

// Reads `path` as a tensor of `elementType` (types that NumPy lacks, such as bf16, are stored as raw bytes of their
// width). On failure `message` says why.
FailureOr<Tensor> readNpy(StringRef path, Type elementType, std::string &message);
// The same of bytes in memory; messages call them `name`.
FailureOr<Tensor> parseNpy(StringRef bytes, StringRef name, Type elementType, std::string &message);
// Array `array` of a file of arrays that NumPy's savez wrote (not savez_compressed).
FailureOr<Tensor> readNpz(StringRef path, StringRef array, Type elementType, std::string &message);
LogicalResult writeNpy(StringRef path, const Tensor &tensor, std::string &message);

} // namespace mlir::ds
