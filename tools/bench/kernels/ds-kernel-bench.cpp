// Reads cases from stdin, one a line, and answers each with "seconds GFLOP/s percent-of-peak":
//   matmul M N K | bmm BATCH M N K (B strided) | conv N H W C O GROUPS K STRIDE PAD | dwconv N H W C K STRIDE PAD
//   attention BATCH HEADS KV_HEADS Q KV DIM CAUSAL [WINDOW [DOCUMENT]] (DOCUMENT: a mask of blocks of so many tokens) | transpose BATCH M N (bytes moved instead of operations)
// Usage: ds-kernel-bench [avx2|avx512] [threads] [seconds per case] [library of kernels]
#include "tools/bench/kernels/BenchExec.h"
#include <algorithm>
#include <chrono>
#include <dlfcn.h>
#include <functional>
#include <immintrin.h>
#include <iostream>
#include <random>
#include <sstream>

using namespace ds::bench;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The fastest of many runs.
double fastest(double budget, const BenchExec &exec, const std::function<void()> &run) {
  run();
  double best = 1e9, start = now();
  for (int i = 0; i < 5 || now() - start < budget; ++i) {
    double t = exec.criticalTime();
    run();
    best = std::min(best, exec.criticalTime() - t);
  }
  return best;
}

typedef float V8 __attribute__((ext_vector_type(8)));
typedef float V16 __attribute__((ext_vector_type(16)));
volatile float sink;
#define DS_FMA_CHAIN(name, V, features)                                                                                \
  __attribute__((target(features), noinline)) void name(int64_t n) {                                                   \
    V acc[12] = {}, x = V(0.5f);                                                                                       \
    for (int64_t i = 0; i < n; ++i)                                                                                    \
      for (V &a : acc)                                                                                                 \
        a = __builtin_elementwise_fma(a, x, x);                                                                        \
    for (V &a : acc)                                                                                                   \
      sink = a[0];                                                                                                     \
  }
DS_FMA_CHAIN(chainAvx2, V8, "avx2,fma")
DS_FMA_CHAIN(chainAvx512, V16, "avx512f")
double peak(const BenchExec &exec, bool wide) {
  constexpr int64_t n = 100000;
  double t = fastest(0.3, exec, [&] { wide ? chainAvx512(n) : chainAvx2(n); });
  return 2.0 * 12 * (wide ? 16 : 8) * n / t;
}

float *randomFloats(int64_t n) {
  static std::mt19937 engine(1);
  std::uniform_real_distribution<float> draw(-1, 1);
  auto *p = static_cast<float *>(hugeAlloc(n * sizeof(float)));
  for (int64_t i = 0; i < n; ++i)
    p[i] = draw(engine);
  return p;
}

// What the compiler emits for a bias: one row at a time.
struct Bias {
  const float *bias;
  float *out;
  int64_t rows, cols;
};
__attribute__((target("avx2,fma"))) void biasEpilogue(void *closure, const float *tile, int64_t ld, int64_t b,
                                                      int64_t i0, int64_t j0, int64_t m, int64_t n) {
  const Bias &e = *static_cast<Bias *>(closure);
  const float *bias = e.bias + j0;
  for (int64_t i = 0; i < m; ++i) {
    float *__restrict out = e.out + (b * e.rows + i0 + i) * e.cols + j0;
    const float *__restrict in = tile + i * ld;
    for (int64_t j = 0; j < n; ++j)
      out[j] = in[j] + bias[j];
  }
}

struct Bench {
  void *library;
  BenchExec &exec;
  double peak, budget;
  template <typename Fn> Fn *kernel(const char *name) { return reinterpret_cast<Fn *>(dlsym(library, name)); }

  void report(double flops, const std::function<void()> &run) {
    double t = fastest(budget, exec, run);
    printf("%.9f %.1f %.1f%%\n", t, flops / t * 1e-9, 100 * flops / t / peak);
    fflush(stdout);
  }
  Bias bias(int64_t batch, int64_t rows, int64_t cols) {
    return {randomFloats(cols), randomFloats(batch * rows * cols), rows, cols};
  }

