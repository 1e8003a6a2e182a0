// dsk_depthwise_conv2d_f32: a vector is W channels; up to eight neighbouring output pixels are accumulated together, so
// that each weight, and with stride 1 each input, is loaded once for all of them. Tiles are pieces of output rows.
#include "runtime/kernels/cpu/Gemm.h"
#include "runtime/kernels/cpu/Windows.h"

namespace dsk {
namespace {

constexpr int kPixels = 8;
constexpr int64_t kTileFloats = 4096; // 16 KB: the tile stays in L1 until the epilogue has read it

// A run of output pixels in one row: x is the input of tap (0, 0) of the first pixel, which is column iw.
struct Run {
  const dsk_conv_args &g;
  const float *x;
  int64_t iw;
  Taps rows;
  float *out;
  int64_t ld;
};

// P pixels, a square kernel of K, no dilation, at least W channels. Edge: some taps lie beside the image. The last
// vector of channels overlaps the one before if they do not divide.
template <int K, int S, int P, bool Edge> __attribute__((noinline)) void square(const Run &run) {
  // In locals: the stores of floats might change anything else.
  const int64_t channels = run.g.c, width = run.g.wd, iw = run.iw, ld = run.ld, taps = run.rows.last - run.rows.first;
  const int64_t rowStep = run.g.dilation_h * width * channels;
  const float *x0 = run.x + run.rows.first * rowStep, *w0 = run.g.w + run.rows.first * K * channels;
  float *out = run.out;
  for (int64_t c0 = 0; c0 < channels; c0 += W) {
    int64_t c = min(c0, channels - W);
    const float *x = x0 + c, *w = w0 + c;
    Vec acc[P];
#pragma unroll
    for (int p = 0; p < P; ++p)
      acc[p] = Vec(0.0f);
    for (int64_t kh = 0; kh < taps; ++kh, x += rowStep, w += K * channels) {
      Vec weight[K];
#pragma unroll
      for (int kw = 0; kw < K; ++kw)
        weight[kw] = load(w + kw * channels);
#pragma unroll
      for (int t = 0; t < (P - 1) * S + K; ++t) {
        Vec e = Edge && uint64_t(iw + t) >= uint64_t(width) ? Vec(0.0f) : load(x + t * channels);
#pragma unroll
        for (int p = 0; p < P; ++p)
          if (t - p * S >= 0 && t - p * S < K)
            acc[p] = fma(e, weight[t - p * S], acc[p]);
      }
    }
#pragma unroll
    for (int p = 0; p < P; ++p)
      store(out + p * ld + c, acc[p]);
  }
}

// One pixel, any kernel.
void anyPixel(const Run &run) {
  const dsk_conv_args &g = run.g;
  Taps cols = validTaps(run.iw, g.dilation_w, g.kw, 0, g.wd);
  for (int64_t c = 0; c < g.c; c += W) {
    Mask mask = firstLanes(g.c - c);
    Vec acc = Vec(0.0f);
    for (int64_t kh = run.rows.first; kh < run.rows.last; ++kh)
      for (int64_t kw = cols.first; kw < cols.last; ++kw)
        acc = fma(load(run.x + (kh * g.dilation_h * g.wd + kw * g.dilation_w) * g.c + c, mask),
                  load(g.w + (kh * g.kw + kw) * g.c + c, mask), acc);
    store(run.out + c, acc);
  }
}

typedef void (*RunFn)(const Run &);
struct RunTable {
  RunFn fn[kPixels][2]; // by pixels - 1 and whether at an edge
};
template <int K, int S, size_t... P> constexpr RunTable makeRunTable(std::index_sequence<P...>) {
  return {{{square<K, S, int(P) + 1, false>, square<K, S, int(P) + 1, true>}...}};
}
template <int K, int S> inline constexpr RunTable kRuns = makeRunTable<K, S>(std::make_index_sequence<kPixels>());

const RunTable *findRuns(const dsk_conv_args &g) {
  if (g.kh != g.kw || g.stride_h != g.stride_w || g.dilation_w != 1 || g.c < W)
    return nullptr;
  switch (g.kw * 10 + g.stride_w) {
  case 31:
    return &kRuns<3, 1>;
  case 32:
    return &kRuns<3, 2>;
  case 51:
    return &kRuns<5, 1>;
  case 52:
    return &kRuns<5, 2>;
  case 71:
    return &kRuns<7, 1>;
  }
  return nullptr;
}

struct DepthwiseJob {
  ds_exec *exec;
  const dsk_conv_args *args;
  dsk_epilogue epilogue;
  void *closure;
  const RunTable *runs;          // NULL: pixel by pixel
  int64_t ld, segment, segments; // floats per tile row; output pixels per tile; tiles per output row
};

// Output pixels [ow0, ow1) of row oh of an image.
void rowOfPixels(const DepthwiseJob &job, const float *image, int64_t oh, int64_t ow0, int64_t ow1, float *out) {
  const dsk_conv_args &g = *job.args;
  int64_t ih = oh * g.stride_h - g.pad_top, pixels = ow1 - ow0;
  Taps rows = validTaps(ih, g.dilation_h, g.kh, 0, g.h);
  int64_t runs = job.runs ? ceilDiv(pixels, kPixels) : pixels;
  for (int64_t r = 0; r < runs; ++r) {
    int64_t first = evenPart(pixels, runs, r), count = evenPart(pixels, runs, r + 1) - first;
    int64_t iw = (ow0 + first) * g.stride_w - g.pad_left;
    Run run = {g, image + (ih * g.wd + iw) * g.c, iw, rows, out + first * job.ld, job.ld};
    bool edge = iw < 0 || iw + (count - 1) * g.stride_w + g.kw > g.wd;
    if (job.runs)
      job.runs->fn[count - 1][edge](run);
    else
      anyPixel(run);
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
    rowOfPixels(job, g.x + row / g.oh * g.h * g.wd * g.c, oh, ow0, ow1, tile);
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
  DepthwiseJob job = {exec, args, epilogue, closure, findRuns(g), ld, ceilDiv(g.ow, segments), segments};
  int64_t work = job.segment * g.c * g.kh * g.kw;
  exec->services->parallel_for(exec, depthwiseTasks, &job, g.n * g.oh * segments, 1 + kSmallProblem / max(1, work));
}
