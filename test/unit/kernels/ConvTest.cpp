// dsk_conv2d_f32 and dsk_depthwise_conv2d_f32 against the seven loops in double.
#include "KernelTest.h"

using namespace ds::test;

namespace {
class ConvTest : public KernelTest {};

struct Conv {
  int64_t n, h, w, c, o, groups, k, stride, pad, dilation;
  int64_t outputs(int64_t size) const { return (size + 2 * pad - dilation * (k - 1) - 1) / stride + 1; }
};

// weights[o][kh][kw][c/groups]
std::vector<double> reference(const Conv &s, const std::vector<float> &x, const std::vector<float> &w) {
  std::vector<double> out;
  int64_t cg = s.c / s.groups, og = s.o / s.groups;
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t oh = 0; oh < s.outputs(s.h); ++oh)
      for (int64_t ow = 0; ow < s.outputs(s.w); ++ow)
        for (int64_t o = 0; o < s.o; ++o) {
          double sum = 0;
          for (int64_t kh = 0; kh < s.k; ++kh)
            for (int64_t kw = 0; kw < s.k; ++kw) {
              int64_t ih = oh * s.stride - s.pad + kh * s.dilation, iw = ow * s.stride - s.pad + kw * s.dilation;
              if (ih < 0 || ih >= s.h || iw < 0 || iw >= s.w)
                continue;
              for (int64_t c = 0; c < cg; ++c)
                sum += double(x[((n * s.h + ih) * s.w + iw) * s.c + o / og * cg + c]) *
                       w[((o * s.k + kh) * s.k + kw) * cg + c];
            }
          out.push_back(sum);
        }
  return out;
}

void runConv(const std::string &isa, const Conv &s, bool depthwise) {
  SCOPED_TRACE(testing::Message() << s.n << "x" << s.h << "x" << s.w << "x" << s.c << " -> " << s.o << " groups "
                                  << s.groups << " kernel " << s.k << " stride " << s.stride << " pad " << s.pad
                                  << " dilation " << s.dilation);
  auto *conv = kernel<decltype(dsk_conv2d_f32)>(isa, depthwise ? "dsk_depthwise_conv2d_f32" : "dsk_conv2d_f32");
  int64_t depth = s.k * s.k * s.c / s.groups, og = s.o / s.groups;
  auto x = randomFloats(s.n * s.h * s.w * s.c, 3), w = randomFloats(s.o * depth, 4);
  std::vector<float> packed;
  for (int64_t g = 0; g < s.groups && !depthwise; ++g) {
    auto one = packPanels(w.data() + g * og * depth, depth, og, 1, depth);
    packed.insert(packed.end(), one.begin(), one.end());
  }
  for (int64_t tap = 0; tap < s.k * s.k && depthwise; ++tap)
    for (int64_t c = 0; c < s.c; ++c)
      packed.push_back(w[c * s.k * s.k + tap]);
  dsk_conv_args args = {x.data(),       packed.data(),  s.n, s.h, s.w,      s.c,      s.o,   s.groups,
                        s.outputs(s.h), s.outputs(s.w), s.k, s.k, s.stride, s.stride, s.pad, s.pad,
                        s.dilation,     s.dilation};
  const std::vector<double> expected = reference(s, x, w);
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    FakeExec exec(threads);
    Collector c(1, s.n * args.oh * args.ow, s.o);
    conv(&exec, &args, Collector::epilogue, &c);
    ASSERT_EQ(exec.status, DS_OK);
    c.check(expected, 1e-5 * std::sqrt(double(depth)));
    if (first.empty())
      first = c.out;
    ASSERT_EQ(first, c.out) << "the result depends on the number of threads";
  }
}

TEST_P(ConvTest, Dense) {
  for (Conv s : {Conv{1, 8, 9, 3, 5, 1, 3, 1, 1, 1},
                 {2, 7, 7, 16, 33, 1, 1, 1, 0, 1},
                 {1, 9, 11, 20, 17, 1, 1, 2, 0, 1},
                 {1, 20, 23, 3, 64, 1, 7, 2, 3, 1},
                 {2, 6, 6, 40, 24, 1, 3, 2, 1, 1},
                 {1, 12, 9, 5, 6, 1, 3, 1, 2, 2},
                 {1, 5, 5, 48, 16, 1, 5, 1, 2, 1},
                 {1, 3, 3, 2, 2, 1, 3, 3, 3, 1},
                 {1, 14, 14, 64, 70, 1, 3, 1, 1, 1}})
    runConv(GetParam(), s, false);
}

TEST_P(ConvTest, Groups) {
  for (Conv s : {Conv{1, 6, 7, 8, 12, 2, 3, 1, 1, 1}, {2, 5, 5, 6, 6, 6, 3, 2, 1, 1}, {1, 6, 6, 64, 68, 4, 1, 1, 0, 1}})
    runConv(GetParam(), s, false);
}

TEST_P(ConvTest, Depthwise) {
  for (int64_t c : {1, 7, 8, 16, 19, 32, 100})
    for (Conv s : {Conv{1, 14, 14, c, c, c, 3, 1, 1, 1},
                   {2, 9, 17, c, c, c, 3, 2, 1, 1},
                   {1, 7, 8, c, c, c, 5, 1, 2, 1},
                   {1, 13, 13, c, c, c, 5, 2, 2, 1},
                   {1, 12, 20, c, c, c, 3, 1, 2, 2},
                   {1, 1, 2, c, c, c, 5, 1, 4, 1},
                   {1, 4, 5, c, c, c, 1, 3, 2, 1},
                   {1, 6, 70, c, c, c, 3, 1, 0, 1}})
      runConv(GetParam(), s, true);
}

DS_KERNEL_TESTS(ConvTest);
} // namespace
