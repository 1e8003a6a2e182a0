// Products whose B fits L2: every tile of rows walks all of K and all columns at once, so that C is never a partial
// sum, and A is read where it is, or from a small copy in L1. A tile's columns of A come in segments: rows of a window.
#pragma once
#include "runtime/kernels/cpu/MicroKernel.h"
#include "runtime/kernels/cpu/Scratch.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {

inline constexpr int64_t kDirectFloats = 100 * 1024; // of B
inline constexpr int64_t kDirectCols = 128;          // of one call of the epilogue

// A[i, s*depth + k] = a[i*ld + s*step + k] for s < segments, k < depth. `ahead` are aheadSize numbers to read soon.
struct SegmentedRows {
  const float *a;
  int64_t ld, segments, step, depth;
  const float *ahead;
  int64_t aheadSize;
};

typedef void (*DirectFn)(const SegmentedRows &a, const float *ahead, const float *b, int64_t bPanel, float *c);

template <int M, int Panels>
__attribute__((noinline)) void directTile(const SegmentedRows &rows, const float *ahead, const float *b, int64_t bPanel,
                                          float *c) {
  constexpr int V = Panels * kPanelVecs;
  const AnyRows ld = {rows.ld};
  Vec acc[M][V];
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int v = 0; v < V; ++v)
      acc[i][v] = Vec(0.0f);
  const float *segment = rows.a;
  for (int64_t s = 0; s < rows.segments; ++s, segment += rows.step) {
    int64_t k = 0;
    for (; k + 4 <= rows.depth; k += 4, ahead += 32) {
      _mm_prefetch(reinterpret_cast<const char *>(ahead), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char *>(ahead + 16), _MM_HINT_T0);
#pragma unroll
      for (int u = 0; u < 4; ++u, b += kPanel)
        multiplyAdd(acc, segment + k + u, ld, b, bPanel);
    }
#pragma clang loop unroll(disable)
    for (; k < rows.depth; ++k, b += kPanel)
      multiplyAdd(acc, segment + k, ld, b, bPanel);
  }
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int v = 0; v < V; ++v)
      store(c + i * kDirectCols + v * W, acc[i][v]);
}

struct DirectTable {
  DirectFn fn[kTileRows][kTilePanels];
};
template <size_t... M> constexpr DirectTable makeDirectTable(std::index_sequence<M...>) {
  if constexpr (kTilePanels == 2)
    return {{{directTile<M + 1, 1>, directTile<M + 1, kTilePanels>}...}};
  else
    return {{{directTile<M + 1, 1>}...}};
}
inline constexpr DirectTable kDirectTiles = makeDirectTable(std::make_index_sequence<kTileRows>());

// `count` rows of C, all n columns, b packed; the epilogue sees them from row `row` of `batch`.
inline void directRows(const SegmentedRows &a, const float *b, int64_t n, int64_t count, dsk_epilogue epilogue,
                       void *closure, int64_t batch, int64_t row) {
  alignas(64) float c[kTileRows * kDirectCols];
  int64_t panel = a.segments * a.depth * kPanel, ahead = 0;
  for (int64_t j = 0; j < n; j += kDirectCols) {
    int64_t cols = min(kDirectCols, n - j);
    for (int64_t jj = 0; jj < cols; jj += kTileCols) {
      DirectFn fn = kDirectTiles.fn[count - 1][ceilDiv(min(kTileCols, cols - jj), kPanel) - 1];
      fn(a, a.ahead + ahead, b + (j + jj) / kPanel * panel, panel, c + jj);
      // Each call reads 8 numbers ahead per step of k.
      ahead = ahead + panel / 2 < a.aheadSize ? ahead + panel / 2 : 0;
    }
    epilogue(closure, c, kDirectCols, batch, row, j, count, cols);
  }
}

// Whether enough tiles of rows exist to occupy the threads, and B fits.
inline bool directPays(ds_exec *exec, int64_t tiles, int64_t k, int64_t n) {
  return k * n <= kDirectFloats && (exec->threads == 1 || tiles >= 4 * exec->threads);
}

} // namespace dsk
