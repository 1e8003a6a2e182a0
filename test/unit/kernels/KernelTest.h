// What the kernel tests share: the kernels of one ISA from its shared library, a ds_exec that plays several workers
// in an awkward order, guarded random buffers, and an epilogue that checks its tiles.
#pragma once
#include "runtime/kernels/cpu/dsk.h"
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace ds::test {

inline bool hostRuns(const std::string &isa) {
  if (isa == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// lib/ds of the build tree that this program, in test/unit, belongs to.
inline std::string libraryDir() {
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  std::string self(path, n > 0 ? n : 0);
  return self.substr(0, self.rfind('/')) + "/../../lib/ds";
}

// The kernel `name` of `isa`.
template <typename Fn> Fn *kernel(const std::string &isa, const char *name) {
  std::string path = libraryDir() + "/libdskernels_" + isa + ".so";
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  void *symbol = library ? dlsym(library, name) : nullptr;
  EXPECT_NE(symbol, nullptr) << name;
  return reinterpret_cast<Fn *>(symbol);
}

// Runs chunks from the last to the first, each as another worker. Scratch is poisoned with NaN and exactly as large
// as asked for, so that an address sanitizer sees every access beyond it.
class FakeExec : public ds_exec {
public:
  explicit FakeExec(int32_t threads) : ds_exec{&table, threads, DS_OK, 7, 0}, memory(threads) {}
  int64_t recordedTokens = 0, recordedFlops = 0; // by the kernels that count

private:
  struct Free {
    void operator()(void *p) const { std::free(p); }
  };
  static FakeExec &self(ds_exec *e) { return *static_cast<FakeExec *>(e); }
  static void parallelFor(ds_exec *e, ds_body_fn body, void *closure, int64_t count, int64_t grain) {
    ASSERT_GE(grain, 1);
    int64_t chunks = std::max<int64_t>(1, std::min<int64_t>(count / grain, 2 * e->threads));
    if (e->threads == 1)
      chunks = 1;
    for (int64_t c = chunks; c-- > 0;)
      if (c * count / chunks < (c + 1) * count / chunks)
        body(closure, c * count / chunks, (c + 1) * count / chunks, c % e->threads);
  }
  static void *scratch(ds_exec *e, int32_t worker, uint64_t bytes) {
    EXPECT_LT(worker, e->threads);
    uint64_t size = bytes ? (bytes + 63) / 64 * 64 : 64;
    auto *p = static_cast<unsigned char *>(std::aligned_alloc(64, size));
    std::fill(p, p + size, 0xFF);
    self(e).memory[worker].reset(p);
    return p;
  }
  static void *alloc(ds_exec *, uint64_t) { return nullptr; }
  static void fail(ds_exec *e, int32_t code, int32_t, int64_t, int64_t) { e->status = code; }
  static void record(ds_exec *e, int32_t node, const int64_t *offsets, int64_t experts, int64_t tokens, int64_t rowFlops) {
    EXPECT_EQ(node, e->node);
    self(e).recordedTokens += tokens;
    self(e).recordedFlops += offsets[experts] * rowFlops;
  }
  inline static const ds_services table = {parallelFor, scratch, alloc, fail, record};
  std::vector<std::unique_ptr<void, Free>> memory;
};

inline std::vector<float> randomFloats(size_t n, unsigned seed, float low = -1, float high = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> draw(low, high);
  std::vector<float> v(n);
  for (float &f : v)
    f = draw(engine);
  return v;
}

// Collects tiles into out[batch, rows, cols] and counts how often each element came.
struct Collector {
  int64_t batch, rows, cols;
  std::vector<float> out;
  std::vector<int> seen;
  Collector(int64_t batch, int64_t rows, int64_t cols)
      : batch(batch), rows(rows), cols(cols), out(batch * rows * cols, NAN), seen(out.size()) {}
  static void epilogue(void *closure, const float *tile, int64_t ld, int64_t b, int64_t i0, int64_t j0, int64_t m,
                       int64_t n) {
    Collector &c = *static_cast<Collector *>(closure);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tile) % 64, 0u);
    EXPECT_EQ(ld % 16, 0);
    EXPECT_LE(n, ld);
    ASSERT_TRUE(b >= 0 && b < c.batch && i0 >= 0 && i0 + m <= c.rows && j0 >= 0 && j0 + n <= c.cols);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        size_t at = (b * c.rows + i0 + i) * c.cols + j0 + j;
        c.out[at] = tile[i * ld + j];
        ++c.seen[at];
      }
  }
  void check(const std::vector<double> &expected, double tolerance) const {
    ASSERT_EQ(expected.size(), out.size());
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(seen[i], 1) << "element " << i << " of " << batch << "x" << rows << "x" << cols;
      ASSERT_NEAR(out[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
    }
  }
};

class KernelTest : public ::testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    if (!hostRuns(GetParam()))
      GTEST_SKIP() << "this CPU has no " << GetParam();
  }
};

#define DS_KERNEL_TESTS(suite)                                                                                         \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, ::testing::Values("avx2", "avx512"), [](const auto &info) { return info.param; })

// Columns in panels of 16, zero-padded: element (k, j) of src at src[k*row + j*col].
inline std::vector<float> packPanels(const float *src, int64_t k, int64_t n, int64_t row, int64_t col) {
  std::vector<float> out((n + 15) / 16 * 16 * k, 0.0f);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      out[j / 16 * k * 16 + i * 16 + j % 16] = src[i * row + j * col];
  return out;
}

} // namespace ds::test
