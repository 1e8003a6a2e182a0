// dsk_conv2d_f32: an implicit product of [n*oh*ow, kh*kw*c/groups] and the weights; the rows of A are cut out of the
// image block by block. Channels last make a window's row one contiguous run of kw*c numbers.
#include "runtime/kernels/cpu/Direct.h"
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

// The part [k0, k0+depth) of one window: windowRow numbers per kh, of which runs of `run` numbers are contiguous in x.
struct WindowCopy {
  const dsk_conv_args &g;
  int64_t channels; // per group
  int64_t group;
  bool merged; // kw and c are one run

  // Whether the window lies inside the image and whole vectors may be read from its rows.
  bool inside(int64_t img, int64_t ih0, int64_t iw0) const {
    int64_t lastRow = ih0 + (g.kh - 1) * g.dilation_h;
    if (!merged || ih0 < 0 || iw0 < 0 || lastRow >= g.h || iw0 + g.kw > g.wd)
      return false;
    return ((img * g.h + lastRow) * g.wd + iw0 + g.kw) * g.c + W <= g.n * g.h * g.wd * g.c;
  }

  // For such windows. Writes up to W - 1 numbers too many, which the next row or the room behind the block takes.
  void runInside(float *dst, int64_t img, int64_t ih0, int64_t iw0, int64_t k0, int64_t depth) const {
    int64_t perRow = g.kw * channels, rowStep = g.dilation_h * g.wd * g.c, kh = k0 / perRow, skip = k0 - kh * perRow;
    const float *row = g.x + ((img * g.h + ih0) * g.wd + iw0) * g.c + kh * rowStep;
    for (int64_t left = depth; left > 0; skip = 0, row += rowStep) {
      int64_t n = min(left, perRow - skip);
      for (int64_t i = 0; i < n; i += W)
        store(dst + i, load(row + skip + i));
      dst += n;
      left -= n;
    }
  }

  void run(float *dst, int64_t img, int64_t ih0, int64_t iw0, int64_t k0, int64_t depth) const {
    int64_t perRow = g.kw * channels, end = k0 + depth;
    for (int64_t kh = k0 / perRow; kh * perRow < end; ++kh) {
      int64_t from = max(k0, kh * perRow), to = min(end, (kh + 1) * perRow), ih = ih0 + kh * g.dilation_h;
      float *out = dst + (from - k0);
      if (uint64_t(ih) >= uint64_t(g.h)) {
        zeroFloats(out, to - from);
        continue;
      }
      const float *row = g.x + (img * g.h + ih) * g.wd * g.c + group * channels;
      if (merged)
        mergedRow(out, row, iw0, from - kh * perRow, to - kh * perRow);
      else
        pixels(out, row, iw0, from - kh * perRow, to - kh * perRow);
    }
  }

  // Positions [from, to) of the kw*c run that starts at pixel iw0, zero where the run leaves the image.
  void mergedRow(float *out, const float *row, int64_t iw0, int64_t from, int64_t to) const {
    int64_t first = min(to, max(from, -iw0 * channels)), last = max(first, min(to, (g.wd - iw0) * channels));
    if (first > from)
      zeroFloats(out, first - from);
    copyFloats(out + (first - from), row + iw0 * channels + first, last - first);
    if (last < to)
      zeroFloats(out + (last - from), to - last);
  }

  void pixels(float *out, const float *row, int64_t iw0, int64_t from, int64_t to) const {
    for (int64_t kw = from / channels; kw * channels < to; ++kw) {
      int64_t first = max(from, kw * channels), last = min(to, (kw + 1) * channels), iw = iw0 + kw * g.dilation_w;
      if (uint64_t(iw) >= uint64_t(g.wd))
        zeroFloats(out + (first - from), last - first);
      else
        copyFloats(out + (first - from), row + iw * g.c + (first - kw * channels), last - first);
    }
  }
};

void packWindows(const void *source, float *dst, int64_t group, int64_t i0, int64_t m, int64_t k0, int64_t depth) {
  const dsk_conv_args &g = *static_cast<const dsk_conv_args *>(source);
  WindowCopy copy = {g, g.c / g.groups, group, g.groups == 1 && g.dilation_w == 1};
  int64_t ow = i0 % g.ow, oh = i0 / g.ow % g.oh, img = i0 / g.ow / g.oh;
  for (int64_t i = 0; i < m; ++i, dst += kBlockLd) {
    int64_t ih0 = oh * g.stride_h - g.pad_top, iw0 = ow * g.stride_w - g.pad_left;
    if (copy.inside(img, ih0, iw0))
      copy.runInside(dst, img, ih0, iw0, k0, depth);
    else
      copy.run(dst, img, ih0, iw0, k0, depth);
    if (++ow < g.ow)
      continue;
    ow = 0;
    if (++oh < g.oh)
      continue;
    oh = 0;
    ++img;
  }
}

