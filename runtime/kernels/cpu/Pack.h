// Copies of strided operands into the layouts that the register tile reads.
#pragma once
#include "runtime/kernels/cpu/MicroKernel.h"

namespace dsk {

DSK_INLINE void copyFloats(float *dst, const float *src, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W)
    store(dst + i, load(src + i));
  if (i < n) {
    Mask m = firstLanes(n - i);
    store(dst + i, load(src + i, m), m);
  }
}

DSK_INLINE void zeroFloats(float *dst, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W)
    store(dst + i, Vec(0.0f));
  if (i < n)
    store(dst + i, Vec(0.0f), firstLanes(n - i));
}

// dst[i*ld + k] = src[i*row + k*col].
inline void packRows(float *dst, int64_t ld, const float *src, int64_t row, int64_t col, int64_t m, int64_t depth) {
  if (col == 1) {
    for (int64_t i = 0; i < m; ++i)
      copyFloats(dst + i * ld, src + i * row, depth);
    return;
  }
  if (row == 1) {
    for (int64_t i = 0; i < m; i += W)
      for (int64_t k = 0; k < depth; k += W)
        transposeBlock(src + i + k * col, col, dst + i * ld + k, ld, min(W, depth - k), min(W, m - i));
    return;
  }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t k = 0; k < depth; ++k)
      dst[i * ld + k] = src[i * row + k * col];
}

// Panels of 16 columns, zero-padded: dst[(j/16)*depth*16 + k*16 + j%16] = src[k*row + j*col].
inline void packPanels(float *dst, const float *src, int64_t row, int64_t col, int64_t depth, int64_t n) {
  for (int64_t j = 0; j < n; j += kPanel, dst += depth * kPanel) {
    const float *from = src + j * col;
    int64_t cols = min(kPanel, n - j);
    if (col == 1) {
      for (int64_t k = 0; k < depth; ++k)
        for (int v = 0; v < kPanelVecs; ++v)
          store(dst + k * kPanel + v * W, load(from + k * row + v * W, firstLanes(max(0, cols - v * W))));
      continue;
    }
    if (cols < kPanel)
      zeroFloats(dst, depth * kPanel);
    if (row == 1) {
      for (int64_t c = 0; c < cols; c += W)
        for (int64_t k = 0; k < depth; k += W)
          transposeBlock(from + c * col + k, col, dst + k * kPanel + c, kPanel, min(W, cols - c), min(W, depth - k));
      continue;
    }
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t c = 0; c < cols; ++c)
        dst[k * kPanel + c] = from[k * row + c * col];
  }
}

} // namespace dsk
