// ds-sparsity-calibrate: thresholds of gates from samples.
#include "lib/analysis/Executor.h"
#include "passes/graph/Match.h"
#include "passes/sparsity/Measure.h"
#include "passes/sparsity/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::ds {
#define GEN_PASS_DEF_CALIBRATE
#include "passes/sparsity/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-sparsity-calibrate";

namespace {
struct Calibrate : mlir::ds::impl::CalibrateBase<Calibrate> {
  using CalibrateBase::CalibrateBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (main && failed(calibrate(main)))
      signalPassFailure();
  }

private:
  LogicalResult calibrate(func::FuncOp main) {
    SmallVector<GateOp> gates;
    for (auto gate : main.getOps<GateOp>()) {
      if (!gate.getBy() && gate->hasAttr("ds.site"))
        gates.push_back(gate);
      else
        remarkMissed(gate.getLoc(), kPass, "no-site", "a gate that ds-sparsity-insert-gates did not make");
    }
    if (gates.empty())
      return success();
    std::unique_ptr<Executor> executor = ExecutorInterface::create(&getContext());
    if (!executor)
      return emitError(main.getLoc()) << kPass << ": nothing here can run @main";
    if (inputs.empty() || !(target >= 0 && target < 1) || !(maxDrop >= 0))
      return emitError(main.getLoc()) << kPass << ": needs inputs=<folder of samples>, target from 0 to below 1, max-drop not negative";
    FailureOr<std::vector<SmallVector<Tensor>>> samples = executor->samples(main, inputs);
    if (failed(samples))
      return failure();
    GateMeasure measure(main, gates, *executor, *samples);
    if (failed(measure.collect()))
      return failure();
    GatePath path(measure.sites());
    FailureOr<double> chosen = maxDrop > 0 ? largestWithin(main, measure, path) : target.getValue();
    if (failed(chosen))
      return failure();
    return apply(main, gates, measure, path, *chosen);
  }

  // The largest sparsity whose upper bound of the change is at most max-drop; changes grow with sparsity.
  FailureOr<double> largestWithin(func::FuncOp main, GateMeasure &measure, const GatePath &path) {
    int low = 0, high = 19; // twentieths; low is within, high is not
    while (high - low > 1) {
      int middle = (low + high) / 2;
      FailureOr<Change> change = measure.change(path.at(middle / 20.0));
      if (failed(change))
        return failure();
      bool within = change->upper <= maxDrop;
      auto text = llvm::formatv("sparsity {0:f2}: outputs change by {1:e2}, at most {2:e2} (95%), {3} max-drop", middle / 20.0, change->mean, change->upper,
                                within ? "within" : "beyond");
      (within ? remarkPassed : remarkMissed)(main.getLoc(), kPass, "change", Twine(text.str()));
      (within ? low : high) = middle;
    }
    return low / 20.0;
  }

  LogicalResult apply(func::FuncOp main, ArrayRef<GateOp> gates, const GateMeasure &measure, const GatePath &path, double sparsity) {
    GateLevel level = path.at(sparsity);
    OpBuilder b(&getContext());
    for (auto [gateOp, site] : llvm::zip_equal(gates, measure.sites())) {
      GateOp gate = gateOp;
      GateSetting setting = level.sites[site.name];
      gate.setThresholdAttr(b.getF64FloatAttr(setting.threshold));
      gate->setAttr("ds.sparsity", b.getF64FloatAttr(setting.sparsity));
      remarkPassed(gate.getLoc(), kPass, "threshold",
                   llvm::formatv("closes {0:P1} of {1} features at threshold {2:e3}", setting.sparsity, site.features, setting.threshold).str());
    }
    remarkPassed(main.getLoc(), kPass, "sparsity", llvm::formatv("{0:P1} of the weights behind gates stay unread", level.sparsity).str());
    if (thresholdsOut.empty())
      return success();
    GateFile file{measure.sampleCount(), {}, {}};
    for (const MeasuredSite &site : measure.sites())
      file.sites.push_back({site.name, site.features, site.weights});
    for (int tenth = 0; tenth < 10; ++tenth)
      file.levels.push_back(path.at(tenth / 10.0));
    if (std::fabs(sparsity * 10 - std::round(sparsity * 10)) > 1e-9)
      file.levels.push_back(level);
    std::string message;
    if (failed(writeGates(thresholdsOut, file, message)))
      return emitError(main.getLoc()) << kPass << ": " << message;
    return success();
  }
};
} // namespace