  void matmul(int64_t batch, int64_t m, int64_t n, int64_t k, bool packed) {
    int64_t columns = (n + 15) / 16 * 16;
    dsk_matmul_args args = {randomFloats(batch * m * k),
                            randomFloats(batch * columns * k),
                            batch,
                            m,
                            n,
                            k,
                            m * k,
                            k,
                            1,
                            columns * k,
                            n,
                            1,
                            packed};
    Bias e = bias(batch, m, n);
    auto *fn = kernel<decltype(dsk_matmul_f32)>("dsk_matmul_f32");
    report(2.0 * batch * m * n * k, [&] { fn(&exec, &args, biasEpilogue, &e); });
  }
  void conv(int64_t n, int64_t h, int64_t w, int64_t c, int64_t o, int64_t groups, int64_t k, int64_t stride,
            int64_t pad, const char *name) {
    int64_t oh = (h + 2 * pad - k) / stride + 1, ow = (w + 2 * pad - k) / stride + 1;
    dsk_conv_args args = {randomFloats(n * h * w * c),
                          randomFloats(k * k * c * ((o / groups + 15) / 16 * 16)),
                          n,
                          h,
                          w,
                          c,
                          o,
                          groups,
                          oh,
                          ow,
                          k,
                          k,
                          stride,
                          stride,
                          pad,
                          pad,
                          1,
                          1};
    Bias e = bias(1, n * oh * ow, o);
    auto *fn = kernel<decltype(dsk_conv2d_f32)>(name);
    report(2.0 * n * oh * ow * k * k * c / groups * o, [&] { fn(&exec, &args, biasEpilogue, &e); });
  }
  void attention(int64_t b, int64_t h, int64_t kvh, int64_t q, int64_t kv, int64_t d, bool causal, int64_t window, int64_t document) {
    dsk_attention_args a = {};
    a.q = randomFloats(b * h * q * d), a.k = randomFloats(b * kvh * kv * d), a.v = randomFloats(b * kvh * kv * d);
    a.out = randomFloats(b * h * q * d), a.batch = b, a.heads = h, a.kv_heads = kvh;
    a.q_len = q, a.kv_len = kv, a.head_dim = a.v_dim = d;
    a.q_batch = a.o_batch = h * q * d, a.q_head = a.o_head = d, a.q_row = a.o_row = h * d;
    a.k_batch = a.v_batch = kvh * kv * d, a.k_head = a.v_head = d, a.k_row = a.v_row = kvh * d, a.k_col = a.v_col = 1;
    a.scale = 0.125f, a.excluded = -__builtin_inff();
    a.left = window ? window - 1 : DSK_UNBOUNDED, a.right = causal ? 0 : DSK_UNBOUNDED;
    float *mask = document ? randomFloats(q * kv) : nullptr;
    double seen = 0;
    for (int64_t i = 0; i < q; ++i)
      for (int64_t j = 0; j < kv; ++j) {
        int64_t diagonal = i + kv - q;
        bool same = !document || diagonal / document == j / document;
        seen += same && j >= diagonal - a.left && j <= diagonal + a.right;
        if (mask)
          mask[i * kv + j] = same ? 0 : -__builtin_inff();
      }
    a.mask = mask, a.m_row = kv, a.m_col = 1;
    auto *fn = kernel<decltype(dsk_attention_f32)>("dsk_attention_f32");
    report(4.0 * b * h * d * seen, [&] { fn(&exec, &a); });
  }

  void transpose(int64_t batch, int64_t m, int64_t n) {
    dsk_transpose_args args = {randomFloats(batch * m * n), randomFloats(batch * m * n), batch, m, n, 4};
    auto *fn = kernel<decltype(dsk_transpose)>("dsk_transpose");
    report(8.0 * batch * m * n, [&] { fn(&exec, &args); });
  }

  bool run(const std::string &line) {
    std::istringstream in(line);
    std::string kind;
    in >> kind;
    std::vector<int64_t> v;
    for (int64_t x; in >> x;)
      v.push_back(x);
    v.resize(10);
    if (kind == "matmul")
      matmul(1, v[0], v[1], v[2], true);
    else if (kind == "bmm")
      matmul(v[0], v[1], v[2], v[3], false);
    else if (kind == "conv")
      conv(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], "dsk_conv2d_f32");
    else if (kind == "dwconv")
      conv(v[0], v[1], v[2], v[3], v[3], v[3], v[4], v[5], v[6], "dsk_depthwise_conv2d_f32");
    else if (kind == "attention")
      attention(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]);
    else if (kind == "transpose")
      transpose(v[0], v[1], v[2]);
    else
      return false;
    return true;
  }
};

} // namespace

int main(int argc, char **argv) {
  std::string isa = argc > 1 ? argv[1] : __builtin_cpu_supports("avx512f") ? "avx512" : "avx2";
  int threads = argc > 2 ? atoi(argv[2]) : 1;
  std::string self = argv[0];
  std::string path = argc > 4 ? argv[4] : self.substr(0, self.rfind('/') + 1) + "../lib/ds/libdskernels_" + isa + ".so";
  void *library = dlopen(path.c_str(), RTLD_NOW);
  if (!library) {
    std::cerr << dlerror() << "\n";
    return 1;
  }
  BenchExec exec(threads);
  Bench bench = {library, exec, peak(exec, isa != "avx2") * threads, argc > 3 ? atof(argv[3]) : 0.3};
  std::cerr << isa << ", " << threads << " thread(s), peak " << bench.peak * 1e-9 << " GFLOP/s\n";
  for (std::string line; std::getline(std::cin, line);)
    if (!line.empty() && line[0] != '#' && !bench.run(line)) {
      std::cerr << "unknown case: " << line << "\n";
      return 1;
    }
}
