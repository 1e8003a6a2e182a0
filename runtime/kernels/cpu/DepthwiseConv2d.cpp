// dsk_depthwise_conv2d_f32: a vector is W channels; a few neighbouring output pixels are accumulated together, so that
// each weight is loaded once for all of them. Tiles are pieces of output rows.
#include "runtime/kernels/cpu/Gemm.h"
#include "runtime/kernels/cpu/Windows.h"

namespace dsk {
namespace {

constexpr int kPixels = 6;            // accumulators
constexpr int64_t kTileFloats = 4096; // 16 KB: the tile stays in L1 until the epilogue has read it

struct DepthwiseJob {
  ds_exec *exec;
  const dsk_conv_args *args;
  dsk_epilogue epilogue;
  void *closure;
  int64_t ld, segment, segments; // floats per tile row; output pixels per tile; tiles per output row
};

// P output pixels of W channels: x points at the input of tap (0, 0) of the first, w at the weights.
template <int P>
DSK_INLINE void pixels(const dsk_conv_args &g, const float *x, const float *w, Taps rows, Taps cols, float *out,
                       int64_t ld, Mask mask) {
  Vec acc[P];
#pragma unroll
  for (int p = 0; p < P; ++p)
    acc[p] = Vec(0.0f);
  int64_t step = g.stride_w * g.c;
  for (int64_t kh = rows.first; kh < rows.last; ++kh) {
    const float *row = x + kh * g.dilation_h * g.wd * g.c;
    for (int64_t kw = cols.first; kw < cols.last; ++kw) {
      Vec weight = load(w + (kh * g.kw + kw) * g.c, mask);
      const float *at = row + kw * g.dilation_w * g.c;
#pragma unroll
      for (int p = 0; p < P; ++p)
        acc[p] = fma(load(at + p * step, mask), weight, acc[p]);
    }
  }
#pragma unroll
  for (int p = 0; p < P; ++p)
    store(out + p * ld, acc[p]);
}

// Output pixels [ow0, ow1) of one row for W channels.
void rowOfPixels(const dsk_conv_args &g, const float *image, const float *w, int64_t oh, int64_t ow0, int64_t ow1,
                 float *out, int64_t ld, Mask mask) {
  int64_t ih = oh * g.stride_h - g.pad_top;
  Taps rows = validTaps(ih, g.dilation_h, g.kh, 0, g.h), all = {0, g.kw};
  // Pixels [inner0, inner1) read no padding in this row.
  int64_t reach = (g.kw - 1) * g.dilation_w;
  int64_t inner0 = min(ow1, max(ow0, ceilDiv(g.pad_left, g.stride_w)));
  int64_t room = g.wd - 1 - reach + g.pad_left;
  int64_t inner1 = max(inner0, min(ow1, room < 0 ? 0 : room / g.stride_w + 1));
  for (int64_t ow = ow0; ow < ow1;) {
    int64_t iw = ow * g.stride_w - g.pad_left;
    const float *x = image + (ih * g.wd + iw) * g.c;
    float *to = out + (ow - ow0) * ld;
    if (ow >= inner0 && ow + kPixels <= inner1) {
      pixels<kPixels>(g, x, w, rows, all, to, ld, mask);
      ow += kPixels;
      continue;
    }
    pixels<1>(g, x, w, rows, validTaps(iw, g.dilation_w, g.kw, 0, g.wd), to, ld, mask);
    ++ow;
  }
}

void depthwiseTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const DepthwiseJob &job = *static_cast<DepthwiseJob *>(closure);
  const dsk_conv_args &g = *job.args;
  float *tile = getFloats(job.exec, worker, job.segment * job.ld);
  if (!tile)
    return;
  for (int64_t t = begin; t < end; ++t) {
    int64_t row = t / job.segments, oh = row % g.oh;
    int64_t ow0 = evenPart(g.ow, job.segments, t % job.segments);
    int64_t ow1 = evenPart(g.ow, job.segments, t % job.segments + 1);
    const float *image = g.x + row / g.oh * g.h * g.wd * g.c;
    for (int64_t c = 0; c < g.c; c += W)
      rowOfPixels(g, image + c, g.w + c, oh, ow0, ow1, tile + c, job.ld, firstLanes(g.c - c));
    job.epilogue(job.closure, tile, job.ld, 0, row * g.ow + ow0, 0, ow1 - ow0, g.c);
  }
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_depthwise_conv2d_f32(ds_exec *exec, const dsk_conv_args *args, dsk_epilogue epilogue,
                                         void *closure) {
  const dsk_conv_args &g = *args;
  if (g.n <= 0 || g.oh <= 0 || g.ow <= 0 || g.c <= 0)
    return;
  int64_t ld = ceilDiv(g.c, kPanel) * kPanel, segments = ceilDiv(g.ow, max(kPixels, kTileFloats / ld));
  DepthwiseJob job = {exec, args, epilogue, closure, ld, ceilDiv(g.ow, segments), segments};
  int64_t work = job.segment * g.c * g.kh * g.kw;
  exec->services->parallel_for(exec, depthwiseTasks, &job, g.n * g.oh * segments, 1 + kSmallProblem / max(1, work));
}
