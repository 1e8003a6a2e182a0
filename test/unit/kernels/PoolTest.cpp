// dsk_pool2d_f32 against plain loops.
#include "KernelTest.h"

using namespace ds::test;

namespace {
class PoolTest : public KernelTest {};

float expected(const dsk_pool_args &g, int64_t n, int64_t oh, int64_t ow, int64_t c) {
  double sum = 0, top = -INFINITY;
  int64_t inside = 0, padded = 0;
  for (int64_t kh = 0; kh < g.kh; ++kh)
    for (int64_t kw = 0; kw < g.kw; ++kw) {
      int64_t ih = oh * g.stride_h - g.pad_top + kh * g.dilation_h,
              iw = ow * g.stride_w - g.pad_left + kw * g.dilation_w;
      padded += ih < g.h + g.pad_bottom && iw < g.wd + g.pad_right;
      if (ih < 0 || ih >= g.h || iw < 0 || iw >= g.wd)
        continue;
      ++inside;
      double e = g.x[((n * g.h + ih) * g.wd + iw) * g.c + c];
      sum += e;
      top = std::max(top, e);
    }
  return g.maximum ? top : sum / (g.count_include_pad ? padded : inside);
}

void runPool(const std::string &isa, dsk_pool_args g) {
  SCOPED_TRACE(testing::Message() << g.h << "x" << g.wd << "x" << g.c << " kernel " << g.kh << "x" << g.kw << " max "
                                  << g.maximum);
  auto *pool = kernel<decltype(dsk_pool2d_f32)>(isa, "dsk_pool2d_f32");
  auto x = randomFloats(g.n * g.h * g.wd * g.c, 9, -2, -1);
  std::vector<float> out(g.n * g.oh * g.ow * g.c, NAN);
  g.x = x.data(), g.out = out.data();
  for (int threads : {1, 3}) {
    FakeExec exec(threads);
    pool(&exec, &g);
    for (size_t i = 0; i < out.size(); ++i) {
      int64_t p = i / g.c;
      ASSERT_NEAR(out[i], expected(g, p / g.ow / g.oh, p / g.ow % g.oh, p % g.ow, i % g.c), 1e-5) << "element " << i;
    }
  }
}

TEST_P(PoolTest, WindowsAndPads) {
  for (int64_t c : {1, 8, 21, 64, 70})
    for (int maximum : {0, 1})
      for (int includePad : {0, 1}) {
        auto args = [&](int64_t size, int64_t k, int64_t stride, int64_t pad, int64_t padEnd, int64_t dilation) {
          int64_t o = (size + pad + padEnd - dilation * (k - 1) - 1) / stride + 1, o2 = o + 1;
          dsk_pool_args g = {nullptr, nullptr, 2,        size,     size + stride, c,         o,
                             o2,      k,       k,        stride,   stride,        pad,       pad,
                             padEnd,  padEnd,  dilation, dilation, maximum,       includePad};
          runPool(GetParam(), g);
        };
        args(9, 3, 2, 1, 1, 1);
        args(8, 2, 2, 0, 0, 1);
        args(7, 7, 1, 0, 0, 1);
        args(10, 3, 1, 1, 2, 1);
        args(10, 3, 1, 1, 1, 2);
      }
}

TEST_P(PoolTest, CeilModeWindowsBeyondThePadding) {
  // 5 wide, kernel 2, stride 2, ceil mode: the last window sticks out; only what the padded image holds counts.
  runPool(GetParam(), {nullptr, nullptr, 1, 5, 5, 3, 3, 3, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 0, 1});
}

DS_KERNEL_TESTS(PoolTest);
} // namespace
