// The only intrinsics that our GPU kernels use. Device bodies are PTX for sm_80 and newer and need no CUDA header, so
// that nvcc, NVRTC and clang compile them alike; host bodies call the simulator. A kernel includes this file, never a
// half of it. Shapes of fragments: PTX ISA, "Matrix multiply-accumulate operation using mma instruction".
#pragma once

namespace gpu {
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

// Storage types; arithmetic is done in float.
struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};
// float in memory, rounded to 10 bits of mantissa when it is multiplied.
struct tf32 {
  float value;
};

struct alignas(16) Vec128 {
  u32 w[4];
};
struct alignas(8) Vec64 {
  u32 w[2];
};

template <class T> struct Same {
  using Type = T;
};
} // namespace gpu

#if defined(__CUDACC__) || defined(__CUDA__)
#include "runtime/kernels/cuda/gpu_device.h"
#else
#include "runtime/kernels/cuda/gpu_sim.h"
#endif

namespace gpu {

GPU_FN float asFloat(u32 bits) { return __builtin_bit_cast(float, bits); }
GPU_FN u32 asBits(float v) { return __builtin_bit_cast(u32, v); }
constexpr float infinity = __builtin_bit_cast(float, 0x7f800000u);
constexpr u32 warpSize = 32;

GPU_FN float toFloat(float v) { return v; }
GPU_FN float toFloat(tf32 v) { return v.value; }
GPU_FN float toFloat(bf16 v) { return asFloat(u32(v.bits) << 16); }
GPU_FN float toFloat(f16 v) { return halfToFloat(v.bits); }
GPU_FN u32 bitsOf(float v) { return asBits(v); }
GPU_FN u32 bitsOf(tf32 v) { return asBits(v.value); }
GPU_FN u32 bitsOf(bf16 v) { return v.bits; }
GPU_FN u32 bitsOf(f16 v) { return v.bits; }
GPU_FN float convert(Same<float>, float v) { return v; }
GPU_FN tf32 convert(Same<tf32>, float v) { return {v}; }
GPU_FN bf16 convert(Same<bf16>, float v) { return {u16(packBf16(v, 0.0f))}; }
GPU_FN f16 convert(Same<f16>, float v) { return {u16(packF16(v, 0.0f))}; }
template <class T> GPU_FN T fromFloat(float v) { return convert(Same<T>(), v); }

// Two values in one register, the first in the lower half.
GPU_FN u32 pack(Same<bf16>, float low, float high) { return packBf16(low, high); }
GPU_FN u32 pack(Same<f16>, float low, float high) { return packF16(low, high); }

template <class T> GPU_FN T minimum(T a, T b) { return a < b ? a : b; }
template <class T> GPU_FN T maximum(T a, T b) { return a > b ? a : b; }
GPU_FN constexpr i64 ceilDiv(i64 a, i64 b) { return (a + b - 1) / b; }

// Sum and maximum over the lanes whose indices differ in the bits below `width` only; every lane gets it.
template <u32 width = 32> GPU_FN float warpSum(float v) {
  GPU_FOR (u32 mask = width / 2; mask; mask /= 2)
    v += shuffleXor(v, mask);
  return v;
}
template <u32 width = 32> GPU_FN float warpMax(float v) {
  GPU_FOR (u32 mask = width / 2; mask; mask /= 2)
    v = maximum(v, shuffleXor(v, mask));
  return v;
}

// exp with an error of 2 ULP near 0, growing with |x| (the product with log2 e is rounded).
GPU_FN float exponential(float x) { return fastExp2(x * 1.4426950408889634f); }

// erf to 1.5e-7 absolute (Abramowitz and Stegun 7.1.26).
GPU_FN float erf(float x) {
  float a = x < 0 ? -x : x;
  float t = 1.0f / (1.0f + 0.3275911f * a);
  float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
  float y = 1.0f - p * exponential(-a * a);
  return x < 0 ? -y : y;
}
GPU_FN float tanh(float x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }
GPU_FN float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
} // namespace gpu
