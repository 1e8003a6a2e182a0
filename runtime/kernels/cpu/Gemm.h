// The blocked product behind dsk_matmul_f32 and dsk_conv2d_f32. Tasks are blocks of C; a task walks K in blocks,
// copies its rows of A once per K block, and hands each register tile to the epilogue right after its last K block,
// while it is in L1. Every element of C is one chain of FMAs over k, so blocking never changes a result.
#pragma once
#include "runtime/kernels/cpu/Pack.h"
#include "runtime/kernels/cpu/Scratch.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {

struct Gemm {
  int64_t batch, m, n, k;
  // Writes A[b, i0 + i, k0 + kk] to dst[i*kBlockLd + kk].
  void (*packA)(const void *source, float *dst, int64_t b, int64_t i0, int64_t m, int64_t k0, int64_t depth);
  const void *aSource;
  const float *b;
  int64_t bBatch, bRow, bCol;
  bool bPacked;
  dsk_epilogue epilogue;
  void *closure;
  int64_t epilogueBatch, epilogueCols; // what a step of b adds to the epilogue's b and j0
  const float *after = nullptr;        // packed columns that the worker will probably read next
  int64_t columnUnit = kPanel;         // columns of B come to the epilogue in multiples of it, the last excepted
};

// How C is cut: tasks are batch x mBlocks x nBlocks.
struct Blocking {
  int64_t rowTiles, colTiles, mBlocks, nBlocks, kBlocks;
};

inline constexpr int64_t kMaxRowTiles = 168 / kTileRows;
inline constexpr int64_t kMaxColTiles = 512 / kTileCols;
inline constexpr int64_t kSmallProblem = 50000; // multiply-adds below which threads do not pay

// Cycles of the slowest thread, roughly: FMAs, copying A, reading B from L3.
inline int64_t blockingCost(const Gemm &g, const Blocking &k, int64_t threads) {
  int64_t rows = ceilDiv(k.rowTiles, k.mBlocks) * kTileRows, cols = ceilDiv(k.colTiles, k.nBlocks) * kTileCols;
  int64_t task = (rows * cols / W + rows / 4 + cols / 2) * (g.k + 8);
  return ceilDiv(k.mBlocks * k.nBlocks * g.batch, threads) * task;
}

inline Blocking chooseBlocking(const Gemm &g, int64_t threads) {
  Blocking best;
  best.rowTiles = ceilDiv(g.m, kTileRows);
  best.colTiles = ceilDiv(g.n, kTileCols);
  best.mBlocks = ceilDiv(best.rowTiles, kMaxRowTiles);
  best.nBlocks = ceilDiv(best.colTiles, kMaxColTiles);
  best.kBlocks = max(1, ceilDiv(g.k, kMaxDepth));
  if (threads == 1 || best.mBlocks * best.nBlocks * g.batch >= 8 * threads)
    return best;
  int64_t bestCost = blockingCost(g, best, threads);
  const Blocking least = best;
  for (int64_t mb = least.mBlocks; mb <= min(least.rowTiles, least.mBlocks + 3); ++mb)
    for (int64_t nb = least.nBlocks; nb <= min(least.colTiles, least.nBlocks + 2 * threads); ++nb) {
      Blocking k = least;
      k.mBlocks = mb;
      k.nBlocks = nb;
      int64_t cost = blockingCost(g, k, threads);
      if (cost < bestCost) {
        bestCost = cost;
        best = k;
      }
    }
  return best;
}

struct GemmJob {
  ds_exec *exec;
  const Gemm *gemm;
  Blocking blocking;
};

// One task: rows [i0, i1), columns [j0, j1) of batch b.
struct GemmTask {
  const Gemm &g;
  const Blocking &blocking;
  int64_t b, tile0, tile1, i0, i1, j0, j1;
  float *aBlock, *bBlock, *c;
  int64_t ldc;

  // The part of row tiles x [j, j+cols) that one K block adds; the epilogue runs when it was the last.
  // `ahead` are the packed columns that come next; each tile reads its part of them ahead.
  void strip(int64_t j, int64_t cols, int64_t k0, int64_t depth, BView view, BView ahead) const {
    bool last = k0 + depth == g.k;
    for (int64_t t = tile0; t < tile1; ++t) {
      int64_t row = evenPart(g.m, blocking.rowTiles, t), rows = evenPart(g.m, blocking.rowTiles, t + 1) - row;
      // With a single K block C is never read again: one buffer that stays in L1 serves all tiles.
      float *out = blocking.kBlocks == 1 ? c : c + (row - i0) * ldc + (j - j0);
      for (int64_t jj = 0; jj < cols; jj += kTileCols) {
        const float *next = ahead.b + jj / kPanel * ahead.panel;
        BView part = {view.b + jj / kPanel * view.panel, view.panel, view.row};
        tile(rows, ceilDiv(min(kTileCols, cols - jj), kPanel), depth, aBlock + (row - i0) * kBlockLd, part, out + jj,
             ldc, k0 != 0, next);
      }
      if (last)
        g.epilogue(g.closure, out, ldc, b * g.epilogueBatch, row, b * g.epilogueCols + j, rows, cols);
    }
  }

