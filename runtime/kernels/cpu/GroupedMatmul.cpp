// dsk_grouped_matmul_f32: one product per expert over its segment of rows. Tasks are (expert, block of rows, block of columns), so that
// uneven experts spread over threads; an expert without rows is not touched, one with few rows streams its panels once.
#include "runtime/kernels/cpu/Activation.h"
#include "runtime/kernels/cpu/FewRows.h"
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

constexpr int64_t kUnit = 2 * kPanel; // of columns: a gate and its up panel
constexpr int64_t kMaxUnits = 512 / kUnit, kMinUnits = 4;
constexpr int64_t kBlockRows = kMaxRowTiles * kTileRows;

// The rows of one expert.
struct Segment {
  const dsk_grouped_matmul_args &g;
  int64_t expert, first, rows;

  const float *row(int64_t i) const {
    int64_t at = first + i;
    return g.x + (g.scale ? at : g.permutation[at] / g.slots) * g.k;
  }
};

void packSegment(const void *source, float *dst, int64_t, int64_t i0, int64_t m, int64_t k0, int64_t depth) {
  const Segment &s = *static_cast<const Segment *>(source);
  for (int64_t i = 0; i < m; ++i)
    copyFloats(dst + i * kBlockLd, s.row(i0 + i) + k0, depth);
}

//--- What happens to a finished tile ------------------------------------------------------------------------------------

template <int Kind> void gatedTile(void *closure, const float *tile, int64_t ld, int64_t, int64_t i0, int64_t j0, int64_t m, int64_t n) {
  const Segment &s = *static_cast<Segment *>(closure);
  for (int64_t i = 0; i < m; ++i, tile += ld)
    for (int64_t j = 0; j < n; j += kUnit)
      for (int v = 0; v < kPanel; v += W) {
        int64_t column = (j0 + j) / 2 + v;
        Vec y = activate<Kind>(load(tile + j + v)) * load(tile + j + kPanel + v);
        store(s.g.out + (s.first + i0 + i) * s.g.n + column, y, firstLanes(max(0, s.g.n - column)));
      }
}

template <int Kind> void plainTile(void *closure, const float *tile, int64_t ld, int64_t, int64_t i0, int64_t j0, int64_t m, int64_t n) {
  const Segment &s = *static_cast<Segment *>(closure);
  for (int64_t i = 0; i < m; ++i, tile += ld)
    for (int64_t j = 0; j < n; j += W)
      store(s.g.out + (s.first + i0 + i) * s.g.n + j0 + j, activate<Kind>(load(tile + j)), firstLanes(n - j));
}

void scatterTile(void *closure, const float *tile, int64_t ld, int64_t, int64_t i0, int64_t j0, int64_t m, int64_t n) {
  const Segment &s = *static_cast<Segment *>(closure);
  for (int64_t i = 0; i < m; ++i, tile += ld) {
    int64_t row = s.g.permutation[s.first + i0 + i];
    Vec scale = Vec(s.g.scale[row]);
    for (int64_t j = 0; j < n; j += W)
      store(s.g.out + row * s.g.n + j0 + j, scale * load(tile + j), firstLanes(n - j));
  }
}

template <int Kind> dsk_epilogue chooseTile(const dsk_grouped_matmul_args &g) { return g.gated ? gatedTile<Kind> : plainTile<Kind>; }

dsk_epilogue chooseEpilogue(const dsk_grouped_matmul_args &g) {
  if (g.scale)
    return scatterTile;
  switch (g.activation) {
  case DSK_ACT_RELU:
    return chooseTile<DSK_ACT_RELU>(g);
  case DSK_ACT_SILU:
    return chooseTile<DSK_ACT_SILU>(g);
  case DSK_ACT_GELU:
    return chooseTile<DSK_ACT_GELU>(g);
  case DSK_ACT_GELU_TANH:
    return chooseTile<DSK_ACT_GELU_TANH>(g);
  default:
    return chooseTile<DSK_ACT_IDENTITY>(g);
  }
}

//--- Tasks --------------------------------------------------------------------------------------------------------------

struct GroupedJob {
  ds_exec *exec;
  const dsk_grouped_matmul_args *args;
  dsk_epilogue epilogue;
  int64_t columns, units, nBlocks, mostRows; // columns and units of 32 of B; rows of the largest block

  int64_t rowBlocks(int64_t rows) const { return (rows + kBlockRows - 1) / kBlockRows; }
};

// Columns [j0, j1) for a few rows, read where they are if their stride is known.
void fewRowsTask(const GroupedJob &job, const Segment &s, const float *panels, int64_t j0, int64_t j1, float *copy) {
  alignas(64) float c[kFewRows * kWide * kPanel];
  const float *a = s.row(0);
  if (s.rows > 1 && !s.g.scale) {
    for (int64_t i = 0; i < s.rows; ++i)
      copyFloats(copy + i * s.g.k, s.row(i), s.g.k);
    a = copy;
  }
  for (int64_t j = j0; j < j1; j += kWide * kPanel) {
    int64_t n = min(kWide * kPanel, j1 - j);
    BView view = {panels + j * s.g.k, s.g.k * kPanel, kPanel};
    fewRowsSwitch(std::make_index_sequence<kFewRows>(), s.rows, ceilDiv(n, kPanel), s.g.k, a, s.g.k, view, c);
    job.epilogue(const_cast<Segment *>(&s), c, kWide * kPanel, 0, 0, j, s.rows, n);
  }
}

