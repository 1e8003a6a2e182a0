// Activations of gated MLPs, over vectors.
#pragma once
#include "runtime/kernels/cpu/Simd.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {

// erf within 2e-7: Abramowitz and Stegun, 7.1.26.
DSK_INLINE Vec erf(Vec x) {
  Vec a = x < 0.0f ? -x : x, t = 1.0f / fma(a, Vec(0.3275911f), Vec(1.0f));
  Vec p = fma(t, Vec(1.061405429f), Vec(-1.453152027f));
  p = fma(p, t, Vec(1.421413741f));
  p = fma(p, t, Vec(-0.284496736f));
  p = fma(p, t, Vec(0.254829592f));
  Vec y = 1.0f - p * t * exp(-a * a);
  return x < 0.0f ? -y : y;
}

template <int Kind> DSK_INLINE Vec activate(Vec x) {
  if constexpr (Kind == DSK_ACT_RELU)
    return x < 0.0f ? Vec(0.0f) : x;
  if constexpr (Kind == DSK_ACT_SILU)
    return x / (1.0f + exp(-x));
  if constexpr (Kind == DSK_ACT_GELU)
    return 0.5f * x * (1.0f + erf(x * 0.70710678f));
  // x / 2 (1 + tanh(u)) = x / (1 + exp(-2u))
  if constexpr (Kind == DSK_ACT_GELU_TANH)
    return x / (1.0f + exp(-1.59576912f * fma(x * x * x, Vec(0.044715f), x)));
  return x;
}

} // namespace dsk
