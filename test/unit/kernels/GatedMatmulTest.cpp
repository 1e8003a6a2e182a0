// dsk_gated_matmul_f32 against the dense kernel, bit for bit, and that it reads no row of B that meets zeros alone.
#include "KernelTest.h"

using namespace ds::test;

namespace {
class GatedMatmulTest : public KernelTest {};

// A [m, k] of which every row has features of its own closed, and all rows those where closed(k) is true.
std::vector<float> gatedRows(int64_t m, int64_t k, unsigned seed, const std::vector<bool> &closed) {
  std::vector<float> a = randomFloats(m * k, seed);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < k; ++j)
      if (closed[j] || (i + j) % 3 == 0)
        a[i * k + j] = j % 2 ? 0.0f : -0.0f;
  return a;
}

std::vector<float> run(const std::string &isa, const char *name, const dsk_matmul_args &args, int threads) {
  FakeExec exec(threads);
  Collector c(1, args.m, args.n);
  kernel<decltype(dsk_matmul_f32)>(isa, name)(&exec, &args, Collector::epilogue, &c);
  EXPECT_EQ(exec.status, DS_OK);
  for (int seen : c.seen)
    EXPECT_EQ(seen, 1);
  return c.out;
}

void compareWithDense(const std::string &isa, int64_t m, int64_t n, int64_t k, double sparsity) {
  SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k << " sparsity " << sparsity);
  std::mt19937 engine(k);
  std::vector<bool> closed(k);
  for (int64_t j = 0; j < k; ++j)
    closed[j] = std::bernoulli_distribution(sparsity)(engine);
  std::vector<float> a = gatedRows(m, k, 1, closed), b = randomFloats(k * n, 2);
  dsk_matmul_args args = {a.data(), b.data(), 1, m, n, k, 0, k, 1, 0, n, 1, 0};
  std::vector<float> dense = run(isa, "dsk_matmul_f32", args, 1);
  for (int64_t j = 0; j < k; ++j)
    if (closed[j])
      std::fill_n(b.begin() + j * n, n, NAN);
  for (int threads : {1, 2, 3})
    ASSERT_EQ(run(isa, "dsk_gated_matmul_f32", args, threads), dense) << threads << " threads";
}

TEST_P(GatedMatmulTest, SkipsWhatIsClosed) {
  for (int64_t m : {1, 2, 3, 4})
    for (int64_t n : {1, 16, 17, 100, 331, 1040})
      for (int64_t k : {1, 15, 33, 250})
        for (double sparsity : {0.0, 0.5, 0.9, 1.0})
          compareWithDense(GetParam(), m, n, k, sparsity);
  compareWithDense(GetParam(), 1, 17000, 40, 0.5);
}

TEST_P(GatedMatmulTest, ManyRowsAreDense) {
  std::vector<float> a = gatedRows(9, 50, 1, std::vector<bool>(50)), b = randomFloats(50 * 70, 2);
  dsk_matmul_args args = {a.data(), b.data(), 1, 9, 70, 50, 0, 50, 1, 0, 70, 1, 0};
  EXPECT_EQ(run(GetParam(), "dsk_gated_matmul_f32", args, 2), run(GetParam(), "dsk_matmul_f32", args, 1));
}

TEST_P(GatedMatmulTest, ColumnsOfA) {
  std::vector<float> a = {1, 0, 2, 0, 0, 3}, b = {1, 2, 3, 4, 5, 6}; // A = [[1, 2, 0], [0, 0, 3]] by columns
  dsk_matmul_args args = {a.data(), b.data(), 1, 2, 2, 3, 0, 1, 2, 0, 2, 1, 0};
  EXPECT_EQ(run(GetParam(), "dsk_gated_matmul_f32", args, 1), (std::vector<float>{7, 10, 15, 18}));
}

TEST_P(GatedMatmulTest, NaNPasses) {
  std::vector<float> a = {0, NAN}, b = {1, 2, 3, 4};
  dsk_matmul_args args = {a.data(), b.data(), 1, 1, 2, 2, 0, 2, 1, 0, 2, 1, 0};
  for (float y : run(GetParam(), "dsk_gated_matmul_f32", args, 1))
    EXPECT_TRUE(std::isnan(y));
}

DS_KERNEL_TESTS(GatedMatmulTest);
} // namespace
