// The file between ds-sparsity-calibrate and ds-sparsity-insert-gates.
#pragma once
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <vector>

namespace mlir::ds {

struct GateSetting {
  double threshold = 0;
  double sparsity = 0; // the share of features that it closes on the calibration data
};
// The gates of one share of unread weights.
struct GateLevel {
  double target = 0, sparsity = 0;
  llvm::StringMap<GateSetting> sites;
};
struct GateSite {
  std::string name;
  int64_t features = 0, weights = 0;
};
struct GateFile {
  int64_t samples = 0;
  std::vector<GateSite> sites;
  std::vector<GateLevel> levels;
};

// On failure `message` says why.
LogicalResult writeGates(StringRef path, const GateFile &file, std::string &message);
// The level with the target nearest to `level`.
FailureOr<GateLevel> readGates(StringRef path, double level, std::string &message);

} // namespace mlir::ds
