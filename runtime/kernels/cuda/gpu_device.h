// Device half of gpu.h: PTX.
#pragma once
#if defined(__clang__) && !defined(__device__)
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __grid_constant__ __attribute__((grid_constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))
#endif
// A loop that is unrolled.
#define GPU_FOR _Pragma("unroll") for
#define GPU_FN __device__ __forceinline__

// A kernel of one argument struct, launched with exactly THREADS threads and SHARED bytes of dynamic shared memory, at
// least BLOCKS of them per multiprocessor: GPU_KERNEL(name, Args, threads, blocks, shared) { uses args }.
// The host reads SHARED from the constant NAME_shared.
#define GPU_KERNEL(NAME, ARGS, THREADS, BLOCKS, SHARED)                                                                \
  extern "C" __device__ const unsigned NAME##_shared = SHARED;                                                         \
  extern "C" __device__ const unsigned NAME##_threads = THREADS;                                                       \
  extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) NAME(const __grid_constant__ ARGS args)

extern __shared__ __attribute__((aligned(128))) unsigned char gpu_dynamic_shared[];

namespace gpu {
#define GPU_SPECIAL(NAME, REGISTER)                                                                                    \
  GPU_FN u32 NAME() {                                                                                                  \
    u32 v;                                                                                                             \
    asm("mov.u32 %0, %" REGISTER ";" : "=r"(v));                                                                       \
    return v;                                                                                                          \
  }
GPU_SPECIAL(threadIndex, "%tid.x")
GPU_SPECIAL(blockX, "%ctaid.x")
GPU_SPECIAL(blockY, "%ctaid.y")
GPU_SPECIAL(blockZ, "%ctaid.z")
GPU_SPECIAL(gridX, "%nctaid.x")
GPU_SPECIAL(gridY, "%nctaid.y")
GPU_SPECIAL(gridZ, "%nctaid.z")
#undef GPU_SPECIAL
GPU_FN u32 laneIndex() { return threadIndex() % 32; }
GPU_FN u32 warpIndex() { return threadIndex() / 32; }
GPU_FN unsigned char *sharedMemory() { return gpu_dynamic_shared; }

GPU_FN void syncBlock() { asm volatile("bar.sync 0;" ::: "memory"); }
GPU_FN void syncNamed(u32 barrier, u32 threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
GPU_FN void syncWarp() { asm volatile("bar.warp.sync -1;" ::: "memory"); }

GPU_FN u32 shuffle(u32 v, u32 from) {
  u32 r;
  asm volatile("shfl.sync.idx.b32 %0, %1, %2, 31, -1;" : "=r"(r) : "r"(v), "r"(from));
  return r;
}
GPU_FN u32 shuffleXor(u32 v, u32 mask) {
  u32 r;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 31, -1;" : "=r"(r) : "r"(v), "r"(mask));
  return r;
}
// The value of the lane `by` below; lanes below `by` keep theirs.
GPU_FN u32 shuffleUp(u32 v, u32 by) {
  u32 r;
  asm volatile("shfl.sync.up.b32 %0, %1, %2, 0, -1;" : "=r"(r) : "r"(v), "r"(by));
  return r;
}
GPU_FN float shuffle(float v, u32 from) { return __builtin_bit_cast(float, shuffle(__builtin_bit_cast(u32, v), from)); }
GPU_FN float shuffleXor(float v, u32 mask) {
  return __builtin_bit_cast(float, shuffleXor(__builtin_bit_cast(u32, v), mask));
}
// Bit i: the predicate of lane i.
GPU_FN u32 warpBallot(bool p) {
  u32 r;
  asm volatile("{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.ballot.b32 %0, p, -1; }" : "=r"(r) : "r"(u32(p)));
  return r;
}
GPU_FN u32 warpAdd(u32 v) {
  u32 r;
  asm volatile("redux.sync.add.u32 %0, %1, -1;" : "=r"(r) : "r"(v));
  return r;
}
GPU_FN u32 popcount(u32 v) {
  u32 r;
  asm("popc.b32 %0, %1;" : "=r"(r) : "r"(v));
  return r;
}

// 16 bytes at a multiple of 16.
GPU_FN Vec128 load128(const void *p) { return *static_cast<const Vec128 *>(p); }
GPU_FN void store128(void *p, Vec128 v) { *static_cast<Vec128 *>(p) = v; }
GPU_FN void store64(void *p, Vec64 v) { *static_cast<Vec64 *>(p) = v; }
// From global memory that the kernel does not write, read once: passes the first cache by.
GPU_FN Vec128 loadStream128(const void *p) {
  Vec128 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3])
               : "l"(p));
  return v;
}

GPU_FN u32 sharedAddress(const void *p) {
  u64 a;
  asm("cvta.to.shared.u64 %0, %1;" : "=l"(a) : "l"(p));
  return u32(a);
}
// Starts a copy of `bytes` (0..16) bytes from global to shared memory, zeros after them up to 16; both addresses are
// multiples of 16. Usable by this thread after waitCopies, by others after a barrier that follows it.
GPU_FN void copyAsync16(void *target, const void *source, u32 bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(target)), "l"(source), "r"(bytes)
               : "memory");
}
GPU_FN void copyAsync4(void *target, const void *source, u32 bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(sharedAddress(target)), "l"(source), "r"(bytes)
               : "memory");
}
GPU_FN void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `left` of this thread's committed groups are under way.
template <u32 left> GPU_FN void waitCopies() { asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory"); }

// Four 8x8 matrices of 16-bit elements (or 8x4 of 32-bit ones); lane 8i+r gives the address of row r of matrix i.
GPU_FN void loadMatrices(u32 (&d)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(sharedAddress(row))
               : "memory");
}
GPU_FN void loadMatricesTransposed(u32 (&d)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(sharedAddress(row))
               : "memory");
}

// d[16,8] += a[16,k] b[k,8], 32 bytes of k: 16 elements of 16 bits or 8 of tf32.
#define GPU_MMA(TYPE, NAME)                                                                                            \
  GPU_FN void multiplyAdd(Same<TYPE>, float (&d)[4], const u32(&a)[4], u32 b0, u32 b1) {                               \
    asm volatile("mma.sync.aligned." NAME " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"           \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                      \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                                      \
  }
GPU_MMA(bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
GPU_MMA(f16, "m16n8k16.row.col.f32.f16.f16.f32")
GPU_MMA(tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef GPU_MMA

GPU_FN u32 roundTf32(u32 v) {
  u32 r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(__builtin_bit_cast(float, v)));
  return r;
}
GPU_FN u32 packBf16(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
GPU_FN u32 packF16(float low, float high) {
  u32 r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
GPU_FN float halfToFloat(u16 bits) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(bits));
  return r;
}

GPU_FN float fastExp2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
GPU_FN float reciprocalSqrt(float x) {
  float r;
  asm("rsqrt.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
GPU_FN float multiplyAdd(float a, float b, float c) {
  float r;
  asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(r) : "f"(a), "f"(b), "f"(c));
  return r;
}
// Returns what was there.
GPU_FN float addAtomically(float *p, float v) {
  float r;
  asm volatile("atom.add.f32 %0, [%1], %2;" : "=f"(r) : "l"(p), "f"(v) : "memory");
  return r;
}
GPU_FN u32 addAtomically(u32 *p, u32 v) {
  u32 r;
  asm volatile("atom.add.u32 %0, [%1], %2;" : "=r"(r) : "l"(p), "r"(v) : "memory");
  return r;
}
} // namespace gpu
