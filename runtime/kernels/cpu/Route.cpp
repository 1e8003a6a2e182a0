// dsk_route_f32: chooses experts, token by token in parallel, then sorts the routed rows by expert. Scores are computed in
// double, so that the choice is that of the formula, not of its rounding.
#include "runtime/kernels/cpu/DoubleVec.h"
#include "runtime/kernels/cpu/Scratch.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

struct RouteJob {
  ds_exec *exec;
  const dsk_route_args *args;
};

// The k best so far, the best first; equal ones in order of arrival, NaN is the largest.
struct Best {
  double *values;
  int64_t *indices;
  int64_t size, count;

  static bool better(double a, double b) { return a > b || (a != a && b == b); }
  void clear() { count = 0; }
  void offer(double value, int64_t index) {
    if (count == size && !better(value, values[count - 1]))
      return;
    int64_t at = count < size ? count++ : count - 1;
    for (; at > 0 && better(value, values[at - 1]); --at) {
      values[at] = values[at - 1];
      indices[at] = indices[at - 1];
    }
    values[at] = value;
    indices[at] = index;
  }
};

// What one worker needs for a token.
struct RouteScratch {
  double *p, *s;
  Best best;
  bool *open;
};

// p = score(x), padded to whole vectors.
void scoreRow(const dsk_route_args &g, const float *x, double *p) {
  int64_t n = g.experts;
  double top = -__builtin_inf();
  for (int64_t e = 0; e < n; ++e) {
    p[e] = x[e];
    top = p[e] > top || p[e] != p[e] ? p[e] : top;
  }
  if (g.score == DSK_SCORE_NONE)
    return;
  for (int64_t e = n; e < (n + WD - 1) / WD * WD; ++e)
    p[e] = 0;
  for (int64_t e = 0; e < n; e += WD) {
    DVec v = loadD(p + e);
    storeD(p + e, g.score == DSK_SCORE_SOFTMAX ? exp(v - top) : 1.0 / (1.0 + exp(-v)));
  }
  if (g.score != DSK_SCORE_SOFTMAX)
    return;
  double sum = 0;
  for (int64_t e = 0; e < n; ++e)
    sum += p[e];
  for (int64_t e = 0; e < n; ++e)
    p[e] /= sum;
}

// s from p: bias, and what the load does to the choice.
void selectionScores(const dsk_route_args &g, double mean, const double *p, double *s) {
  for (int64_t e = 0; e < g.experts; ++e) {
    double value = p[e];
    if (g.bias)
      value += g.bias[e];
    if (g.balance == DSK_BALANCE_BIAS)
      value += g.load[e];
    if (g.balance == DSK_BALANCE_SELECT && mean > 0) {
      double relative = g.load[e] / mean;
      value /= relative < 1e-6 ? 1e-6 : relative;
    }
    s[e] = value;
  }
}

// Marks the groups whose experts may be chosen.
void openGroups(const dsk_route_args &g, RouteScratch &t) {
  int64_t size = g.experts / g.groups;
  double *sums = t.p + g.experts; // room for `groups` behind p
  for (int64_t group = 0; group < g.groups; ++group) {
    t.best.size = g.group_best;
    t.best.clear();
    for (int64_t e = group * size; e < (group + 1) * size; ++e)
      t.best.offer(t.s[e], e);
    double sum = 0;
    for (int64_t i = 0; i < t.best.count; ++i)
      sum += t.best.values[i];
    sums[group] = sum;
    t.open[group] = false;
  }
  t.best.size = g.top_groups;
  t.best.clear();
  for (int64_t group = 0; group < g.groups; ++group)
    t.best.offer(sums[group], group);
  for (int64_t i = 0; i < t.best.count; ++i)
    t.open[t.best.indices[i]] = true;
}

void chooseExperts(const dsk_route_args &g, RouteScratch &t) {
  int64_t size = g.experts / g.groups;
  bool limited = g.groups > 1 && g.top_groups < g.groups;
  if (limited)
    openGroups(g, t);
  t.best.size = g.k;
  t.best.clear();
  for (int64_t group = 0; group < g.groups; ++group)
    if (!limited || t.open[group])
      for (int64_t e = group * size; e < (group + 1) * size; ++e)
        t.best.offer(t.s[e], e);
}

