// What weights and constants contain: the only way for a pass to look at data. Files are mapped, contents stream, answers are kept.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/TensorValue.h"
#include <map>

namespace mlir::ds {

// Queries about the results of ds.weight and ds.constant. About other values, and where a file is missing or too short (then an
// error was emitted at the op), the answer is "no". Not thread-safe.
class WeightData {
public:
  // Relative file names resolve beneath `weightsDir`, or, if that is empty, beneath the module's `ds.weights_dir` attribute, or
  // the current folder.
  explicit WeightData(StringRef weightsDir = "") : weightsDir(weightsDir) {}

  static bool isData(Value v) { return v.getDefiningOp<WeightOp>() || v.getDefiningOp<ConstantOp>(); }
  // The contents; of a weight they stay in the mapped file.
  FailureOr<Tensor> tensor(Value v);

  // The value of every element, if they are all the same.
  std::optional<double> splat(Value v);
  // Whether the elements are 0, 1, 2, ... in row-major order.
  bool isIota(Value v);
  // Whether the last two axes (all others have size 1) mask later positions: bools that are true up to the diagonal and false
  // above it, or numbers that are 0 up to the diagonal and at most -1e4 above it. With S rows and T columns the diagonal is
  // t = s + T - S.
  bool isCausalMask(Value v);
  // The same type and bytes.
  bool equal(Value a, Value b);
  // The largest absolute value of each index of `axis` (one for the whole tensor if axis is -1); NaN if there is one.
  FailureOr<SmallVector<double>> absMax(Value v, int64_t axis = -1);

  // Calls `block(position of its first element, elements)` on consecutive blocks, until it returns false.
  LogicalResult visitF32(Value v, llvm::function_ref<bool(int64_t, ArrayRef<float>)> block);
  LogicalResult visitF64(Value v, llvm::function_ref<bool(int64_t, ArrayRef<double>)> block);
  // All elements; fails (without an error) when there are more than `limit`.
  FailureOr<std::vector<float>> readF32(Value v, int64_t limit = 1 << 20);

private:
  struct Mapping;
  struct Facts {
    std::optional<std::optional<double>> splat;
    std::optional<bool> iota, causalMask;
    std::map<int64_t, SmallVector<double>> absMax;
  };
  FailureOr<std::shared_ptr<Mapping>> map(WeightOp op);
  Facts &factsOf(Value v);

  std::string weightsDir;
  std::map<std::string, std::shared_ptr<Mapping>> mappings;
  std::map<std::tuple<std::string, int64_t, int64_t, const void *>, Facts> facts;
};

} // namespace mlir::ds
