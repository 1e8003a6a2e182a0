// dsk_matmul_f32 against sums in double: every path (few rows, blocked, packed or not), odd sizes, all strides.
#include "KernelTest.h"

using namespace ds::test;

namespace {
class MatmulTest : public KernelTest {};

struct Shape {
  int64_t batch, m, n, k;
};
enum Order { RowMajor, ColumnMajor, Strided };

struct Matrix {
  int64_t rows, cols, batchStride, row, col;
  std::vector<float> data;
  Matrix(int64_t batch, int64_t rows, int64_t cols, Order order, unsigned seed) : rows(rows), cols(cols) {
    int64_t gap = order == Strided ? 2 : 1;
    row = order == ColumnMajor ? gap : cols * gap;
    col = order == ColumnMajor ? rows * gap : gap;
    batchStride = rows * cols * gap;
    data = randomFloats(std::max<int64_t>(1, batch * batchStride), seed);
  }
  float at(int64_t b, int64_t i, int64_t j) const { return data[b * batchStride + i * row + j * col]; }
};

std::vector<double> reference(const Shape &s, const Matrix &a, const Matrix &b) {
  std::vector<double> c;
  for (int64_t p = 0; p < s.batch; ++p)
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < s.k; ++k)
          sum += double(a.at(p, i, k)) * b.at(p, k, j);
        c.push_back(sum);
      }
  return c;
}

void runMatmul(const std::string &isa, const Shape &s, Order orderA, Order orderB, bool packed) {
  SCOPED_TRACE(testing::Message() << s.batch << "x" << s.m << "x" << s.n << "x" << s.k << " orders " << orderA << orderB
                                  << " packed " << packed);
  auto *matmul = kernel<decltype(dsk_matmul_f32)>(isa, "dsk_matmul_f32");
  Matrix a(s.batch, s.m, s.k, orderA, 1), b(s.batch, s.k, s.n, orderB, 2);
  std::vector<float> panels;
  dsk_matmul_args args = {a.data.data(), b.data.data(), s.batch,       s.m,   s.n,   s.k,   a.batchStride,
                          a.row,         a.col,         b.batchStride, b.row, b.col, packed};
  if (packed) {
    for (int64_t p = 0; p < s.batch; ++p) {
      auto one = packPanels(b.data.data() + p * b.batchStride, s.k, s.n, b.row, b.col);
      args.b_batch = one.size();
      panels.insert(panels.end(), one.begin(), one.end());
    }
    args.b = panels.data();
  }
  const std::vector<double> expected = reference(s, a, b);
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    FakeExec exec(threads);
    Collector c(s.batch, s.m, s.n);
    matmul(&exec, &args, Collector::epilogue, &c);
    ASSERT_EQ(exec.status, DS_OK);
    c.check(expected, 1e-5 * std::sqrt(double(s.k) + 1));
    if (first.empty())
      first = c.out;
    ASSERT_EQ(first, c.out) << "the result depends on the number of threads";
    if (testing::Test::HasFatalFailure())
      return;
  }
}

TEST_P(MatmulTest, PackedB) {
  for (int64_t m : {1, 2, 3, 5, 7, 8, 13, 14, 15, 29, 57, 190})
    for (int64_t n : {1, 15, 16, 17, 33, 96, 161})
      for (int64_t k : {0, 1, 3, 63, 321})
        runMatmul(GetParam(), {1, m, n, k}, RowMajor, RowMajor, true);
}

TEST_P(MatmulTest, Strides) {
  for (Order a : {RowMajor, ColumnMajor, Strided})
    for (Order b : {RowMajor, ColumnMajor, Strided})
      for (bool packed : {false, true})
        for (Shape s : {Shape{2, 1, 65, 37}, {3, 4, 16, 16}, {2, 17, 23, 9}, {1, 31, 100, 333}, {3, 40, 64, 64}})
          runMatmul(GetParam(), s, a, b, packed);
}

TEST_P(MatmulTest, ManyBlocks) {
  runMatmul(GetParam(), {1, 200, 600, 700}, RowMajor, RowMajor, true);
  runMatmul(GetParam(), {1, 200, 600, 330}, RowMajor, ColumnMajor, false);
}

TEST_P(MatmulTest, NothingToDo) {
  runMatmul(GetParam(), {1, 0, 5, 5}, RowMajor, RowMajor, true);
  runMatmul(GetParam(), {0, 3, 5, 5}, RowMajor, RowMajor, true);
  runMatmul(GetParam(), {1, 3, 0, 5}, RowMajor, RowMajor, false);
}

DS_KERNEL_TESTS(MatmulTest);
} // namespace