void mixRow(const dsk_route_args &g, const RouteScratch &t, const float *mixing, float *weights, int64_t *experts) {
  double sum = g.epsilon;
  double *w = t.s; // no longer needed
  for (int64_t j = 0; j < g.k; ++j) {
    int64_t e = experts[j] = t.best.indices[j];
    w[j] = mixing ? mixing[e] : t.p[e];
    if (g.balance == DSK_BALANCE_MIX)
      w[j] /= g.load[e] + 1e-6;
    sum += w[j];
  }
  for (int64_t j = 0; j < g.k; ++j)
    weights[j] = float((g.normalize ? w[j] / sum : w[j]) * g.scale);
}

void routeTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const RouteJob &job = *static_cast<RouteJob *>(closure);
  const dsk_route_args &g = *job.args;
  int64_t most = max(g.k, max(g.top_groups, g.group_best));
  int64_t doubles = 2 * (g.experts + g.groups + W) + most;
  auto *memory = static_cast<double *>(getScratch(job.exec, worker, (doubles + most) * sizeof(double) + g.groups));
  if (!memory)
    return;
  RouteScratch t = {memory, memory + g.experts + g.groups + W, {memory + 2 * (g.experts + g.groups + W), nullptr, 0, 0}, nullptr};
  t.best.indices = reinterpret_cast<int64_t *>(memory + doubles);
  t.open = reinterpret_cast<bool *>(memory + doubles + most);
  double mean = 0;
  for (int64_t e = 0; g.load && e < g.experts; ++e)
    mean += g.load[e] / double(g.experts);
  for (int64_t row = begin; row < end; ++row) {
    scoreRow(g, g.scores + row * g.experts, t.p);
    selectionScores(g, mean, t.p, t.s);
    chooseExperts(g, t);
    mixRow(g, t, g.mixing ? g.mixing + row * g.experts : nullptr, g.weights + row * g.k, g.chosen + row * g.k);
  }
}

// Counting sort, stable: offsets first hold counts, then the next free position of each expert.
void sortByExpert(const dsk_route_args &g) {
  int64_t rows = g.tokens * g.k, *offsets = g.offsets;
  for (int64_t e = 0; e <= g.experts; ++e)
    offsets[e] = 0;
  for (int64_t r = 0; r < rows; ++r)
    ++offsets[g.chosen[r]];
  int64_t at = 0;
  for (int64_t e = 0; e <= g.experts; ++e) {
    int64_t count = offsets[e];
    offsets[e] = at;
    at += count;
  }
  for (int64_t r = 0; r < rows; ++r)
    g.permutation[offsets[g.chosen[r]]++] = r;
  for (int64_t e = g.experts; e > 0; --e)
    offsets[e] = offsets[e - 1];
  offsets[0] = 0;
}

void updateLoad(const dsk_route_args &g) {
  double rows = double(g.tokens * g.k), even = 1.0 / double(g.experts);
  for (int64_t e = 0; e < g.experts; ++e) {
    double load = g.load[e], part = rows > 0 ? double(g.offsets[e + 1] - g.offsets[e]) / rows : 0;
    if (rows > 0 && g.balance == DSK_BALANCE_BIAS)
      load += g.rate * (part < even ? 1 : part > even ? -1 : 0);
    else if (rows > 0)
      load = (1 - g.rate) * load + g.rate * part;
    g.new_load[e] = float(load);
  }
}

} // namespace
} // namespace dsk

extern "C" void dsk_route_f32(ds_exec *exec, const dsk_route_args *args) {
  dsk::RouteJob job = {exec, args};
  if (args->tokens > 0)
    exec->services->parallel_for(exec, dsk::routeTasks, &job, args->tokens, 1 + 4096 / args->experts);
  if (exec->status)
    return;
  dsk::sortByExpert(*args);
  if (args->new_load)
    dsk::updateLoad(*args);
}
