// The head of a package (everything before the weights) as bytes; the format is runtime/core/Format.h.
#pragma once
#include "lib/package/PackageWriter.h"
#include "runtime/core/Format.h"

namespace mlir::ds {

/// Checks names, ranks and instruction sets. One line in `error` if a package cannot say them.
bool checkContents(const PackageContents &contents, std::string &error);

/// The signature section.
std::string serializeSignature(const PackageContents &contents);

/// Size of the head for a signature of this size; a multiple of a page.
uint64_t headBytes(const PackageContents &contents, uint64_t signatureBytes);

/// Writes the head, with its hash, to `base`, which has room for headBytes() and is zero.
void writeHead(char *base, const PackageContents &contents, const std::string &signature,
               const std::vector<::ds::format::WeightEntry> &weights, uint64_t fileBytes);

} // namespace mlir::ds
