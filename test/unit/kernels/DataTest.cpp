// The kernels that move, order or scan elements of any type.
#include "KernelTest.h"
#include <algorithm>
#include <numeric>

using namespace ds::test;

namespace {
class DataTest : public KernelTest {};

template <typename T> void runTranspose(const std::string &isa) {
  auto *transpose = kernel<decltype(dsk_transpose)>(isa, "dsk_transpose");
  for (int64_t batch : {1, 3})
    for (int64_t m : {1, 7, 16, 65, 130})
      for (int64_t n : {1, 5, 8, 64, 99}) {
        std::vector<T> x(batch * m * n), out(x.size());
        std::iota(x.begin(), x.end(), T(1));
        dsk_transpose_args g = {x.data(), out.data(), batch, m, n, sizeof(T)};
        FakeExec exec(2);
        transpose(&exec, &g);
        for (size_t i = 0; i < out.size(); ++i) {
          int64_t b = i / (m * n), j = i / m % n;
          ASSERT_EQ(out[i], x[b * m * n + i % m * n + j]) << batch << "x" << m << "x" << n;
        }
      }
}

TEST_P(DataTest, Transpose) {
  runTranspose<uint8_t>(GetParam());
  runTranspose<uint16_t>(GetParam());
  runTranspose<int32_t>(GetParam());
  runTranspose<uint64_t>(GetParam());
}

template <typename T> bool before(T a, T b, bool largest) {
  if ((a != a) != (b != b))
    return (a != a) == largest;
  return largest ? a > b : a < b;
}

template <typename T>
void runTopK(const std::string &isa, int64_t type, const std::vector<T> &x, int64_t n, bool largest) {
  auto *topK = kernel<decltype(dsk_top_k)>(isa, "dsk_top_k");
  int64_t rows = x.size() / n;
  for (int64_t k : {int64_t(0), int64_t(1), n / 2, n}) {
    std::vector<T> values(rows * k);
    std::vector<int64_t> indices(rows * k);
    dsk_top_k_args g = {x.data(), values.data(), indices.data(), type, rows, n, k, largest};
    FakeExec exec(2);
    topK(&exec, &g);
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<int64_t> order(n);
      std::iota(order.begin(), order.end(), 0);
      const T *row = x.data() + r * n;
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return before(row[a], row[b], largest) || (!before(row[b], row[a], largest) && a < b);
      });
      for (int64_t i = 0; i < k; ++i)
        ASSERT_EQ(indices[r * k + i], order[i]) << "row " << r << " place " << i << " of " << k;
    }
  }
}

TEST_P(DataTest, TopK) {
  std::vector<float> floats = randomFloats(5 * 100, 10);
  for (size_t i = 0; i < floats.size(); i += 7)
    floats[i] = i % 2 ? NAN : std::round(floats[i]);
  std::vector<int64_t> ints;
  for (float f : randomFloats(3 * 40, 11, -9, 9))
    ints.push_back(int64_t(f));
  for (bool largest : {false, true}) {
    runTopK<float>(GetParam(), DS_F32, floats, 100, largest);
    runTopK<int64_t>(GetParam(), DS_I64, ints, 40, largest);
    runTopK<uint8_t>(GetParam(), DS_U8, std::vector<uint8_t>{200, 3, 3, 100, 0, 200, 7, 7, 7, 1}, 5, largest);
  }
}

TEST_P(DataTest, Scan) {
  auto *scan = kernel<decltype(dsk_scan)>(GetParam(), "dsk_scan");
  auto run = [&](std::vector<int32_t> x, int product, int exclusive, int reverse) {
    dsk_scan_args g = {x.data(), x.data(), DS_I32, 2, int64_t(x.size()) / 2, product, exclusive, reverse};
    FakeExec exec(2);
    scan(&exec, &g);
    return x;
  };
  const std::vector<int32_t> x = {1, 2, 3, 4, 5, INT32_MAX};
  EXPECT_EQ(run(x, 0, 0, 0), (std::vector<int32_t>{1, 3, 6, 4, 9, INT32_MIN + 8}));
  EXPECT_EQ(run(x, 0, 1, 0), (std::vector<int32_t>{0, 1, 3, 0, 4, 9}));
  EXPECT_EQ(run(x, 1, 0, 1), (std::vector<int32_t>{6, 6, 3, -20, INT32_MAX - 4, INT32_MAX}));
  EXPECT_EQ(run(x, 0, 1, 1), (std::vector<int32_t>{5, 3, 0, INT32_MIN + 4, INT32_MAX, 0}));
}

