// dsk_matmul_f32: few rows stream B once, more rows go through the blocked product.
#include "runtime/kernels/cpu/Direct.h"
#include "runtime/kernels/cpu/FewRows.h"
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

struct FewRowsJob {
  ds_exec *exec;
  const dsk_matmul_args *args;
  dsk_epilogue epilogue;
  void *closure;
  int64_t steps; // per batch
};

void fewRowsTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const FewRowsJob &job = *static_cast<FewRowsJob *>(closure);
  const dsk_matmul_args &g = *job.args;
  int64_t aSize = g.a_col == 1 ? 0 : g.m * g.k, tail = g.b_packed ? 0 : g.k * kPanel;
  float *copy = aSize + tail ? getFloats(job.exec, worker, aSize + tail) : nullptr;
  if (aSize + tail && !copy)
    return;
  alignas(64) float c[kFewRows * kWide * kPanel];
  int64_t copied = -1;
  for (int64_t t = begin; t < end; ++t) {
    int64_t b = t / job.steps, j = t % job.steps * kWide * kPanel, n = min(kWide * kPanel, g.n - j);
    const float *a = g.a + b * g.a_batch;
    int64_t lda = g.a_row;
    if (aSize) {
      if (copied != b)
        packRows(copy, g.k, a, g.a_row, g.a_col, g.m, g.k);
      copied = b;
      a = copy;
      lda = g.k;
    }
    const float *from = g.b + b * g.b_batch;
    if (g.b_packed) {
      BView view = {from + j * g.k, g.k * kPanel, kPanel};
      fewRowsSwitch(std::make_index_sequence<kFewRows>(), g.m, ceilDiv(n, kPanel), g.k, a, lda, view, c);
    } else {
      int64_t whole = n / kPanel;
      fewRowsSwitch(std::make_index_sequence<kFewRows>(), g.m, whole, g.k, a, lda, {from + j, kPanel, g.b_row}, c);
      if (n % kPanel) {
        packPanels(copy + aSize, from + j + whole * kPanel, g.b_row, 1, g.k, n % kPanel);
        fewRowsSwitch(std::make_index_sequence<kFewRows>(), g.m, 1, g.k, a, lda, {copy + aSize, 0, kPanel},
                      c + whole * kPanel);
      }
    }
    job.epilogue(job.closure, c, kWide * kPanel, b, 0, j, g.m, n);
  }
}

void runFewRows(ds_exec *exec, const dsk_matmul_args &g, dsk_epilogue epilogue, void *closure) {
  FewRowsJob job = {exec, &g, epilogue, closure, ceilDiv(g.n, kWide * kPanel)};
  int64_t grain = 1 + kSmallProblem / (1 + g.m * g.k * kWide * kPanel);
  exec->services->parallel_for(exec, fewRowsTasks, &job, g.batch * job.steps, grain);
}

// Rows in place. At strides of whole pages the rows of a tile would share their cache sets.
bool directFits(ds_exec *exec, const dsk_matmul_args &g) {
  return g.b_packed && g.a_col == 1 && g.a_row * sizeof(float) % 4096 != 0 &&
         directPays(exec, g.batch * ceilDiv(g.m, kTileRows), g.k, g.n);
}

struct DirectJob {
  const dsk_matmul_args *args;
  dsk_epilogue epilogue;
  void *closure;
  int64_t tiles; // per batch
};

void directTasks(void *closure, int64_t begin, int64_t end, int32_t) {
  const DirectJob &job = *static_cast<DirectJob *>(closure);
  const dsk_matmul_args &g = *job.args;
  for (int64_t t = begin; t < end; ++t) {
    int64_t b = t / job.tiles, row = evenPart(g.m, job.tiles, t % job.tiles);
    int64_t next = evenPart(g.m, job.tiles, t % job.tiles + 1);
    const float *rows = g.a + b * g.a_batch;
    SegmentedRows a = {rows + row * g.a_row, g.a_row, 1, 0, g.k, rows + next * g.a_row, kTileRows * g.a_row};
    directRows(a, g.b + b * g.b_batch, g.n, next - row, job.epilogue, job.closure, b, row);
  }
}

void runDirect(ds_exec *exec, const dsk_matmul_args &g, dsk_epilogue epilogue, void *closure) {
  DirectJob job = {&g, epilogue, closure, ceilDiv(g.m, kTileRows)};
  int64_t grain = 1 + kSmallProblem / (1 + kTileRows * g.n * g.k);
  exec->services->parallel_for(exec, directTasks, &job, g.batch * job.tiles, grain);
}

void packMatrixA(const void *source, float *dst, int64_t b, int64_t i0, int64_t m, int64_t k0, int64_t depth) {
  const dsk_matmul_args &g = *static_cast<const dsk_matmul_args *>(source);
  packRows(dst, kBlockLd, g.a + b * g.a_batch + i0 * g.a_row + k0 * g.a_col, g.a_row, g.a_col, m, depth);
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_matmul_f32(ds_exec *exec, const dsk_matmul_args *args, dsk_epilogue epilogue, void *closure) {
  const dsk_matmul_args &g = *args;
  if (g.m <= 0 || g.n <= 0 || g.batch <= 0)
    return;
  if (g.m <= kFewRows && (g.b_packed || g.b_col == 1))
    return runFewRows(exec, g, epilogue, closure);
  if (directFits(exec, g))
    return runDirect(exec, g, epilogue, closure);
  Gemm gemm = {g.batch,  g.m,     g.n, g.k, packMatrixA, args, g.b, g.b_batch, g.b_row, g.b_col, g.b_packed != 0,
               epilogue, closure, 1,   0};
  runGemm(exec, gemm);
}
