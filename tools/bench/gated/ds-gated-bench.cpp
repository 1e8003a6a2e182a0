// The gated product beside the dense one: the same numbers, B packed for the dense kernel and in rows for the gated one. All
// cases take turns, so that what else the machine does falls on all alike; one JSON line per case with medians over the turns.
// Usage: ds-gated-bench [avx2|avx512] [threads] [M] [K] [N] [turns]; weights lie in 4 KiB pages, as those of a mapped package do.
#include "tools/bench/kernels/BenchExec.h"
#include <chrono>
#include <dlfcn.h>
#include <iostream>
#include <random>
#include <string>

using namespace ds::bench;

namespace {

constexpr double kSparsities[] = {0, 0.3, 0.5, 0.7, 0.9};

struct Numbers {
  float *data;
  size_t bytes;
  explicit Numbers(int64_t count) : bytes(count * sizeof(float)) {
    data = static_cast<float *>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    madvise(data, bytes, MADV_NOHUGEPAGE);
  }
};

struct Output {
  float *out;
  int64_t columns;
};
__attribute__((target("avx2,fma"))) void storeTile(void *closure, const float *tile, int64_t ld, int64_t, int64_t i0, int64_t j0, int64_t m,
                                                   int64_t n) {
  const Output &o = *static_cast<Output *>(closure);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      o.out[(i0 + i) * o.columns + j0 + j] = tile[i * ld + j];
}

struct Case {
  std::string kernel;
  double sparsity;
  dsk_matmul_args args;
  decltype(dsk_matmul_f32) *run;
  std::vector<double> times;
  std::vector<float> result;
};

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + v.size() / 2, v.end());
  return v[v.size() / 2];
}

// A weight of K rows in both layouts.
struct Weight {
  int64_t k, n;
  Numbers rows, panels;
  Weight(int64_t k, int64_t n, std::mt19937 &engine) : k(k), n(n), rows(k * n), panels(k * ((n + 15) / 16 * 16)) {
    std::uniform_real_distribution<float> draw(-1, 1);
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < n; ++j)
        panels.data[j / 16 * k * 16 + i * 16 + j % 16] = rows.data[i * n + j] = draw(engine);
  }
};

std::vector<Case> makeCases(void *library, int64_t m, const Weight &w, std::mt19937 &engine) {
  auto *dense = reinterpret_cast<decltype(dsk_matmul_f32) *>(dlsym(library, "dsk_matmul_f32"));
  auto *gated = reinterpret_cast<decltype(dsk_matmul_f32) *>(dlsym(library, "dsk_gated_matmul_f32"));
  std::vector<Case> cases;
  std::uniform_real_distribution<float> draw(0.1f, 1);
  for (double sparsity : kSparsities) {
    Numbers x(m * w.k);
    for (int64_t k = 0; k < w.k; ++k) {
      bool closed = std::bernoulli_distribution(sparsity)(engine);
      for (int64_t i = 0; i < m; ++i)
        x.data[i * w.k + k] = closed ? 0 : draw(engine);
    }
    dsk_matmul_args rows = {x.data, w.rows.data, 1, m, w.n, w.k, 0, w.k, 1, 0, w.n, 1, 0}, panels = rows;
    panels.b = w.panels.data;
    panels.b_packed = 1;
    cases.push_back({"dense", sparsity, panels, dense, {}, {}});
    cases.push_back({"gated", sparsity, rows, gated, {}, {}});
    if (sparsity == 0)
      cases.push_back({"dense_rows", sparsity, rows, dense, {}, {}});
  }
  return cases;
}

} // namespace

int main(int argc, char **argv) {
  auto number = [&](int i, int64_t otherwise) { return argc > i ? atoll(argv[i]) : otherwise; };
  std::string isa = argc > 1 ? argv[1] : __builtin_cpu_supports("avx512f") ? "avx512" : "avx2";
  int64_t threads = number(2, 1), m = number(3, 1), k = number(4, 4096), n = number(5, 11008), turns = number(6, 31);
  std::string self = argv[0], path = self.substr(0, self.rfind('/') + 1) + "../lib/ds/libdskernels_" + isa + ".so";
  void *library = dlopen(path.c_str(), RTLD_NOW);
  if (!library) {
    std::cerr << dlerror() << "\n";
    return 1;
  }
  std::mt19937 engine(1);
  Weight weight(k, n, engine);
  BenchExec exec(threads);
  std::vector<Case> cases = makeCases(library, m, weight, engine);
  for (int64_t turn = 0; turn <= turns; ++turn)
    for (Case &c : cases) {
      c.result.assign(m * n, 0);
      Output out = {c.result.data(), n};
      double start = exec.criticalTime();
      c.run(&exec, &c.args, storeTile, &out);
      if (turn) // the first touches the pages
        c.times.push_back(exec.criticalTime() - start);
    }
  int wrong = 0;
  for (size_t i = 0, dense = 0; i < cases.size(); ++i) {
    const Case &c = cases[i];
    if (c.kernel == "dense")
      dense = i;
    double t = median(c.times);
    bool equal = c.result == cases[dense].result;
    wrong |= !equal;
    printf("{\"kernel\": \"%s\", \"isa\": \"%s\", \"threads\": %ld, \"m\": %ld, \"k\": %ld, \"n\": %ld, \"sparsity\": %.1f, \"us\": %.1f, "
           "\"GB_per_s\": %.1f, \"dense_over_this\": %.3f, \"equal\": %s}\n",
           c.kernel.c_str(), isa.c_str(), long(threads), long(m), long(k), long(n), c.sparsity, t * 1e6, k * n * 4e-9 * (c.kernel == "gated" ? 1 - c.sparsity : 1) / t,
           median(cases[dense].times) / t, equal ? "true" : "false");
  }
  return wrong;
}
