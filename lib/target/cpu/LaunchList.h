// The launch list of an image: @main, or @weights, to the functions `ds_plan` and `ds_run` (include/ds/model_abi.h).
#pragma once
#include "lib/target/cpu/CpuModule.h"

namespace mlir::ds {

// Bytes of a file that a weight program reads or that are a weight as they are.
struct RawWeight {
  std::string file;
  uint64_t offset = 0, bytes = 0;
};

// What an image needs from outside, besides its code.
struct ImageInfo {
  std::vector<std::string> nodes;                      // by node index
  std::vector<std::pair<uint32_t, uint32_t>> buffers;  // first and last use, by buffer index
  uint32_t weightCount = 0, inputCount = 0, outputCount = 0, inputDimCount = 0, outputDimCount = 0;
  // Of @weights: what each of its results is. Computed ones are the image's outputs in order; `raws` its weights.
  struct Slot {
    uint64_t bytes = 0;
    bool raw = false;
    RawWeight source;
  };
  std::vector<Slot> slots;
  std::vector<RawWeight> raws;
};

// Lowers the groups that `entry` launches and `entry` itself; both are erased. `module` must contain nothing else.
FailureOr<ImageInfo> lowerLaunchList(ModuleOp module, func::FuncOp entry);

} // namespace mlir::ds