TEST_P(DataTest, HalfTypes) {
  auto *scan = kernel<decltype(dsk_scan)>(GetParam(), "dsk_scan");
  FakeExec exec(1);
  std::vector<uint16_t> half = {0x3C00, 0x4000, 0xC500}; // 1, 2, -5
  dsk_scan_args g = {half.data(), half.data(), DS_F16, 1, 3, 0, 0, 0};
  scan(&exec, &g);
  EXPECT_EQ(half, (std::vector<uint16_t>{0x3C00, 0x4200, 0xC000})); // 1, 3, -2
  std::vector<uint16_t> bf = {0x3F80, 0x4000, 0xC0A0};
  g.x = bf.data(), g.out = bf.data(), g.type = DS_BF16;
  scan(&exec, &g);
  EXPECT_EQ(bf, (std::vector<uint16_t>{0x3F80, 0x4040, 0xC000}));
}

TEST_P(DataTest, Scatter) {
  auto *scatter = kernel<decltype(dsk_scatter)>(GetParam(), "dsk_scatter");
  const std::vector<float> x = {1, 2, 3, 4, 5, 6}; // [3, 2]
  const std::vector<float> updates = {10, 20, 30, 40};
  auto run = [&](int64_t kind, std::vector<int64_t> indices, int32_t status = DS_OK) {
    std::vector<float> out(x.size());
    int64_t dims[] = {3};
    dsk_scatter_args g = {x.data(), indices.data(), updates.data(), out.data(), dims, DS_F32, DS_I64, 1, 2, 2, kind, 0};
    FakeExec exec(1);
    scatter(&exec, &g);
    EXPECT_EQ(exec.status, status);
    return out;
  };
  EXPECT_EQ(run(DSK_SCATTER_SET, {0, -1}), (std::vector<float>{10, 20, 3, 4, 30, 40}));
  EXPECT_EQ(run(DSK_SCATTER_ADD, {1, 1}), (std::vector<float>{1, 2, 43, 64, 5, 6}));
  EXPECT_EQ(run(DSK_SCATTER_MUL, {0, 2}), (std::vector<float>{10, 40, 3, 4, 150, 240}));
  EXPECT_EQ(run(DSK_SCATTER_MAX, {0, 0}), (std::vector<float>{30, 40, 3, 4, 5, 6}));
  EXPECT_EQ(run(DSK_SCATTER_MIN, {0, 2}), x);
  EXPECT_EQ(run(DSK_SCATTER_SET, {3, 0}, DS_E_INDEX), (std::vector<float>{30, 40, 3, 4, 5, 6}));
}

TEST_P(DataTest, NonZero) {
  auto *count = kernel<decltype(dsk_count_non_zero)>(GetParam(), "dsk_count_non_zero");
  auto *nonZero = kernel<decltype(dsk_non_zero)>(GetParam(), "dsk_non_zero");
  const std::vector<float> x = {0, 1, -0.0f, NAN, 2, 0};
  int64_t dims[] = {2, 3}, out[6];
  dsk_non_zero_args g = {x.data(), out, dims, DS_F32, 2, 0};
  FakeExec exec(1);
  g.non_zeros = count(&exec, &g);
  ASSERT_EQ(g.non_zeros, 3);
  nonZero(&exec, &g);
  EXPECT_EQ(std::vector<int64_t>(out, out + 6), (std::vector<int64_t>{0, 1, 1, 1, 0, 1}));
}

DS_KERNEL_TESTS(DataTest);
} // namespace
