// The products of a mixture of experts, for prefill and decode, as a multiple of the larger of two bounds: the time that our own
// dense products need for the same rows per expert (weights warm), and the touched weights over the measured bandwidth. Lines of JSON.
// Usage: ds-experts-bench [avx2|avx512] [threads] [seconds per case] [E k tokens hidden width]...
#include "tools/bench/kernels/BenchExec.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <numeric>
#include <random>
#include <string>

using namespace ds::bench;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(double budget, const BenchExec &exec, const std::function<void()> &run) {
  run();
  std::vector<double> times;
  for (double start = now(); times.size() < 5 || now() - start < budget;) {
    double t = exec.criticalTime();
    run();
    times.push_back(exec.criticalTime() - t);
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

float *floats(int64_t n) {
  auto *p = static_cast<float *>(hugeAlloc(n * sizeof(float)));
  for (int64_t i = 0; i < n; ++i)
    p[i] = float((i * 2654435761u >> 16) % 2048) / 1024 - 1;
  return p;
}

struct Scan {
  const float *data;
  int64_t block;
};
typedef float V8 __attribute__((ext_vector_type(8)));
volatile float sink;
__attribute__((target("avx2"))) void readTasks(void *closure, int64_t begin, int64_t end, int32_t) {
  const Scan &s = *static_cast<Scan *>(closure);
  V8 sum[8] = {};
  for (const float *p = s.data + begin * s.block, *last = s.data + end * s.block; p < last; p += 64)
    for (int i = 0; i < 8; ++i)
      sum[i] += *reinterpret_cast<const V8 *>(p + 8 * i);
  sink = (sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7])[0];
}

struct Case {
  int64_t experts, k, tokens, hidden, width;
};

struct Route {
  std::vector<int64_t> permutation, offsets{0};
};

// k different experts per token: at random, or for a single one those of turn `turn`.
Route makeRoute(const Case &c, int64_t turn) {
  std::vector<std::vector<int64_t>> rows(c.experts);
  std::mt19937 engine(1);
  for (int64_t t = 0; t < c.tokens; ++t) {
    std::vector<int64_t> order(c.experts);
    std::iota(order.begin(), order.end(), turn * c.k);
    if (c.tokens > 1)
      std::shuffle(order.begin(), order.end(), engine);
    for (int64_t j = 0; j < c.k; ++j)
      rows[order[j] % c.experts].push_back(t * c.k + j);
  }
  Route route;
  for (const auto &of : rows) {
    route.permutation.insert(route.permutation.end(), of.begin(), of.end());
    route.offsets.push_back(route.permutation.size());
  }
  return route;
}

struct Bench {
  void *library;
  BenchExec &exec;
  double budget;
  std::string isa;
  double bandwidth = 0;

  template <typename Fn> Fn *kernel(const char *name) { return reinterpret_cast<Fn *>(dlsym(library, name)); }

  void measureBandwidth() {
    constexpr int64_t count = 512, block = 1 << 18;
    Scan scan = {floats(count * block), block};
    double t = median(budget, exec, [&] { exec.services->parallel_for(&exec, readTasks, &scan, count, 1); });
    bandwidth = count * block * sizeof(float) / t;
    std::free(const_cast<float *>(scan.data));
  }

  // Rows r of one expert: both products, dense, with weights that were just used.
  double dense(const Case &c, int64_t rows, const float *panels, const float *down, float *x, float *out) {
    auto *matmul = kernel<decltype(dsk_matmul_f32)>("dsk_matmul_f32");
    auto drop = [](void *, const float *tile, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) { sink = tile[0]; };
    dsk_matmul_args first = {x, panels, 1, rows, 2 * c.width, c.hidden, 0, c.hidden, 1, 0, 0, 0, 1};
    dsk_matmul_args second = {out, down, 1, rows, c.hidden, c.width, 0, c.width, 1, 0, 0, 0, 1};
    return median(budget / 10, exec, [&] {
      matmul(&exec, &first, drop, nullptr);
      matmul(&exec, &second, drop, nullptr);
    });
  }

  void run(const Case &c) {
    int64_t rows = c.tokens * c.k, perExpert = 3 * c.hidden * c.width;
    // One token takes other experts in every run, so that their weights are not in a cache from the run before.
    std::vector<Route> routes;
    for (int64_t i = 0; i < (c.tokens == 1 ? c.experts / c.k : 1); ++i)
      routes.push_back(makeRoute(c, i));
    size_t next = 0;
    float *panels = floats(c.experts * 2 * c.hidden * c.width), *down = floats(c.experts * c.hidden * c.width);
    float *x = floats(c.tokens * c.hidden), *h = floats(rows * c.width), *y = floats(rows * c.hidden), *scale = floats(rows);
    dsk_grouped_matmul_args first = {x,      panels,    nullptr, nullptr, nullptr, h, rows,        c.experts, c.k,
                                     c.hidden, c.width, 0,       1,                  DSK_ACT_SILU};
    dsk_grouped_matmul_args second = {h,       down,     scale, nullptr, nullptr, y, rows, c.experts, c.k,
                                      c.width, c.hidden, 0,     0,                  DSK_ACT_IDENTITY};
    auto *grouped = kernel<decltype(dsk_grouped_matmul_f32)>("dsk_grouped_matmul_f32");
    double time = median(budget, exec, [&] {
      const Route &route = routes[next++ % routes.size()];
      first.permutation = second.permutation = route.permutation.data();
      first.offsets = second.offsets = route.offsets.data();
      grouped(&exec, &first);
      grouped(&exec, &second);
    });
    double denseTime = 0;
    int64_t touched = 0;
    std::vector<double> known(rows + 1, -1); // by rows of an expert
    for (int64_t e = 0; e < c.experts; ++e) {
      int64_t r = routes[0].offsets[e + 1] - routes[0].offsets[e];
      if (!r)
        continue;
      if (known[r] < 0)
        known[r] = dense(c, r, panels, down, y, h);
      denseTime += known[r];
      touched += perExpert * sizeof(float);
    }
    double memoryTime = touched / bandwidth, bound = std::max(denseTime, memoryTime);
    std::printf("{\"isa\": \"%s\", \"threads\": %d, \"experts\": %ld, \"k\": %ld, \"tokens\": %ld, \"hidden\": %ld, \"width\": %ld, \"ms\": %.4f, "
                "\"gflops\": %.1f, \"dense_ms\": %.4f, \"memory_ms\": %.4f, \"bandwidth_gbs\": %.1f, \"ratio\": %.3f}\n",
                isa.c_str(), exec.threads, c.experts, c.k, c.tokens, c.hidden, c.width, time * 1e3, 2e-9 * rows * perExpert / time, denseTime * 1e3,
                memoryTime * 1e3, bandwidth * 1e-9, time / bound);
    std::fflush(stdout);
    for (float *p : {panels, down, x, h, y, scale})
      std::free(p);
  }
};

} // namespace

int main(int argc, char **argv) {
  std::string isa = argc > 1 ? argv[1] : __builtin_cpu_supports("avx512f") ? "avx512" : "avx2", self = argv[0];
  std::string path = self.substr(0, self.rfind('/') + 1) + "../lib/ds/libdskernels_" + isa + ".so";
  void *library = dlopen(path.c_str(), RTLD_NOW);
  if (!library) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  std::vector<Case> cases;
  for (int i = 4; i + 4 < argc; i += 5)
    cases.push_back({atol(argv[i]), atol(argv[i + 1]), atol(argv[i + 2]), atol(argv[i + 3]), atol(argv[i + 4])});
  if (cases.empty())
    cases = {{8, 2, 256, 1024, 2048}, {64, 6, 256, 1024, 704}, {8, 2, 1, 1024, 2048}, {64, 6, 1, 1024, 704}};
  BenchExec exec(argc > 2 ? atoi(argv[2]) : 1);
  Bench bench = {library, exec, argc > 3 ? atof(argv[3]) : 0.5, isa};
  bench.measureBandwidth();
  for (const Case &c : cases)
    bench.run(c);
}
