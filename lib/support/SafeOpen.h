// Files that a model names are opened only beneath the model's own folder.
#pragma once
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::ds {

// Opens regular file `relative` beneath folder `dir` for reading and returns the descriptor, which the caller closes.
// Absolute paths, "..", and symbolic links in any component of `relative` are refused.
llvm::Expected<int> openBeneath(llvm::StringRef dir, llvm::StringRef relative);

// The same file mapped read-only, never copied.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> mapBeneath(llvm::StringRef dir, llvm::StringRef relative);

} // namespace mlir::ds
