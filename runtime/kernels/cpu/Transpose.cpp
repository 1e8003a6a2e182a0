// dsk_transpose: blocks that fit L1, of W x W elements in registers where these are four bytes.
#include "runtime/kernels/cpu/Simd.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

constexpr int64_t kBlock = 64; // rows and columns: both sides stay in L1

template <typename T> void block(const T *x, int64_t n, T *out, int64_t m, int64_t rows, int64_t cols) {
  for (int64_t j = 0; j < cols; ++j)
    for (int64_t i = 0; i < rows; ++i)
      out[j * m + i] = x[i * n + j];
}
// Moves bits only: any four-byte type.
void block(const float *x, int64_t n, float *out, int64_t m, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; i += W)
    for (int64_t j = 0; j < cols; j += W)
      transposeBlock(x + i * n + j, n, out + j * m + i, m, min(W, rows - i), min(W, cols - j));
}

// A task is a strip of kBlock columns of x, that is, of rows of out.
template <typename T> void strips(void *closure, int64_t begin, int64_t end, int32_t) {
  const dsk_transpose_args &g = *static_cast<const dsk_transpose_args *>(closure);
  int64_t strips = ceilDiv(g.n, kBlock);
  for (int64_t t = begin; t < end; ++t) {
    int64_t j = t % strips * kBlock, batch = t / strips * g.m * g.n;
    const T *x = static_cast<const T *>(g.x) + batch;
    T *out = static_cast<T *>(g.out) + batch;
    for (int64_t i = 0; i < g.m; i += kBlock)
      block(x + i * g.n + j, g.n, out + j * g.m + i, g.m, min(kBlock, g.m - i), min(kBlock, g.n - j));
  }
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_transpose(ds_exec *exec, const dsk_transpose_args *args) {
  const dsk_transpose_args &g = *args;
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0)
    return;
  ds_body_fn body = g.element_bytes == 4   ? strips<float>
                    : g.element_bytes == 8 ? strips<uint64_t>
                    : g.element_bytes == 2 ? strips<uint16_t>
                                           : strips<uint8_t>;
  int64_t work = g.m * min(g.n, kBlock);
  exec->services->parallel_for(exec, body, const_cast<dsk_transpose_args *>(args), g.batch * ceilDiv(g.n, kBlock),
                               1 + 16384 / work);
}
