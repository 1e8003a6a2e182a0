// Routing, experts and gates, by their formulas in f64.
#include "lib/eval/Call.h"
#include "lib/eval/Routing.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

double eval::activate(Activation activation, double x) {
  switch (activation) {
  case Activation::identity:
    return x;
  case Activation::relu:
    return x < 0 ? 0 : x;
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::gelu:
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case Activation::gelu_tanh:
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  llvm_unreachable("all activations are above");
}

namespace {
// p of one token, in place.
void scoreRow(ScoreKind kind, MutableArrayRef<double> row) {
  double top = -INFINITY, sum = 0;
  for (double x : row)
    top = x > top || std::isnan(x) ? x : top;
  for (double &x : row) {
    x = kind == ScoreKind::softmax ? std::exp(x - top) : kind == ScoreKind::sigmoid ? 1 / (1 + std::exp(-x)) : x;
    sum += x;
  }
  for (double &x : row)
    x = kind == ScoreKind::softmax ? x / sum : x;
}

// Positions of the `count` largest, the best first; equal ones in order; NaN is the largest.
SmallVector<int64_t> best(ArrayRef<double> values, int64_t count) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, values.size()));
  llvm::stable_sort(order, [&](int64_t a, int64_t b) {
    return values[a] > values[b] || (std::isnan(values[a]) && !std::isnan(values[b]));
  });
  order.truncate(count);
  return order;
}

// The chosen experts of one token with selection scores s, the best first.
SmallVector<int64_t> choose(RouteOp op, ArrayRef<double> s) {
  int64_t groups = op.getGroups(), size = s.size() / groups;
  SmallVector<double> groupScores;
  for (int64_t g = 0; g < groups; ++g) {
    double sum = 0;
    for (int64_t i : best(s.slice(g * size, size), op.getGroupBest()))
      sum += s[g * size + i];
    groupScores.push_back(sum);
  }
  SmallVector<int64_t> open = best(groupScores, op.getTopGroups()), candidates;
  llvm::sort(open);
  for (int64_t g : open)
    llvm::append_range(candidates, llvm::seq(g * size, (g + 1) * size));
  SmallVector<double> values = llvm::map_to_vector(candidates, [&](int64_t e) { return s[e]; });
  return llvm::map_to_vector(best(values, op.getK()), [&](int64_t i) { return candidates[i]; });
}

// Selection scores of one token from its p.
SmallVector<double> selectionScores(RouteOp op, ArrayRef<double> p, ArrayRef<double> bias, ArrayRef<double> load) {
  double mean = 0;
  for (double l : load)
    mean += l / load.size();
  SmallVector<double> s(p);
  for (auto [e, value] : llvm::enumerate(s)) {
    value += bias.empty() ? 0 : bias[e];
    if (op.getBalance() == BalanceKind::bias)
      value += load[e];
    if (op.getBalance() == BalanceKind::select_by_load && mean > 0)
      value /= std::max(load[e] / mean, 1e-6);
  }
  return s;
}

// Appends the mixing weights of one token's chosen experts.
void mix(RouteOp op, ArrayRef<double> mixing, ArrayRef<int64_t> chosen, ArrayRef<double> load, std::vector<double> &out) {
  double sum = op.getEpsilon().convertToDouble(), scale = op.getScale().convertToDouble();
  SmallVector<double> weights = llvm::map_to_vector(chosen, [&](int64_t e) {
    return op.getBalance() == BalanceKind::mix_by_load ? mixing[e] / (load[e] + 1e-6) : mixing[e];
  });
  for (double w : weights)
    sum += w;
  for (double w : weights)
    out.push_back((op.getNormalize() ? w / sum : w) * scale);
}

std::vector<double> nextLoad(RouteOp op, ArrayRef<double> load, ArrayRef<int64_t> offsets) {
  std::vector<double> next(load.begin(), load.end());
  double rate = op.getRate().convertToDouble(), rows = offsets.back();
  for (auto [e, l] : llvm::enumerate(next)) {
    double c = rows ? (offsets[e + 1] - offsets[e]) / rows : 0, even = 1.0 / load.size();
    if (op.getBalance() != BalanceKind::bias)
      l = rows ? (1 - rate) * l + rate * c : l;
    else if (rows)
      l += rate * (c < even ? 1 : c > even ? -1 : 0);
  }
  return next;
}