  void run() const {
    for (int64_t kb = 0; kb < blocking.kBlocks; ++kb) {
      int64_t k0 = evenPart(g.k, blocking.kBlocks, kb), depth = evenPart(g.k, blocking.kBlocks, kb + 1) - k0;
      g.packA(g.aSource, aBlock, b, i0, i1 - i0, k0, depth);
      if (!g.bPacked)
        packPanels(bBlock, g.b + b * g.bBatch + k0 * g.bRow + j0 * g.bCol, g.bRow, g.bCol, depth, j1 - j0);
      int64_t width = ceilDiv(kTileCols * stripTiles(depth), g.columnUnit) * g.columnUnit;
      for (int64_t j = j0; j < j1; j += width)
        strip(j, min(width, j1 - j), k0, depth, columns(j, k0, depth), next(j + width, k0, depth));
    }
  }

  // What follows the columns before j: more of them, the next K block, or another task.
  BView next(int64_t j, int64_t k0, int64_t depth) const {
    if (j < j1)
      return columns(j, k0, depth);
    if (g.after && k0 + depth == g.k)
      return {g.after, g.k * kPanel, kPanel};
    return columns(j0, k0 + depth, depth);
  }

  // Columns from j, rows from k0 of B, in this K block.
  BView columns(int64_t j, int64_t k0, int64_t depth) const {
    if (g.bPacked)
      return {g.b + b * g.bBatch + j * g.k + k0 * kPanel, g.k * kPanel, kPanel};
    return {bBlock + (j - j0) * depth, depth * kPanel, kPanel};
  }

  // Shallow products give the epilogue wider tiles, as long as the strip of B stays in L1.
  static int64_t stripTiles(int64_t depth) { return max(1, min(kMaxStripTiles, 8192 / (kTileCols * max(1, depth)))); }
  static constexpr int64_t kMaxStripTiles = 128 / kTileCols;
};

inline void gemmTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const GemmJob &job = *static_cast<GemmJob *>(closure);
  const Gemm &g = *job.gemm;
  const Blocking &k = job.blocking;
  int64_t rows = ceilDiv(k.rowTiles, k.mBlocks) * kTileRows, cols = ceilDiv(k.colTiles, k.nBlocks) * kTileCols;
  int64_t aSize = rows * kBlockLd;
  int64_t cSize = k.kBlocks == 1 ? kTileRows * int64_t(128) : rows * cols;
  int64_t bSize = g.bPacked ? 0 : ceilDiv(g.k, k.kBlocks) * cols;
  float *scratch = getFloats(job.exec, worker, aSize + bSize + cSize);
  if (!scratch)
    return;
  for (int64_t t = begin; t < end; ++t) {
    int64_t jb = t % k.nBlocks, ib = t / k.nBlocks % k.mBlocks;
    int64_t tile0 = evenPart(k.rowTiles, k.mBlocks, ib), tile1 = evenPart(k.rowTiles, k.mBlocks, ib + 1);
    int64_t j0 = evenPart(k.colTiles, k.nBlocks, jb) * kTileCols;
    int64_t j1 = min(g.n, evenPart(k.colTiles, k.nBlocks, jb + 1) * kTileCols);
    GemmTask task = {g,
                     k,
                     t / (k.nBlocks * k.mBlocks),
                     tile0,
                     tile1,
                     evenPart(g.m, k.rowTiles, tile0),
                     evenPart(g.m, k.rowTiles, tile1),
                     j0,
                     j1,
                     scratch,
                     scratch + aSize + cSize,
                     scratch + aSize,
                     k.kBlocks == 1 ? 128 : cols};
    task.run();
  }
}

inline void runGemm(ds_exec *exec, const Gemm &g) {
  if (g.m <= 0 || g.n <= 0 || g.batch <= 0)
    return;
  bool small = g.batch * g.m * g.n * g.k < kSmallProblem;
  GemmJob job = {exec, &g, chooseBlocking(g, small ? 1 : exec->threads)};
  int64_t tasks = g.batch * job.blocking.mBlocks * job.blocking.nBlocks;
  exec->services->parallel_for(exec, gemmTasks, &job, tasks, small ? tasks : 1);
}

} // namespace dsk
