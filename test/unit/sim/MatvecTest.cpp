// Matvec on the simulator, plain and gated, against sums in double.
#include "runtime/kernels/cuda/Matvec.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

struct Problem {
  int64_t m, n, k, pad;
};

template <class T> void check(const char *name, bool gated, int64_t columns, const Problem &p, unsigned seed) {
  SCOPED_TRACE(std::string(name) + " " + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k));
  int64_t xRow = p.k + p.pad, wRow = (gated ? p.n : p.k) + p.pad, wRows = gated ? p.k : p.n;
  Memory<T> x("x", sim::Role::input, p.m * xRow), w("w", sim::Role::input, wRows * wRow);
  Memory<T> out("out", sim::Role::output, p.m * p.n), residual("residual", sim::Role::input, p.m * p.n);
  x.random(seed), w.random(seed + 1), residual.random(seed + 2);
  // Two terms of three are closed; their weights are infinite, so that reading one shows.
  if (gated)
    for (int64_t i = 0; i < int64_t(x.size()); ++i)
      if (i % xRow % 3 != 1)
        x[i] = gpu::fromFloat<T>(0);
  if (gated && p.m == 1)
    for (int64_t i = 0; i < int64_t(w.size()); ++i)
      if (i / wRow % 3 != 1)
        w[i] = gpu::fromFloat<T>(INFINITY);
  dsk::MatvecArgs<dsk::Store<T>> args{{x.data(), w.data(), p.n, p.k, xRow, wRow},
                                      {out.data(), nullptr, residual.data(), nullptr, 0, p.n, dsk::identity}};
  runOnSim(
      "Matvec", name, {uint32_t((p.n + columns - 1) / columns), uint32_t(p.m), 1}, args, seed, [&] { out.poison(); },
      [&] {
        for (int64_t i = 0; i < p.m; ++i)
          for (int64_t j = 0; j < p.n; ++j) {
            double sum = residual.at(i * p.n + j), size = 0;
            for (int64_t k = 0; k < p.k; ++k)
              if (double v = x.at(i * xRow + k)) {
                v *= gated ? w.at(k * wRow + j) : w.at(j * wRow + k);
                sum += v, size += std::abs(v);
              }
            ASSERT_NEAR(out.at(i * p.n + j), sum, 1.01 * roundingOf<T> * std::abs(sum) + 3e-7 * (size + 2))
                << i << " " << j;
          }
      });
}

template <class T> void checkAll(const char *name, bool gated, int64_t columns) {
  const Problem problems[] = {{1, 1, 1, 0}, {1, 40, 2304, 0}, {3, 17, 1153, 0}, {2, 72, 296, 8}, {1, 65, 4100, 3}};
  unsigned seed = 1;
  for (const Problem &p : problems) {
    check<T>(name, gated, columns, p, seed++);
    if (::testing::Test::HasFatalFailure())
      return;
  }
}

TEST(Matvec, Bf16) { checkAll<bf16>("matvec_bf16", false, 8); }
TEST(Matvec, F16) { checkAll<f16>("matvec_f16", false, 8); }
TEST(Matvec, F32) { checkAll<float>("matvec_f32", false, 8); }
TEST(GatedMatvec, Bf16) { checkAll<bf16>("gated_matvec_bf16_64", true, 64); }
TEST(GatedMatvec, Bf16Narrow) { checkAll<bf16>("gated_matvec_bf16_32", true, 32); }
TEST(GatedMatvec, F16) { checkAll<f16>("gated_matvec_f16_64", true, 64); }
TEST(GatedMatvec, F32) { checkAll<float>("gated_matvec_f32_64", true, 64); }
TEST(GatedMatvec, F32Narrow) { checkAll<float>("gated_matvec_f32_32", true, 32); }

} // namespace
} // namespace ds::test