// Where the panels of the next expert with rows are.
const float *nextPanels(const dsk_grouped_matmul_args &g, int64_t expert, int64_t stride) {
  do
    ++expert;
  while (expert < g.experts && g.offsets[expert + 1] == g.offsets[expert]);
  return expert < g.experts ? g.panels + expert * stride : nullptr;
}

void blockTask(const GroupedJob &job, const Segment &s, const float *panels, const float *after, int64_t ib, int64_t j0, int64_t j1,
               float *scratch) {
  const dsk_grouped_matmul_args &g = s.g;
  Gemm gemm = {1, s.rows, job.columns, g.k, packSegment, &s, panels, 0, 0, 0, true, job.epilogue, const_cast<Segment *>(&s), 0, 0, after, kUnit};
  Blocking k = {ceilDiv(s.rows, kTileRows), job.units, job.rowBlocks(s.rows), job.nBlocks, max(1, ceilDiv(g.k, kMaxDepth))};
  int64_t tile0 = evenPart(k.rowTiles, k.mBlocks, ib), tile1 = evenPart(k.rowTiles, k.mBlocks, ib + 1);
  float *c = scratch + job.mostRows * kBlockLd;
  GemmTask task = {gemm, k, 0, tile0, tile1, evenPart(s.rows, k.rowTiles, tile0), evenPart(s.rows, k.rowTiles, tile1), j0, j1, scratch, nullptr, c,
                   k.kBlocks == 1 ? 128 : ceilDiv(job.units, job.nBlocks) * kUnit};
  task.run();
}

void groupedTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const GroupedJob &job = *static_cast<GroupedJob *>(closure);
  const dsk_grouped_matmul_args &g = *job.args;
  int64_t block = job.mostRows * (kBlockLd + max(128, ceilDiv(job.units, job.nBlocks) * kUnit)) + kTileRows * 128;
  float *scratch = getFloats(job.exec, worker, max(block, kFewRows * g.k));
  if (!scratch)
    return;
  int64_t first = 0, stride = ceilDiv(job.columns, kPanel) * kPanel * g.k; // the expert's first task
  for (int64_t e = 0; e < g.experts && first < end; ++e) {
    Segment s = {g, e, g.offsets[e], g.offsets[e + 1] - g.offsets[e]};
    int64_t tasks = job.rowBlocks(s.rows) * job.nBlocks;
    for (int64_t t = max(begin, first); t < min(end, first + tasks); ++t) {
      int64_t jb = (t - first) % job.nBlocks, ib = (t - first) / job.nBlocks;
      int64_t j0 = evenPart(job.units, job.nBlocks, jb) * kUnit, j1 = min(job.columns, evenPart(job.units, job.nBlocks, jb + 1) * kUnit);
      if (s.rows <= kFewRows)
        fewRowsTask(job, s, g.panels + e * stride, j0, j1, scratch);
      else
        blockTask(job, s, g.panels + e * stride, jb + 1 < job.nBlocks ? g.panels + e * stride + j1 * g.k : nextPanels(g, e, stride), ib, j0, j1, scratch);
    }
    first += tasks;
  }
}

// Whether the segments are in order and hold each row once.
bool isRoute(ds_exec *exec, const dsk_grouped_matmul_args &g) {
  bool good = g.offsets[0] == 0 && g.offsets[g.experts] == g.rows;
  for (int64_t e = 0; good && e < g.experts; ++e)
    good = g.offsets[e] <= g.offsets[e + 1];
  int64_t words = ceilDiv(g.rows, 64);
  auto *seen = static_cast<uint64_t *>(getScratch(exec, 0, words * 8));
  if (!seen)
    return false;
  for (int64_t w = 0; w < words; ++w)
    seen[w] = 0;
  for (int64_t i = 0; good && i < g.rows; ++i) {
    uint64_t row = uint64_t(g.permutation[i]), bit = uint64_t(1) << row % 64;
    good = row < uint64_t(g.rows) && !(seen[row / 64] & bit);
    if (good)
      seen[row / 64] |= bit;
  }
  if (!good)
    exec->services->fail(exec, DS_E_VALUE, exec->node, g.offsets[g.experts], g.rows);
  return good;
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_grouped_matmul_f32(ds_exec *exec, const dsk_grouped_matmul_args *args) {
  const dsk_grouped_matmul_args &g = *args;
  if (!isRoute(exec, g))
    return;
  if (g.row_flops)
    exec->services->record(exec, exec->node, g.offsets, g.experts, g.rows / g.slots, g.row_flops);
  if (g.rows <= 0 || g.n <= 0)
    return;
  GroupedJob job = {exec, args, chooseEpilogue(g), g.gated ? ceilDiv(g.n, kPanel) * kUnit : g.n, 0, 0, 0};
  job.units = ceilDiv(job.columns, kUnit);
  int64_t rowBlocks = 0;
  for (int64_t e = 0; e < g.experts; ++e) {
    int64_t rows = g.offsets[e + 1] - g.offsets[e];
    rowBlocks += job.rowBlocks(rows);
    job.mostRows = max(job.mostRows, min(rows, kBlockRows));
  }
  bool small = g.rows * job.columns * g.k < kSmallProblem;
  int64_t wanted = exec->threads == 1 ? 1 : ceilDiv(8 * exec->threads, rowBlocks);
  job.nBlocks = max(ceilDiv(job.units, kMaxUnits), min(wanted, ceilDiv(job.units, kMinUnits)));
  int64_t tasks = rowBlocks * job.nBlocks;
  exec->services->parallel_for(exec, groupedTasks, &job, tasks, small ? tasks : 1);
}
