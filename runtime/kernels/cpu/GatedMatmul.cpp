// dsk_gated_matmul_f32: few rows of A, most of their elements zeros. B is plain rows, so that the row of a feature that is
// closed in all rows of A is never read. The open rows of B stream by, several at a time.
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

constexpr int kMaxGatedRows = 4;
constexpr int64_t kGatedColumns = 16384; // of a block of C: long runs of B
// Rows of B at once: many, so that C, which does not fit L1, is loaded and stored rarely. kAhead: columns between what is read and what is
// brought near, to L2 or (kHint) L1; both as measured.
#if defined(__AVX512F__)
constexpr int64_t kAhead = 128;
constexpr int kHint = _MM_HINT_T1;
constexpr int rowsAtOnce(int m) { return m == 1 ? 16 : m == 2 ? 12 : m == 3 ? 8 : 6; }
#else
constexpr int64_t kAhead = 64;
constexpr int kHint = _MM_HINT_T0;
constexpr int rowsAtOnce(int m) { return m == 1 ? 12 : 4; }
#endif

// The features that are open in some row: their indices and their values per row.
struct OpenFeatures {
  int64_t count;
  const int32_t *index;
  const float *x; // row i at x + i * ld
  int64_t ld;
};

struct GatedJob {
  ds_exec *exec;
  const dsk_matmul_args *args;
  dsk_epilogue epilogue;
  void *closure;
  int64_t panels, blocks;
};

int64_t compact(const dsk_matmul_args &g, int32_t *index, float *x, int64_t ld) {
  int64_t count = 0;
  if (g.m == 1) {
    for (int64_t k = 0; k < g.k; ++k) {
      float v = g.a[k * g.a_col];
      index[count] = int32_t(k);
      x[count] = v;
      count += v != 0;
    }
    return count;
  }
  for (int64_t k = 0; k < g.k; ++k) {
    bool open = false;
    for (int64_t i = 0; i < g.m; ++i) {
      float v = g.a[i * g.a_row + k * g.a_col];
      x[i * ld + count] = v;
      open |= v != 0;
    }
    index[count] = int32_t(k);
    count += open;
  }
  return count;
}

// c[i, 0..n) += sum over R open features of x[i, r] * rows[r][0..n), in their order; the rows after them are `ahead`.
template <int M, int R>
__attribute__((noinline)) void addRows(const float *const (&rows)[R], const float *const (&ahead)[R], const float *x, int64_t ldx,
                                       float *c, int64_t ldc, int64_t n) {
  Vec xs[M][R];
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int r = 0; r < R; ++r)
      xs[i][r] = Vec(x[i * ldx + r]);
  auto step = [&](int64_t j, auto loadRow) __attribute__((always_inline)) {
    Vec sum[M];
#pragma unroll
    for (int i = 0; i < M; ++i)
      sum[i] = load(c + i * ldc + j);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      Vec b = loadRow(rows[r] + j);
#pragma unroll
      for (int i = 0; i < M; ++i)
        sum[i] = fma(xs[i][r], b, sum[i]);
    }
#pragma unroll
    for (int i = 0; i < M; ++i)
      store(c + i * ldc + j, sum[i]);
  };
  int64_t j = 0;
  auto steps = [&](int64_t end, const float *const (&from)[R], int64_t shift) __attribute__((always_inline)) {
    for (; j + kPanel <= end; j += kPanel) {
#pragma unroll
      for (int r = 0; r < R; ++r)
        _mm_prefetch(reinterpret_cast<const char *>(from[r] + j + shift), kHint);
#pragma unroll
      for (int v = 0; v < kPanelVecs; ++v)
        step(j + v * W, [](const float *p) { return load(p); });
    }
  };
  steps(n - kAhead, rows, kAhead);
  steps(n, ahead, -j);
  for (; j < n; j += W) {
    Mask rest = firstLanes(n - j);
    step(j, [rest](const float *p) { return load(p, rest); });
  }
}

template <int M> void gatedBlock(const OpenFeatures &open, const float *b, int64_t bRow, float *c, int64_t ldc, int64_t n) {
  constexpr int R = rowsAtOnce(M);
  for (int i = 0; i < M; ++i)
    zeroFloats(c + i * ldc, ldc);
  int64_t f = 0;
  for (; f + R <= open.count; f += R) {
    const float *rows[R], *ahead[R];
    int64_t next = min(f + R, open.count - R);
    for (int r = 0; r < R; ++r) {
      rows[r] = b + open.index[f + r] * bRow;
      ahead[r] = b + open.index[next + r] * bRow;
    }
    addRows<M, R>(rows, ahead, open.x + f, open.ld, c, ldc, n);
  }
  for (; f < open.count; ++f) {
    const float *const row[1] = {b + open.index[f] * bRow};
    addRows<M, 1>(row, row, open.x + f, open.ld, c, ldc, n);
  }
}

void gatedTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const GatedJob &job = *static_cast<GatedJob *>(closure);
  const dsk_matmul_args &g = *job.args;
  int64_t width = ceilDiv(job.panels, job.blocks) * kPanel;
  int64_t ld = ceilDiv(g.k + 1, kPanel) * kPanel;
  float *memory = getFloats(job.exec, worker, g.m * width + (g.m + 1) * ld);
  if (!memory)
    return;
  float *c = memory, *x = c + g.m * width;
  auto *index = reinterpret_cast<int32_t *>(x + g.m * ld);
  OpenFeatures open = {compact(g, index, x, ld), index, x, ld};
  for (int64_t t = begin; t < end; ++t) {
    int64_t j = evenPart(job.panels, job.blocks, t) * kPanel;
    int64_t n = min(g.n, evenPart(job.panels, job.blocks, t + 1) * kPanel) - j;
    constexpr decltype(&gatedBlock<1>) blocks[kMaxGatedRows] = {gatedBlock<1>, gatedBlock<2>, gatedBlock<3>, gatedBlock<4>};
    blocks[g.m - 1](open, g.b + j, g.b_row, c, width, n);
    job.epilogue(job.closure, c, width, 0, 0, j, g.m, n);
  }
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_gated_matmul_f32(ds_exec *exec, const dsk_matmul_args *args, dsk_epilogue epilogue, void *closure) {
  const dsk_matmul_args &g = *args;
  if (g.m > kMaxGatedRows || g.batch != 1 || g.b_packed || g.b_col != 1 || g.m <= 0 || g.n <= 0)
    return dsk_matmul_f32(exec, args, epilogue, closure);
  GatedJob job = {exec, args, epilogue, closure, ceilDiv(g.n, kPanel), 0};
  int64_t parts = g.m * g.k * g.n < 2 * kSmallProblem ? 1 : exec->threads;
  job.blocks = min(job.panels, ceilDiv(ceilDiv(g.n, kGatedColumns), parts) * parts);
  exec->services->parallel_for(exec, gatedTasks, &job, job.blocks, parts == 1 ? job.blocks : 1);
}
