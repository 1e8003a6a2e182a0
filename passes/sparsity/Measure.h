// What ds-sparsity-calibrate measures: magnitudes at gates, energies, and what gates change at the outputs.
#pragma once
#include "lib/analysis/Executor.h"
#include "passes/sparsity/Thresholds.h"
#include "dialects/ds/ir/DsOps.h"

namespace mlir::ds {

inline constexpr int kLevels = 20; // steps of a site: level l closes l / kLevels of its features

struct MeasuredSite {
  std::string name;
  int64_t features = 0, weights = 0; // elements of the weights behind it
  // Per level: the threshold, the share of features it closes, the share of sum x^2 it removes.
  std::array<double, kLevels> threshold{}, sparsity{}, energy{};
};

// The states of all gates, from open on, in the order in which their steps cost least.
class GatePath {
public:
  explicit GatePath(ArrayRef<MeasuredSite> sites);
  // The first state that leaves `target` of the weights unread (the last one if none does).
  GateLevel at(double target) const;

private:
  double unread(ArrayRef<int> levels) const;
  ArrayRef<MeasuredSite> sites;
  std::vector<unsigned> steps; // the site that each step raises by one level
};

// The mean over samples of the relative change of the outputs, and the upper end of its 95% interval.
struct Change {
  double mean = 0, upper = 0;
};

class GateMeasure {
public:
  GateMeasure(func::FuncOp main, ArrayRef<GateOp> gates, Executor &executor, ArrayRef<SmallVector<Tensor>> samples);
  // Runs all samples with open gates. Errors were emitted on failure.
  LogicalResult collect();
  ArrayRef<MeasuredSite> sites() const { return measured; }
  int64_t sampleCount() const { return samples.size(); }
  // Runs all samples with gates set.
  FailureOr<Change> change(const GateLevel &level);

private:
  FailureOr<SmallVector<Tensor>> run(ArrayRef<Tensor> sample, const GateLevel *level);
  void measure(MeasuredSite &site, std::vector<float> &magnitudes);

  func::FuncOp main;
  ArrayRef<GateOp> gates;
  Executor &executor;
  ArrayRef<SmallVector<Tensor>> samples;
  std::vector<MeasuredSite> measured;
  std::vector<SmallVector<Tensor>> open; // outputs of each sample with open gates
};

} // namespace mlir::ds