LogicalResult evalRoute(RouteOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  int64_t tokens = (*shape)[0], k = op.getK(), experts = call[op.getScores()].shape()[1];
  auto optional = [&](Value v) { return v ? eval::load<double>(call[v]) : std::vector<double>(); };
  std::vector<double> p = eval::load<double>(call[op.getScores()]), mixing = optional(op.getMixing()), bias = optional(op.getBias()),
                      load = optional(op.getLoad()), weights;
  std::vector<int64_t> chosen, permutation, offsets{0};
  for (int64_t t = 0; t < tokens; ++t) {
    MutableArrayRef<double> row(p.data() + t * experts, experts);
    scoreRow(op.getScore(), row);
    SmallVector<int64_t> slots = choose(op, selectionScores(op, row, bias, load));
    mix(op, mixing.empty() ? ArrayRef<double>(row) : ArrayRef<double>(mixing).slice(t * experts, experts), slots, load, weights);
    chosen.insert(chosen.end(), slots.begin(), slots.end());
  }
  for (int64_t e = 0; e < experts; ++e) {
    for (int64_t row = 0; row < tokens * k; ++row)
      if (chosen[row] == e)
        permutation.push_back(row);
    offsets.push_back(permutation.size());
  }
  if (failed(call.give({tokens, k}, weights)) || failed(call.give({tokens, k}, chosen)) || failed(call.give({tokens * k}, permutation)) ||
      failed(call.give({experts + 1}, offsets)))
    return failure();
  return op.getNewLoad() ? call.give({experts}, nextLoad(op, load, offsets)) : success();
}

LogicalResult evalExperts(ExpertsOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  int64_t tokens = (*shape)[0], outs = (*shape)[1], k = call[op.getWeights()].shape()[1], h = call[op.getInput()].shape()[1],
          width = call[op.getUp()].shape()[2], experts = call[op.getUp()].shape()[0];
  std::vector<double> x = load<double>(call[op.getInput()]), w = load<double>(call[op.getWeights()]), up = load<double>(call[op.getUp()]),
                      down = load<double>(call[op.getDown()]), gate, result(tokens * outs, 0.0);
  if (op.getGate())
    gate = load<double>(call[op.getGate()]);
  std::vector<int64_t> permutation = load<int64_t>(call[op.getPermutation()]), offsets = load<int64_t>(call[op.getOffsets()]);
  for (int64_t e = 0; e < experts; ++e) {
    if (offsets[e] < 0 || offsets[e] > offsets[e + 1] || offsets[e + 1] > static_cast<int64_t>(permutation.size()))
      return call.error() << "the offsets of expert " << e << " are not those of a route";
    for (int64_t i = offsets[e]; i < offsets[e + 1]; ++i) {
      int64_t row = permutation[i];
      if (row < 0 || row >= tokens * k)
        return call.error() << "routed row " << row << " of " << tokens * k;
      std::vector<double> a(width, 0.0), g(width, 0.0);
      gemm(1, width, h, x.data() + row / k * h, up.data() + e * h * width, a.data());
      if (op.getGate())
        gemm(1, width, h, x.data() + row / k * h, gate.data() + e * h * width, g.data());
      for (int64_t j = 0; j < width; ++j)
        a[j] = op.getGate() ? activate(op.getActivation(), g[j]) * a[j] : activate(op.getActivation(), a[j]);
      std::vector<double> y(outs, 0.0);
      gemm(1, outs, width, a.data(), down.data() + e * width * outs, y.data());
      for (int64_t j = 0; j < outs; ++j)
        result[row / k * outs + j] += w[row] * y[j];
    }
  }
  return call.give(*shape, result);
}

LogicalResult evalGate(GateOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  std::vector<double> x = load<double>(call[op.getInput()]), by;
  double threshold = op.getThreshold().convertToDouble();
  if (op.getBy()) {
    FailureOr<Tensor> full = broadcasted(call[op.getBy()], *shape);
    if (failed(full))
      return call.give(failure());
    by = load<double>(*full);
  }
  for (auto [i, value] : llvm::enumerate(x)) {
    bool closed = op.getBy() ? !(1 / (1 + std::exp(-by[i])) > threshold) : std::fabs(value) <= threshold;
    value = closed ? 0 : value;
  }
  return call.give(*shape, x);
}
} // namespace

void eval::addRouting(OpTable &table) {
  table.add<RouteOp>(evalRoute);
  table.add<ExpertsOp>(evalExperts);
  table.add<GateOp>(evalGate);
}
