// One vector register of the ISA this file is compiled for, and what the kernels need of it. Everything else is
// written once over W lanes; intrinsics appear only here and only for masks.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <utility>

#define DSK_INLINE inline __attribute__((always_inline))

namespace dsk {

#if defined(__AVX512F__)
inline constexpr int W = 16;
#else
inline constexpr int W = 8;
#endif

typedef float Vec __attribute__((ext_vector_type(W)));
typedef int32_t IVec __attribute__((ext_vector_type(W)));
typedef float VecU __attribute__((ext_vector_type(W), aligned(4), may_alias));

DSK_INLINE Vec load(const float *p) { return *reinterpret_cast<const VecU *>(p); }
DSK_INLINE void store(float *p, Vec v) { *reinterpret_cast<VecU *>(p) = v; }
DSK_INLINE Vec fma(Vec a, Vec b, Vec c) { return __builtin_elementwise_fma(a, b, c); }
// The second operand when either is NaN, as the instruction does.
DSK_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
DSK_INLINE Vec min(Vec a, Vec b) { return a < b ? a : b; }

// The first n lanes; 0 <= n, more than W counts as W. Lanes beyond n are neither read nor written; loads give 0.
#if defined(__AVX512F__)
struct Mask {
  __mmask16 bits;
};
DSK_INLINE Mask firstLanes(int64_t n) { return {__mmask16(n >= W ? 0xFFFF : (1u << n) - 1)}; }
DSK_INLINE Vec load(const float *p, Mask m) { return (Vec)_mm512_maskz_loadu_ps(m.bits, p); }
DSK_INLINE void store(float *p, Vec v, Mask m) { _mm512_mask_storeu_ps(p, m.bits, (__m512)v); }
DSK_INLINE Vec select(Mask m, Vec a, Vec b) { return (Vec)_mm512_mask_blend_ps(m.bits, (__m512)b, (__m512)a); }
// p * 2^n for integral n, with overflow to infinity and gradual underflow.
DSK_INLINE Vec scaleByPowerOfTwo(Vec p, Vec n) { return (Vec)_mm512_scalef_ps((__m512)p, (__m512)n); }
DSK_INLINE Vec roundToInt(Vec x) { return (Vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT); }
#else
struct Mask {
  IVec lanes;
};
DSK_INLINE Mask firstLanes(int64_t n) {
  const IVec index = {0, 1, 2, 3, 4, 5, 6, 7};
  return {index < IVec(n >= W ? W : int32_t(n))};
}
DSK_INLINE Vec load(const float *p, Mask m) { return (Vec)_mm256_maskload_ps(p, (__m256i)m.lanes); }
DSK_INLINE void store(float *p, Vec v, Mask m) { _mm256_maskstore_ps(p, (__m256i)m.lanes, (__m256)v); }
DSK_INLINE Vec select(Mask m, Vec a, Vec b) { return m.lanes ? a : b; }
// In two steps, so that neither factor over- or underflows where the result does not.
DSK_INLINE Vec scaleByPowerOfTwo(Vec p, Vec n) {
  IVec whole = __builtin_convertvector(n, IVec), half = whole >> 1;
  IVec first = (half + 127) << 23, second = (whole - half + 127) << 23;
  return p * (Vec)first * (Vec)second;
}
DSK_INLINE Vec roundToInt(Vec x) {
  return (Vec)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#endif

DSK_INLINE float sumLanes(Vec v) {
  auto eight = [&] {
    if constexpr (W == 16)
      return v.lo + v.hi;
    else
      return v;
  }();
  auto four = eight.lo + eight.hi;
  auto two = four.lo + four.hi;
  return two.x + two.y;
}
// Of numbers: unlike the compiler's own reduction it takes no care of NaN.
DSK_INLINE float maxLanes(Vec v) {
  auto eight = [&] {
    if constexpr (W == 16)
      return v.lo > v.hi ? v.lo : v.hi;
    else
      return v;
  }();
  auto four = eight.lo > eight.hi ? eight.lo : eight.hi;
  auto two = four.lo > four.hi ? four.lo : four.hi;
  return two.x > two.y ? two.x : two.y;
}

// exp, within 1.1 ULP. Range reduction to |r| <= ln2/2, minimax of degree 6; NaN stays NaN.
DSK_INLINE Vec exp(Vec x) {
  x = min(Vec(89.0f), max(Vec(-104.0f), x));
  Vec n = roundToInt(x * 1.44269504f);
  Vec r = fma(n, Vec(-0.693359375f), x);
  r = fma(n, Vec(2.12194440e-4f), r);
  Vec p = Vec(1.38436072e-3f);
  p = fma(p, r, Vec(8.37419555e-3f));
  p = fma(p, r, Vec(4.16680053e-2f));
  p = fma(p, r, Vec(1.66664302e-1f));
  p = fma(p, r, Vec(0.49999994f));
  p = fma(p, r, Vec(1.0f));
  p = fma(p, r, Vec(1.0f));
  return scaleByPowerOfTwo(p, n);
}

template <int S, size_t... I> DSK_INLINE void exchangeBlocks(Vec &a, Vec &b, std::index_sequence<I...>) {
  Vec lo = __builtin_shufflevector(a, b, ((I / S) % 2 == 0 ? int(I) : int(I) - S + W)...);
  Vec hi = __builtin_shufflevector(a, b, ((I / S) % 2 == 0 ? int(I) + S : int(I) + W)...);
  a = lo;
  b = hi;
}

template <int S> DSK_INLINE void transposeStep(Vec (&rows)[W]) {
#pragma unroll
  for (int i = 0; i < W; ++i)
    if (!(i & S))
      exchangeBlocks<S>(rows[i], rows[i + S], std::make_index_sequence<W>());
}

// W x W in registers.
DSK_INLINE void transpose(Vec (&rows)[W]) {
  transposeStep<1>(rows);
  transposeStep<2>(rows);
  transposeStep<4>(rows);
  if constexpr (W == 16)
    transposeStep<W / 2>(rows);
}

// dst[c*dstLd + r] = src[r*srcLd + c] for r < rows <= W, c < cols <= W.
DSK_INLINE void transposeBlock(const float *src, int64_t srcLd, float *dst, int64_t dstLd, int64_t rows, int64_t cols) {
  Vec v[W];
  Mask in = firstLanes(cols), out = firstLanes(rows);
#pragma unroll
  for (int r = 0; r < W; ++r)
    v[r] = r < rows ? load(src + r * srcLd, in) : Vec(0.0f);
  transpose(v);
#pragma unroll
  for (int c = 0; c < W; ++c)
    if (c < cols)
      store(dst + c * dstLd, v[c], out);
}

DSK_INLINE int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
DSK_INLINE int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
DSK_INLINE int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

} // namespace dsk
