// Products with few rows, bound by reading the weights once. Plain: a warp per output feature. Gated: what x leaves at
// zero is neither read nor added (Deja Vu, arXiv 2310.17157; TEAL, arXiv 2408.14690), so weights lie by rows of K.
#pragma once
#include "runtime/kernels/cuda/Epilogue.h"
#include "runtime/kernels/cuda/dsk_cuda.h"

namespace dsk {

template <class Epilogue> struct MatvecArgs {
  dsk_cuda_matvec_args problem;
  Epilogue epilogue;
};

template <class T> GPU_FN void unpackChunk(Vec128 v, float (&out)[16 / sizeof(T)]) {
  GPU_FOR (int e = 0; e < int(16 / sizeof(T)); ++e) {
    if constexpr (sizeof(T) == 4)
      out[e] = asFloat(v.w[e]);
    else
      out[e] = toFloat(T{u16(v.w[e / 2] >> (16 * (e % 2)))});
  }
}

constexpr int matvecThreads = 256, matvecWarps = matvecThreads / 32;

template <class T, class Epilogue> GPU_FN void matvec(const MatvecArgs<Epilogue> &args) {
  const dsk_cuda_matvec_args &p = args.problem;
  constexpr int per = 16 / sizeof(T), ahead = 4; // loads under way per lane
  i64 i = blockY(), j = i64(blockX()) * matvecWarps + warpIndex();
  if (j >= p.n)
    return;
  const T *x = static_cast<const T *>(p.x) + i * p.x_row, *w = static_cast<const T *>(p.w) + j * p.w_row;
  float sum = 0;
  int k = 0, lane = int(laneIndex());
  if (aligned16(x, 0) && aligned16(w, 0)) {
    constexpr int step = 32 * per;
    auto add = [&](Vec128 packed, int at) {
      float a[per], b[per];
      unpackChunk<T>(packed, a);
      unpackChunk<T>(load128(x + at), b);
      GPU_FOR (int e = 0; e < per; ++e)
        sum = multiplyAdd(a[e], b[e], sum);
    };
    for (; k + ahead * step <= p.k; k += ahead * step) {
      Vec128 packed[ahead];
      GPU_FOR (int u = 0; u < ahead; ++u)
        packed[u] = loadStream128(w + k + u * step + lane * per);
      GPU_FOR (int u = 0; u < ahead; ++u)
        add(packed[u], k + u * step + lane * per);
    }
    for (; k + per <= p.k; k += step)
      if (k + lane * per + per <= p.k)
        add(loadStream128(w + k + lane * per), k + lane * per);
    k = int(p.k) / per * per;
  }
  for (int at = k + lane; at < p.k; at += 32)
    sum = multiplyAdd(toFloat(w[at]), toFloat(x[at]), sum);
  float total[1] = {warpSum(sum)};
  if (lane == 0)
    args.epilogue.template apply<1>(0, i, j, total);
}

// What a block of gated matvec keeps in shared memory: each warp's list of open terms, then each warp's sums.
template <int columns> struct GatedShared {
  static constexpr int slice = 256; // terms that a warp looks at at once
  int index[matvecWarps][slice];
  float value[matvecWarps][slice];
  float sums[matvecWarps][columns];
};

// The open terms among [k0, k0 + slice), in order, into the warp's list; returns their number.
template <class T, class Shared> GPU_FN int listOpen(Shared &shared, const T *x, int k0, int k) {
  u32 lane = laneIndex(), warp = warpIndex(), count = 0;
  for (int at = 0; at < Shared::slice; at += 32) {
    int i = k0 + at + int(lane);
    float v = i < k ? toFloat(x[i]) : 0.0f;
    u32 open = warpBallot(v != 0);
    if (v != 0) {
      u32 slot = count + popcount(open & ((1u << lane) - 1));
      shared.index[warp][slot] = i, shared.value[warp][slot] = v;
    }
    count += popcount(open);
  }
  return int(count);
}

template <class T, int columns, class Epilogue> GPU_FN void gatedMatvec(const MatvecArgs<Epilogue> &args) {
  const dsk_cuda_matvec_args &p = args.problem;
  using Shared = GatedShared<columns>;
  Shared &shared = *reinterpret_cast<Shared *>(sharedMemory());
  constexpr int per = 16 / sizeof(T), lanes = columns / per, groups = 32 / lanes, ahead = 4;
  int warp = int(warpIndex()), lane = int(laneIndex()), group = lane / lanes;
  i64 i = blockY(), j0 = i64(blockX()) * columns, j = j0 + lane % lanes * per;
  const T *x = static_cast<const T *>(p.x) + i * p.x_row, *w = static_cast<const T *>(p.w);
  int valid = int(minimum<i64>(maximum<i64>(p.n - j, 0), per));
  bool vector = aligned16(w, p.w_row) && valid == per;
  float sum[per] = {};
  auto add = [&](const T *row, float value) {
    float r[per] = {};
    if (vector)
      unpackChunk<T>(loadStream128(row), r);
    else
      GPU_FOR (int e = 0; e < per; ++e)
        r[e] = e < valid ? toFloat(row[e]) : 0.0f;
    GPU_FOR (int e = 0; e < per; ++e)
      sum[e] = multiplyAdd(r[e], value, sum[e]);
  };
  for (int k0 = warp * Shared::slice; k0 < p.k; k0 += matvecWarps * Shared::slice) {
    int open = listOpen<T>(shared, x, k0, int(p.k));
    syncWarp();
    int at = group;
    for (; at + (ahead - 1) * groups < open; at += ahead * groups)
      GPU_FOR (int u = 0; u < ahead; ++u)
        add(w + shared.index[warp][at + u * groups] * p.w_row + j, shared.value[warp][at + u * groups]);
    for (; at < open; at += groups)
      add(w + shared.index[warp][at] * p.w_row + j, shared.value[warp][at]);
    syncWarp();
  }
  GPU_FOR (int e = 0; e < per; ++e)
    GPU_FOR (int mask = lanes; mask < 32; mask *= 2)
      sum[e] += shuffleXor(sum[e], u32(mask));
  if (group == 0)
    GPU_FOR (int e = 0; e < per; ++e)
      shared.sums[warp][lane * per + e] = sum[e];
  syncBlock();
  int column = int(threadIndex());
  if (column >= columns || j0 + column >= p.n)
    return;
  float total[1] = {0};
  GPU_FOR (int other = 0; other < matvecWarps; ++other)
    total[0] += shared.sums[other][column];
  args.epilogue.template apply<1>(0, i, j0 + column, total);
}
} // namespace dsk
