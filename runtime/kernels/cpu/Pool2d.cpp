// dsk_pool2d_f32: a few vectors of channels of one output pixel at a time.
#include "runtime/kernels/cpu/Windows.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

constexpr int64_t kGrain = 16384; // elements read that are worth a task

template <int V, bool Max>
DSK_INLINE void window(const dsk_pool_args &g, const float *x, Taps rows, Taps cols, float scale, float *out,
                       Mask mask) {
  Vec acc[V];
#pragma unroll
  for (int v = 0; v < V; ++v)
    acc[v] = Vec(Max ? -__builtin_inff() : 0.0f);
  for (int64_t kh = rows.first; kh < rows.last; ++kh)
    for (int64_t kw = cols.first; kw < cols.last; ++kw) {
      const float *at = x + (kh * g.dilation_h * g.wd + kw * g.dilation_w) * g.c;
#pragma unroll
      for (int v = 0; v < V; ++v) {
        Vec e = V == 1 ? load(at, mask) : load(at + v * W);
        acc[v] = Max ? max(e, acc[v]) : acc[v] + e;
      }
    }
#pragma unroll
  for (int v = 0; v < V; ++v) {
    Vec r = Max ? acc[v] : acc[v] * scale;
    if (V == 1)
      store(out, r, mask);
    else
      store(out + v * W, r);
  }
}

template <bool Max> void pixel(const dsk_pool_args &g, const float *x, Taps rows, Taps cols, float scale, float *out) {
  int64_t c = 0;
  for (; c + 4 * W <= g.c; c += 4 * W)
    window<4, Max>(g, x + c, rows, cols, scale, out + c, firstLanes(W));
  for (; c < g.c; c += W)
    window<1, Max>(g, x + c, rows, cols, scale, out + c, firstLanes(g.c - c));
}

// Output rows [begin, end) of n*oh.
template <bool Max> void poolRows(void *closure, int64_t begin, int64_t end, int32_t) {
  const dsk_pool_args &g = *static_cast<const dsk_pool_args *>(closure);
  for (int64_t t = begin; t < end; ++t) {
    int64_t ih = t % g.oh * g.stride_h - g.pad_top;
    Taps rows = validTaps(ih, g.dilation_h, g.kh, 0, g.h);
    Taps padded = validTaps(ih, g.dilation_h, g.kh, -g.pad_top, g.h + g.pad_bottom);
    const float *image = g.x + t / g.oh * g.h * g.wd * g.c;
    for (int64_t ow = 0; ow < g.ow; ++ow) {
      int64_t iw = ow * g.stride_w - g.pad_left;
      Taps cols = validTaps(iw, g.dilation_w, g.kw, 0, g.wd);
      Taps paddedCols = validTaps(iw, g.dilation_w, g.kw, -g.pad_left, g.wd + g.pad_right);
      int64_t count = g.count_include_pad ? (padded.last - padded.first) * (paddedCols.last - paddedCols.first)
                                          : (rows.last - rows.first) * (cols.last - cols.first);
      pixel<Max>(g, image + (ih * g.wd + iw) * g.c, rows, cols, 1.0f / float(count), g.out + (t * g.ow + ow) * g.c);
    }
  }
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_pool2d_f32(ds_exec *exec, const dsk_pool_args *args) {
  const dsk_pool_args &g = *args;
  int64_t work = g.ow * g.c * g.kh * g.kw;
  exec->services->parallel_for(exec, g.maximum ? poolRows<true> : poolRows<false>, const_cast<dsk_pool_args *>(args),
                               g.n * g.oh, 1 + kGrain / max(1, work));
}
