// Passes prove themselves: @main runs before and after each pass of a pipeline on the same inputs, and what a pass
// changes is measured.
#pragma once
#include "lib/eval/Samples.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::ds {

struct CertifyOptions {
  SampleOptions samples;
  // Largest max|a - b| / max|b| of a float output that one pass, and all passes together, may cause. Integers must be
  // equal.
  double bound = 1e-4;
  // Bounds of single passes, by their name on the command line; they apply to what the pass itself changes.
  std::map<std::string, double> boundOf;
  std::string weightsDir;
};

// Rebuilds `pm` with a check after each of its passes, also of nested ones. A check prints the errors of each output to
// stderr; one that fails its bound, or a function that cannot be evaluated any more, fails the pipeline and names the
// pass.
LogicalResult certify(PassManager &pm, const CertifyOptions &options);

// A pass that breaks its module on purpose (the first ds.add becomes a ds.sub), to test that it is found.
void registerTestBreakPass();

} // namespace mlir::ds
