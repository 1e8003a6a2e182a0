// Vectors of doubles, for what must choose as exact arithmetic would: scores that pick experts.
#pragma once
#include "runtime/kernels/cpu/Simd.h"

namespace dsk {

inline constexpr int WD = W / 2;
typedef double DVec __attribute__((ext_vector_type(WD)));
typedef int64_t DIVec __attribute__((ext_vector_type(WD)));
typedef double DVecU __attribute__((ext_vector_type(WD), aligned(8), may_alias));

DSK_INLINE DVec loadD(const double *p) { return *reinterpret_cast<const DVecU *>(p); }
DSK_INLINE void storeD(double *p, DVec v) { *reinterpret_cast<DVecU *>(p) = v; }

// exp, within 2 ULP; 0 below -708, capped above 709; NaN stays NaN. |r| <= ln2 / 2, Taylor to degree 13.
DSK_INLINE DVec exp(DVec x) {
  DVec y = x < -708.0 ? DVec(-708.0) : x > 709.0 ? DVec(709.0) : x;
  // Adding 1.5 * 2^52 rounds to an integer, which then is in the low bits.
  DVec shifted = y * 1.4426950408889634 + 6755399441055744.0, n = shifted - 6755399441055744.0;
  DVec r = y - n * 0.693147180369123816490;
  r = r - n * 1.90821492927058770002e-10;
  static constexpr double inverse[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                                       1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,          1.0};
  DVec p = DVec(1.0 / 6227020800);
#pragma unroll
  for (double c : inverse)
    p = __builtin_elementwise_fma(p, r, DVec(c));
  DIVec bits = ((DIVec)shifted << 52) + (DIVec)p;
  DVec result = x != x ? x : (DVec)bits;
  return x < -708.0 ? DVec(0.0) : result;
}

} // namespace dsk