// Neighbouring windows of an output row overlap: the rows of the image under a tile of them are copied once, with the
// padding, and windows are read from there at a stride.
struct DirectJob {
  ds_exec *exec;
  const dsk_conv_args *args;
  dsk_epilogue epilogue;
  void *closure;
  int64_t tiles; // per output row
  int64_t room;  // floats of one copied row
};

bool directFits(ds_exec *exec, const dsk_conv_args &g) {
  return g.groups == 1 && g.dilation_w == 1 && g.stride_w * g.c * sizeof(float) % 4096 != 0 &&
         directPays(exec, g.n * g.oh * ceilDiv(g.ow, kTileRows), g.kh * g.kw * g.c, g.o);
}

// Row ih of the image, columns [iw, iw + pixels); zero outside of it.
void copyRow(const dsk_conv_args &g, float *dst, int64_t img, int64_t ih, int64_t iw, int64_t pixels) {
  if (uint64_t(ih) >= uint64_t(g.h))
    return zeroFloats(dst, pixels * g.c);
  int64_t first = max(0, min(pixels, -iw)), last = max(first, min(pixels, g.wd - iw));
  zeroFloats(dst, first * g.c);
  copyFloats(dst + first * g.c, g.x + ((img * g.h + ih) * g.wd + iw + first) * g.c, (last - first) * g.c);
  zeroFloats(dst + last * g.c, (pixels - last) * g.c);
}

void directTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const DirectJob &job = *static_cast<DirectJob *>(closure);
  const dsk_conv_args &g = *job.args;
  float *rows = getFloats(job.exec, worker, g.kh * job.room);
  if (!rows)
    return;
  for (int64_t t = begin; t < end; ++t) {
    int64_t row = t / job.tiles, img = row / g.oh, oh = row % g.oh;
    int64_t ow = evenPart(g.ow, job.tiles, t % job.tiles), count = evenPart(g.ow, job.tiles, t % job.tiles + 1) - ow;
    int64_t ih = oh * g.stride_h - g.pad_top, iw = ow * g.stride_w - g.pad_left;
    for (int64_t kh = 0; kh < g.kh; ++kh)
      copyRow(g, rows + kh * job.room, img, ih + kh * g.dilation_h, iw, (count - 1) * g.stride_w + g.kw);
    SegmentedRows a = {rows, g.stride_w * g.c, g.kh, job.room, g.kw * g.c, g.w, 0};
    directRows(a, g.w, g.o, count, job.epilogue, job.closure, 0, row * g.ow + ow);
  }
}

void runDirect(ds_exec *exec, const dsk_conv_args &g, dsk_epilogue epilogue, void *closure) {
  int64_t tiles = ceilDiv(g.ow, kTileRows), pixels = (ceilDiv(g.ow, tiles) - 1) * g.stride_w + g.kw;
  DirectJob job = {exec, &g, epilogue, closure, tiles, ceilDiv(pixels * g.c, kPanel) * kPanel + kPanel};
  int64_t grain = 1 + kSmallProblem / (1 + kTileRows * g.o * g.kh * g.kw * g.c);
  exec->services->parallel_for(exec, directTasks, &job, g.n * g.oh * tiles, grain);
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_conv2d_f32(ds_exec *exec, const dsk_conv_args *args, dsk_epilogue epilogue, void *closure) {
  const dsk_conv_args &g = *args;
  bool pointwise = g.kh == 1 && g.kw == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
                   g.oh == g.h && g.ow == g.wd && g.groups == 1;
  if (pointwise) {
    dsk_matmul_args mm = {g.x, g.w, 1, g.n * g.oh * g.ow, g.o, g.c, 0, g.c, 1, 0, 0, 0, 1};
    return dsk_matmul_f32(exec, &mm, epilogue, closure);
  }
  if (g.n <= 0 || g.oh <= 0 || g.ow <= 0 || g.o <= 0)
    return;
  if (directFits(exec, g))
    return runDirect(exec, g, epilogue, closure);
  int64_t outputs = g.o / g.groups, depth = g.kh * g.kw * (g.c / g.groups);
  Gemm gemm = {g.groups,    g.n * g.oh * g.ow,
               outputs,     depth,
               packWindows, args,
               g.w,         ceilDiv(outputs, kPanel) * kPanel * depth,
               0,           0,
               true,        epilogue,
               closure,     0,
               outputs};
  runGemm(exec, gemm);
}
