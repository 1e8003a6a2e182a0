// Convolution on the simulator against plain loops in double: strides, dilation, uneven padding, groups, channels that
// do and do not fill 16 bytes.
#include "runtime/kernels/cuda/Conv2d.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

struct Problem {
  int64_t n, h, w, c, o, groups, kh, kw, strideH, strideW, top, left, bottom, right, dilationH, dilationW;
};
const Problem problems[] = {
    {1, 5, 7, 8, 16, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},   // aligned
    {2, 9, 6, 3, 5, 1, 3, 2, 2, 1, 0, 2, 1, 0, 1, 2},    // nothing aligned
    {2, 8, 9, 16, 144, 2, 1, 3, 1, 2, 2, 1, 0, 1, 2, 1}, // groups, several tiles of outputs
    {3, 7, 5, 12, 9, 3, 2, 2, 1, 1, 1, 0, 1, 2, 1, 1},   // groups, nothing aligned
    {1, 4, 4, 40, 24, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1},  // pointwise
};

template <class T> void check(const char *name, int64_t tile, const Problem &p, unsigned seed) {
  int64_t oh = (p.h + p.top + p.bottom - p.dilationH * (p.kh - 1) - 1) / p.strideH + 1;
  int64_t ow = (p.w + p.left + p.right - p.dilationW * (p.kw - 1) - 1) / p.strideW + 1;
  int64_t cg = p.c / p.groups, og = p.o / p.groups, k = p.kh * p.kw * cg, row = k + (seed % 2 ? 0 : (8 - k % 8) % 8);
  SCOPED_TRACE(std::string(name) + " problem of " + std::to_string(p.h) + "x" + std::to_string(p.w) + "x" +
               std::to_string(p.c));
  Memory<T> x("x", sim::Role::input, p.n * p.h * p.w * p.c), w("w", sim::Role::input, p.o * row);
  Memory<T> bias("bias", sim::Role::input, p.o), out("out", sim::Role::output, p.n * oh * ow * p.o);
  x.random(seed), w.random(seed + 1), bias.random(seed + 2);
  // What lies beside a window must not reach its sum, not even times zero.
  for (int64_t c = 0; c < p.c; ++c)
    x[(p.h / 2 * p.w + p.w / 2) * p.c + c] = gpu::fromFloat<T>(INFINITY);
  for (int64_t i = 0; i < int64_t(w.size()); ++i)
    if (i % row >= k)
      w[i] = gpu::fromFloat<T>(NAN);
  dsk::ConvArgs<dsk::Store<T>> args{{x.data(), w.data(), p.n, p.h, p.w, p.c, p.o, p.groups, oh, ow, p.kh, p.kw,
                                     p.strideH, p.strideW, p.top, p.left, p.dilationH, p.dilationW, row},
                                    {out.data(), bias.data(), nullptr, nullptr, 0, p.o, dsk::relu}};
  std::vector<double> expected(out.size()), size(out.size());
  for (int64_t at = 0; at < int64_t(out.size()); ++at) {
    int64_t o = at % p.o, ox = at / p.o % ow, oy = at / p.o / ow % oh, n = at / p.o / ow / oh, group = o / og;
    double sum = bias.at(o);
    for (int64_t r = 0; r < p.kh; ++r)
      for (int64_t s = 0; s < p.kw; ++s) {
        int64_t y = oy * p.strideH - p.top + r * p.dilationH, xx = ox * p.strideW - p.left + s * p.dilationW;
        if (y < 0 || y >= p.h || xx < 0 || xx >= p.w)
          continue;
        for (int64_t c = 0; c < cg; ++c) {
          double v = multiplicand(x[((n * p.h + y) * p.w + xx) * p.c + group * cg + c]) *
                     multiplicand(w[o * row + (r * p.kw + s) * cg + c]);
          sum += v, size[at] += std::abs(v);
        }
      }
    expected[at] = sum < 0 ? 0 : sum;
  }
  uint32_t blocks = uint32_t((p.n * oh * ow + tile - 1) / tile * ((og + 63) / 64));
  runOnSim(
      "Conv2d", name, {blocks, 1, uint32_t(p.groups)}, args, seed, [&] { out.poison(); },
      [&] {
        for (size_t at = 0; at < out.size(); ++at)
          if (!std::isfinite(expected[at]))
            ASSERT_FALSE(std::isfinite(out.at(at)) || out.poisoned(at)) << at;
          else
            ASSERT_NEAR(out.at(at), expected[at], 1.01 * roundingOf<T> * std::abs(expected[at]) + 3e-7 * (size[at] + 2))
                << at;
      });
}

template <class T> void checkAll(const char *name, int64_t tile) {
  unsigned seed = 1;
  for (const Problem &p : problems) {
    check<T>(name, tile, p, seed++);
    if (::testing::Test::HasFatalFailure())
      return;
  }
}

TEST(Conv2d, Bf16Large) { checkAll<bf16>("conv2d_bf16_128", 128); }
TEST(Conv2d, F16Large) { checkAll<f16>("conv2d_f16_128", 128); }
TEST(Conv2d, Bf16) { checkAll<bf16>("conv2d_bf16_64", 64); }
TEST(Conv2d, F16) { checkAll<f16>("conv2d_f16_64", 64); }
TEST(Conv2d, Tf32) { checkAll<tf32>("conv2d_tf32_64", 64); }
TEST(Conv2d, F32) { checkAll<float>("conv2d_f32_64", 64); }

} // namespace
} // namespace ds::test
