// Writes the deployable file (lib/package/README.md has the byte table): the last step of the compiler, between
// lib/target, which makes the code images, and runtime/core, which maps what is written here. Plain C++ without
// LLVM, so that the runtime's own tests can write packages in a build without the compiler.
#pragma once
#include "ds/model_abi.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::ds {

/// One axis of an input or output: `size` elements, or any number in [lo, hi] if size is -1. Axes of inputs with
/// the same non-empty symbol have the same size in a run; the runtime checks that.
struct PackageDim {
  int64_t size = -1;
  std::string symbol;
  int64_t lo = 0, hi = INT64_MAX;
};

struct PackageValue {
  std::string name;
  ds_type type = DS_F32;
  std::vector<PackageDim> dims; // empty: a scalar
};

struct PackageSignature {
  std::string model;
  std::vector<PackageValue> inputs, outputs;
};

/// A shared object that exports `ds_model`. `isa` is a name that runtime/core/Cpu.h knows ("avx2", "avx512", ...);
/// the runtime takes the strongest image that the processor can run.
struct PackageImage {
  std::string isa;
  const char *elf = nullptr;
  uint64_t bytes = 0;
};

/// Bytes of a file: a weight as the model file, or its external data, has it.
struct FileRange {
  std::string file;
  uint64_t offset = 0, bytes = 0;
};

/// What becomes weights[i] of the code images. `raw` is copied as it is; otherwise the slot is computed by the
/// weight program.
struct WeightSlot {
  uint64_t bytes = 0;
  bool raw = false;
  FileRange source; // if raw; source.bytes == bytes
};

/// A code image for this machine (model_abi.h) without inputs: its weights[i] points to the bytes of raw[i] (of any
/// alignment), its outputs are the slots that are not raw, in order. They are written straight into the mapped file.
struct WeightProgram {
  const char *elf = nullptr;
  uint64_t bytes = 0;
  std::vector<FileRange> raw;
  std::vector<std::string> nodeNames; // what its `fail` calls index
};

struct PackageContents {
  PackageSignature signature;
  std::vector<std::string> nodeNames; // what ds_services.fail's `node` indexes, as messages print it
  std::vector<PackageImage> images;
  std::vector<WeightSlot> weights;
  WeightProgram program;
  int threads = 1; // for the weight program
};

struct PackageReport {
  uint64_t fileBytes = 0;
  uint64_t weightBytes = 0; // stored, padding included
  uint64_t sharedBytes = 0; // saved: slots with equal contents are stored once
};

/// Writes `path` atomically (a temporary file beside it, then rename). On failure returns false, sets `error` to one
/// line, and leaves nothing behind. Anonymous memory is that of the weight program's intermediate buffers.
bool writePackage(const std::string &path, const PackageContents &contents, std::string &error,
                  PackageReport *report = nullptr);

} // namespace mlir::ds
