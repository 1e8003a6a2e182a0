// Inputs to try a function on: read from files, or sampled.
#pragma once
#include "lib/analysis/TensorValue.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <map>

namespace mlir::ds {

struct SampleOptions {
  // Folder with an `<input>.npy` (or `input_<i>.npy`) for each input; empty: inputs are sampled.
  std::string inputsDir;
  uint64_t seed = 1;
  // Sizes of named dimensions (`ds.dims`). Others are sampled within their declared range, else from 2 to 7, different
  // by name.
  std::map<std::string, int64_t> dims;
  // Factor of sampled sizes from axis 2 on; images need more than a few pixels.
  int64_t spatialScale = 1;
  // Sampled integers lie in [0, integerBound), or in the argument's `ds.range = [low, high]` (both included), or within
  // the axis that they index.
  int64_t integerBound = 100;
};

// One tensor per argument. Floats are normally distributed; inputs named as masks are zeros and ones. Errors are
// emitted at `func`.
FailureOr<SmallVector<Tensor>> sampleInputs(func::FuncOp func, const SampleOptions &options);

// The samples of a folder, as Executor::samples says.
FailureOr<std::vector<SmallVector<Tensor>>> readSamples(func::FuncOp func, StringRef folder);

} // namespace mlir::ds
