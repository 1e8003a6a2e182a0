// Dense matmul: one tile of C per block.
#pragma once
#include "runtime/kernels/cuda/Epilogue.h"
#include "runtime/kernels/cuda/Gemm.h"
#include "runtime/kernels/cuda/dsk_cuda.h"

namespace dsk {

template <class Epilogue> struct MatmulArgs {
  dsk_cuda_matmul_args problem;
  Epilogue epilogue;
};

template <bool kContiguous, class T, int tile, int tileK, int threads> struct Operand {
  using Loader = KContiguous<T, tile, tileK, threads>;
  GPU_FN static Loader make(const T *base, i64 stride, i64 first, i64 count, i64 k) {
    return Loader(base, aligned16(base, stride), int(minimum<i64>(count - first, tile)), int(k),
                  [=](int r) { return (first + r) * stride; });
  }
};
template <class T, int tile, int tileK, int threads> struct Operand<false, T, tile, tileK, threads> {
  using Loader = KStrided<T, tile, tileK, threads>;
  GPU_FN static Loader make(const T *base, i64 stride, i64 first, i64 count, i64 k) {
    return Loader(base + first, stride, int(minimum<i64>(count - first, tile)), int(k));
  }
};

template <class S, bool aContiguous, bool bContiguous, class Epilogue>
GPU_FN void matmul(const MatmulArgs<Epilogue> &args) {
  using T = typename S::T;
  const dsk_cuda_matmul_args &p = args.problem;
  i64 z = blockZ();
  TileIndex tile = tileOf(blockX(), ceilDiv(p.m, S::m), ceilDiv(p.n, S::n));
  i64 i0 = i64(tile.m) * S::m, j0 = i64(tile.n) * S::n;
  using A = Operand<aContiguous, T, S::m, S::k, S::threads>;
  using B = Operand<bContiguous, T, S::n, S::k, S::threads>;
  auto a = A::make(static_cast<const T *>(p.a) + z * p.a_batch, p.a_row, i0, p.m, p.k);
  auto b = B::make(static_cast<const T *>(p.b) + z * p.b_batch, p.b_row, j0, p.n, p.k);
  const float *c = multiplyTiles<S>(a, b, int(p.k));
  drain<S>(c, args.epilogue, z, i0, j0, int(minimum<i64>(p.m - i0, S::m)), int(minimum<i64>(p.n - j0, S::n)));
}
} // namespace dsk
