// Magnitudes at gates through the executor, and the allocation of sparsity to sites.
#include "passes/sparsity/Measure.h"
#include "mlir/IR/BuiltinOps.h"
#include <cmath>
#include <queue>
#include <random>

using namespace mlir;
using namespace mlir::ds;

//--- Allocation --------------------------------------------------------------------------------------------------------

GatePath::GatePath(ArrayRef<MeasuredSite> sites) : sites(sites) {
  std::vector<int> level(sites.size(), 0);
  // Energy removed per weight that stays unread; equal costs: the earlier site first.
  using Step = std::pair<double, unsigned>;
  std::priority_queue<Step, std::vector<Step>, std::greater<Step>> next;
  auto push = [&](unsigned site) {
    int l = level[site];
    if (l + 1 < kLevels)
      next.push({(sites[site].energy[l + 1] - sites[site].energy[l]) / std::max<int64_t>(sites[site].weights, 1), site});
  };
  for (unsigned site = 0; site < sites.size(); ++site)
    push(site);
  while (!next.empty()) {
    unsigned site = next.top().second;
    next.pop();
    ++level[site];
    steps.push_back(site);
    push(site);
  }
}

double GatePath::unread(ArrayRef<int> levels) const {
  double skipped = 0, all = 0;
  for (auto [site, level] : llvm::zip_equal(sites, levels)) {
    skipped += site.sparsity[level] * site.weights;
    all += site.weights;
  }
  return all > 0 ? skipped / all : 0;
}

GateLevel GatePath::at(double target) const {
  std::vector<int> levels(sites.size(), 0);
  for (unsigned site : steps) {
    if (unread(levels) >= target)
      break;
    ++levels[site];
  }
  GateLevel result;
  result.target = target;
  result.sparsity = unread(levels);
  for (auto [site, level] : llvm::zip_equal(sites, levels))
    result.sites[site.name] = {site.threshold[level], site.sparsity[level]};
  return result;
}

//--- Measuring ---------------------------------------------------------------------------------------------------------

GateMeasure::GateMeasure(func::FuncOp main, ArrayRef<GateOp> gates, Executor &executor, ArrayRef<SmallVector<Tensor>> samples)
    : main(main), gates(gates), executor(executor), samples(samples) {
  for (GateOp gate : gates) {
    MeasuredSite site;
    site.name = gate->getAttrOfType<StringAttr>("ds.site").str();
    site.features = gate.getType().getRank() ? gate.getType().getShape().back() : 1;
    for (Operation *user : gate->getUsers())
      if (auto matmul = dyn_cast<MatmulOp>(user); matmul && matmul.getRhs().getType().hasStaticShape())
        site.weights += matmul.getRhs().getType().getNumElements();
    measured.push_back(site);
  }
}

// A copy of the module in which gates are set as `level` says; null: they are open, and their inputs are further results.
FailureOr<SmallVector<Tensor>> GateMeasure::run(ArrayRef<Tensor> sample, const GateLevel *level) {
  OwningOpRef<ModuleOp> copy = cast<ModuleOp>(main->getParentOp()->clone());
  auto func = copy->lookupSymbol<func::FuncOp>(main.getSymName());
  Operation *end = func.getBody().front().getTerminator();
  OpBuilder b(end);
  for (auto gate : llvm::make_early_inc_range(func.getOps<GateOp>())) {
    auto site = gate->getAttrOfType<StringAttr>("ds.site");
    if (!site || gate.getBy())
      continue;
    if (level) {
      gate.setThresholdAttr(b.getF64FloatAttr(level->sites.lookup(site.getValue()).threshold));
      continue;
    }
    end->insertOperands(end->getNumOperands(), gate.getInput());
    gate.replaceAllUsesWith(gate.getInput());
    gate.erase();
  }
  func.setType(b.getFunctionType(func.getArgumentTypes(), end->getOperandTypes()));
  return executor.run(func, sample);
}

// Quantiles of the magnitudes, and the energy below them. A threshold lies between two magnitudes, so that rounding does not decide.
void GateMeasure::measure(MeasuredSite &site, std::vector<float> &magnitudes) {
  llvm::sort(magnitudes);
  double all = 0, below = 0;
  for (float x : magnitudes)
    all += static_cast<double>(x) * x;
  size_t closed = 0;
  for (int level = 0; level < kLevels; ++level) {
    size_t want = magnitudes.size() * level / kLevels;
    float last = want ? magnitudes[want - 1] : 0;
    for (; closed < magnitudes.size() && want && magnitudes[closed] <= last; ++closed)
      below += static_cast<double>(magnitudes[closed]) * magnitudes[closed];
    float middle = want && closed < magnitudes.size() ? last + (magnitudes[closed] - last) / 2 : last;
    site.threshold[level] = closed < magnitudes.size() && middle >= magnitudes[closed] ? last : middle;
    site.sparsity[level] = magnitudes.empty() ? 0 : static_cast<double>(closed) / magnitudes.size();
    site.energy[level] = all > 0 ? below / all : 0;
  }
}

LogicalResult GateMeasure::collect() {
  std::vector<std::vector<float>> magnitudes(gates.size());
  size_t outputs = main.getNumResults();
  for (const SmallVector<Tensor> &sample : samples) {
    FailureOr<SmallVector<Tensor>> results = run(sample, nullptr);
    if (failed(results))
      return failure();
    for (auto [i, values] : llvm::enumerate(magnitudes)) {
      const Tensor &x = (*results)[outputs + i];
      for (int64_t j = 0; j < x.numElements(); ++j)
        if (double v = std::fabs(x.getF64(j)); std::isfinite(v))
          values.push_back(v);
    }
    results->truncate(outputs);
    open.push_back(std::move(*results));
  }
  for (auto [site, values] : llvm::zip_equal(measured, magnitudes))
    measure(site, values);
  return success();
}

// |a - b| / |b| over all float outputs, in the Euclidean norm.
static double relativeChange(ArrayRef<Tensor> a, ArrayRef<Tensor> b) {
  double difference = 0, norm = 0;
  for (auto [x, y] : llvm::zip_equal(a, b)) {
    if (!isa<FloatType>(x.elementType()) || x.shape() != y.shape())
      continue;
    for (int64_t i = 0; i < x.numElements(); ++i) {
      double p = x.getF64(i), q = y.getF64(i);
      if (std::isfinite(q)) {
        difference += (p - q) * (p - q);
        norm += q * q;
      }
    }
  }
  return norm > 0 ? std::sqrt(difference / norm) : difference > 0 ? 1 : 0;
}

// The 95% quantile of the mean of samples drawn again, with a fixed seed.
static double upperBound(ArrayRef<double> values) {
  constexpr int kDraws = 2000;
  std::mt19937_64 random(1);
  std::vector<double> means(kDraws, 0);
  for (double &mean : means) {
    for (size_t i = 0; i < values.size(); ++i)
      mean += values[random() % values.size()];
    mean /= static_cast<double>(values.size());
  }
  llvm::sort(means);
  return means[kDraws * 95 / 100];
}

FailureOr<Change> GateMeasure::change(const GateLevel &level) {
  std::vector<double> values;
  for (auto [sample, expected] : llvm::zip_equal(samples, open)) {
    FailureOr<SmallVector<Tensor>> results = run(sample, &level);
    if (failed(results))
      return failure();
    values.push_back(relativeChange(*results, expected));
  }
  double mean = 0;
  for (double value : values)
    mean += value / static_cast<double>(values.size());
  return Change{mean, upperBound(values)};
}
