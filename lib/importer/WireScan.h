// First step of import: weights leave the protobuf without being copied.
#pragma once
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir::ds {

// Tensor data above this many bytes stays in the file.
constexpr size_t kInlineBytes = 1024;

// Copies the serialized ModelProto `file` with every large raw_data, packed float_data and double_data replaced by an
// external-data record that points into the file itself (named `fileName`). Training information is dropped. Every
// length is checked; an error says at which byte the file is malformed.
llvm::Expected<std::string> reduceModel(llvm::StringRef file, llvm::StringRef fileName);

} // namespace mlir::ds
