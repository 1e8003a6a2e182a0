// Host half of gpu.h: each intrinsic by the simulator's means (sim_abi.h). Two builds: plain, and with GPU_SIM_CHECKED
// under -fsanitize=thread, where every access is looked at.
#pragma once
#include "runtime/kernels/cuda/sim_abi.h"
#include <math.h>
#include <string.h>

#define GPU_FOR for
#define GPU_FN inline __attribute__((always_inline, unused))
#ifdef GPU_SIM_CHECKED
#define GPU_CHECKED true
#else
#define GPU_CHECKED false
#endif

// Operations of a whole warp touch other lanes' operands on the simulator's behalf.
#define GPU_UNSEEN __attribute__((no_sanitize("thread")))

#define GPU_KERNEL(NAME, ARGS, THREADS, BLOCKS, SHARED)                                                                \
  static void NAME##_body(const ARGS &args);                                                                           \
  static void NAME##_start(const void *args) { NAME##_body(*static_cast<const ARGS *>(args)); }                        \
  extern "C" __attribute__((visibility("default")))                                                                    \
  const ds::sim::Kernel NAME = {#NAME, NAME##_start, THREADS, SHARED, sizeof(ARGS), GPU_CHECKED};                      \
  static void NAME##_body(const ARGS &args)

// Where the kernel calls an intrinsic.
#if __has_builtin(__builtin_COLUMN)
#define GPU_COLUMN __builtin_COLUMN()
#else
#define GPU_COLUMN 0
#endif
#define GPU_PLACE                                                                                                      \
  ds::sim::Place place = ds::sim::Place { __builtin_FILE(), __builtin_LINE(), GPU_COLUMN }

namespace gpu {
GPU_FN u32 threadIndex() { return ds::sim::self->index; }
GPU_FN u32 laneIndex() { return ds::sim::self->lane; }
GPU_FN u32 warpIndex() { return ds::sim::self->warp; }
GPU_FN u32 blockX() { return ds::sim::self->block.x; }
GPU_FN u32 blockY() { return ds::sim::self->block.y; }
GPU_FN u32 blockZ() { return ds::sim::self->block.z; }
GPU_FN u32 gridX() { return ds::sim::self->grid.x; }
GPU_FN u32 gridY() { return ds::sim::self->grid.y; }
GPU_FN u32 gridZ() { return ds::sim::self->grid.z; }
GPU_FN unsigned char *sharedMemory() { return ds::sim::self->shared; }

GPU_FN void syncBlock(GPU_PLACE) { ds::sim::syncThreads(0, ds::sim::self->threads, place); }
GPU_FN void syncNamed(u32 barrier, u32 threads, GPU_PLACE) { ds::sim::syncThreads(barrier, threads, place); }
GPU_FN void syncWarp(GPU_PLACE) { ds::sim::syncWarp(place); }

// What a lane brings to an operation of its warp.
struct Exchange {
  u32 value, from;
  GPU_UNSEEN static void run(void *const *lanes) {
    u32 values[32];
    for (int i = 0; i < 32; ++i)
      values[i] = static_cast<Exchange *>(lanes[i])->value;
    for (int i = 0; i < 32; ++i) {
      auto *e = static_cast<Exchange *>(lanes[i]);
      e->value = values[e->from & 31];
    }
  }
};
GPU_FN u32 shuffle(u32 v, u32 from, GPU_PLACE) {
  Exchange e{v, from};
  ds::sim::together(Exchange::run, &e, place);
  return e.value;
}
GPU_FN u32 shuffleXor(u32 v, u32 mask, GPU_PLACE) { return shuffle(v, laneIndex() ^ mask, place); }
GPU_FN u32 shuffleUp(u32 v, u32 by, GPU_PLACE) {
  return shuffle(v, laneIndex() < by ? laneIndex() : laneIndex() - by, place);
}
GPU_FN float shuffle(float v, u32 from, GPU_PLACE) {
  return __builtin_bit_cast(float, shuffle(__builtin_bit_cast(u32, v), from, place));
}
GPU_FN float shuffleXor(float v, u32 mask, GPU_PLACE) { return shuffle(v, laneIndex() ^ mask, place); }

struct Vote {
  GPU_UNSEEN static void warpBallot(void *const *lanes) {
    u32 all = 0;
    for (int i = 0; i < 32; ++i)
      all |= u32(*static_cast<u32 *>(lanes[i]) != 0) << i;
    for (int i = 0; i < 32; ++i)
      *static_cast<u32 *>(lanes[i]) = all;
  }
  GPU_UNSEEN static void add(void *const *lanes) {
    u32 all = 0;
    for (int i = 0; i < 32; ++i)
      all += *static_cast<u32 *>(lanes[i]);
    for (int i = 0; i < 32; ++i)
      *static_cast<u32 *>(lanes[i]) = all;
  }
};
GPU_FN u32 warpBallot(bool p, GPU_PLACE) {
  u32 v = p;
  ds::sim::together(Vote::warpBallot, &v, place);
  return v;
}
GPU_FN u32 warpAdd(u32 v, GPU_PLACE) {
  ds::sim::together(Vote::add, &v, place);
  return v;
}
GPU_FN u32 popcount(u32 v) { return u32(__builtin_popcount(v)); }

GPU_FN void checkAligned(const void *p, u32 alignment) {
  if (GPU_CHECKED)
    ds::sim::checkAligned(p, alignment);
}
GPU_FN Vec128 load128(const void *p) {
  checkAligned(p, 16);
  return *static_cast<const Vec128 *>(p);
}
GPU_FN Vec128 loadStream128(const void *p) { return load128(p); }
GPU_FN void store128(void *p, Vec128 v) {
  checkAligned(p, 16);
  *static_cast<Vec128 *>(p) = v;
}
GPU_FN void store64(void *p, Vec64 v) {
  checkAligned(p, 8);
  *static_cast<Vec64 *>(p) = v;
}

GPU_FN void copyAsync(void *target, const void *source, u32 size, u32 bytes) {
  if (GPU_CHECKED) {
    ds::sim::copyAsync(target, source, size, bytes);
    return;
  }
  memset(target, 0, size);
  memcpy(target, source, bytes);
}
GPU_FN void copyAsync16(void *target, const void *source, u32 bytes) { copyAsync(target, source, 16, bytes); }
GPU_FN void copyAsync4(void *target, const void *source, u32 bytes) { copyAsync(target, source, 4, bytes); }
GPU_FN void commitCopies() {
  if (GPU_CHECKED)
    ds::sim::commitCopies();
}
template <u32 left> GPU_FN void waitCopies() {
  if (GPU_CHECKED)
    ds::sim::waitCopies(left);
}

struct Matrices {
  const void *row;
  u32 d[4];
  static GPU_UNSEEN inline u32 element(void *const *rows, u32 row, u32 column) {
    u16 v;
    memcpy(&v, static_cast<const u8 *>(static_cast<Matrices *>(rows[row])->row) + 2 * column, 2);
    return v;
  }
  template <bool transposed> GPU_UNSEEN static void run(void *const *lanes) {
    for (u32 i = 0; GPU_CHECKED && i < 32; ++i)
      ds::sim::checkRow(i, static_cast<Matrices *>(lanes[i])->row, 16);
    for (u32 lane = 0; lane < 32; ++lane)
      for (u32 m = 0; m < 4; ++m) {
        u32 &d = static_cast<Matrices *>(lanes[lane])->d[m];
        u32 r = lane / 4, c = 2 * (lane % 4);
        void *const *rows = lanes + 8 * m;
        d = transposed ? element(rows, c, r) | element(rows, c + 1, r) << 16
                       : element(rows, r, c) | element(rows, r, c + 1) << 16;
      }
  }
};
GPU_FN void loadMatrices(u32 (&d)[4], const void *row, GPU_PLACE) {
  Matrices m{row, {}};
  ds::sim::together(Matrices::run<false>, &m, place);
  memcpy(d, m.d, sizeof d);
}
GPU_FN void loadMatricesTransposed(u32 (&d)[4], const void *row, GPU_PLACE) {
  Matrices m{row, {}};
  ds::sim::together(Matrices::run<true>, &m, place);
  memcpy(d, m.d, sizeof d);
}

GPU_FN float halfToFloat(u16 bits) { return float(__builtin_bit_cast(_Float16, bits)); }
GPU_FN u32 packF16(float low, float high) {
  return __builtin_bit_cast(u16, _Float16(low)) | u32(__builtin_bit_cast(u16, _Float16(high))) << 16;
}
GPU_FN u32 roundBf16(float v) {
  u32 bits = __builtin_bit_cast(u32, v);
  return v != v ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
GPU_FN u32 packBf16(float low, float high) { return roundBf16(low) | roundBf16(high) << 16; }
// To nearest, ties away from zero.
GPU_FN u32 roundTf32(u32 v) { return (v & 0x7f800000) == 0x7f800000 ? v : (v + 0x1000) & ~0x1fffu; }

// The elements of a register of an mma operand.
GPU_FN void unpack(Same<bf16>, u32 v, float *out) {
  out[0] = __builtin_bit_cast(float, v << 16), out[1] = __builtin_bit_cast(float, v & 0xffff0000);
}
GPU_FN void unpack(Same<f16>, u32 v, float *out) { out[0] = halfToFloat(u16(v)), out[1] = halfToFloat(u16(v >> 16)); }
GPU_FN void unpack(Same<tf32>, u32 v, float *out) { out[0] = __builtin_bit_cast(float, v & ~0x1fffu); }

// Sums in the order of k in float: the hardware's order is not specified.
template <class T> struct Mma {
  float *d;
  const u32 *a;
  u32 b[2];
  static constexpr int per = sizeof(T) == 2 ? 2 : 1, k = 8 * per;
  GPU_UNSEEN static void run(void *const *lanes) {
    float a[16][k], b[k][8], d[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      auto *m = static_cast<Mma *>(lanes[lane]);
      int g = lane / 4, t = lane % 4;
      for (int i = 0; i < 4; ++i)
        unpack(Same<T>(), m->a[i], &a[g + 8 * (i % 2)][t * per + k / 2 * (i / 2)]);
      for (int i = 0; i < 2; ++i) {
        float column[2];
        unpack(Same<T>(), m->b[i], column);
        for (int e = 0; e < per; ++e)
          b[t * per + k / 2 * i + e][g] = column[e];
      }
      for (int i = 0; i < 4; ++i)
        d[g + 8 * (i / 2)][2 * t + i % 2] = m->d[i];
    }
    for (int i = 0; i < 16; ++i)
      for (int l = 0; l < k; ++l)
        for (int j = 0; j < 8; ++j)
          d[i][j] += a[i][l] * b[l][j];
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i)
        static_cast<Mma *>(lanes[lane])->d[i] = d[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2];
  }
};
template <class T> GPU_FN void multiplyAdd(Same<T>, float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, GPU_PLACE) {
  Mma<T> m{d, a, {b0, b1}};
  ds::sim::together(Mma<T>::run, &m, place);
}

GPU_FN float fastExp2(float x) { return ::exp2f(x); }
GPU_FN float reciprocalSqrt(float x) { return 1.0f / ::sqrtf(x); }
GPU_FN float multiplyAdd(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

GPU_FN float addAtomically(float *p, float v) { return ds::sim::addAtomically(p, v); }
GPU_FN u32 addAtomically(u32 *p, u32 v) { return ds::sim::addAtomically(p, v); }
} // namespace gpu
