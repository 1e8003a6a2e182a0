// Matmul of experts: runs of rows that are sorted by expert, each run with weights of its own (MegaBlocks, arXiv
// 2211.15841).
#pragma once
#include "runtime/kernels/cuda/Epilogue.h"
#include "runtime/kernels/cuda/Gemm.h"
#include "runtime/kernels/cuda/dsk_cuda.h"

namespace dsk {

template <class Epilogue> struct GroupedMatmulArgs {
  dsk_cuda_grouped_matmul_args problem;
  Epilogue epilogue;
};

// For the way back from experts: row i of C goes to row permutation[i] of out, times the mixing weight of that routed
// row. Summing `per_row` rows then gives each token's result, in an order that does not depend on the routing.
template <class T> struct Scatter {
  T *out;
  const i64 *permutation;
  const float *weights;
  i64 row; // stride

  GPU_FN bool vector() const { return aligned16(out, row); }
  template <int V> GPU_FN void apply(i64, i64 i, i64 j, const float (&v)[V]) const {
    i64 to = permutation[i];
    float weight = weights[to], r[V];
    GPU_FOR (int e = 0; e < V; ++e)
      r[e] = v[e] * weight;
    if constexpr (V == 8)
      Elements<T>::store(out + to * row + j, r);
    else
      out[to * row + j] = fromFloat<T>(r[0]);
  }
};

// Rows [first, last) of one expert that a block takes; none if the expert is negative.
struct Segment {
  int expert;
  i64 first, last;
};

// The `index`-th tile of `rows` rows, counted over all experts. Each warp finds it by itself, 32 experts at a time.
GPU_FN Segment findTile(const dsk_cuda_grouped_matmul_args &p, u32 index, int rows) {
  u32 before = 0, lane = laneIndex();
  for (u32 e0 = 0; e0 < p.experts; e0 += 32) {
    u32 e = e0 + lane, tiles = 0;
    if (e < p.experts)
      tiles = u32(ceilDiv(p.offsets[e + 1] - p.offsets[e], rows));
    u32 sum = tiles;
    GPU_FOR (u32 by = 1; by < 32; by *= 2) {
      u32 other = shuffleUp(sum, by);
      sum += lane >= by ? other : 0;
    }
    u32 from = before + sum - tiles;
    u32 hit = warpBallot(index >= from && index < from + tiles);
    if (hit) {
      u32 owner = popcount((hit & -hit) - 1);
      i64 first = p.offsets[e0 + owner] + i64(index - shuffle(from, owner)) * rows;
      return {int(e0 + owner), first, minimum(first + rows, p.offsets[e0 + owner + 1])};
    }
    before += shuffle(sum, 31);
  }
  return {-1, 0, 0};
}

template <class S, class Epilogue> GPU_FN void expertTile(const GroupedMatmulArgs<Epilogue> &args, Segment s) {
  using T = typename S::T;
  const dsk_cuda_grouped_matmul_args &p = args.problem;
  i64 j0 = i64(blockX()) * S::n;
  const T *weights = static_cast<const T *>(p.b) + s.expert * p.b_expert;
  int rows = int(s.last - s.first), columns = int(minimum<i64>(p.n - j0, S::n));
  const T *input = static_cast<const T *>(p.a);
  KContiguous<T, S::m, S::k, S::threads> a(input, aligned16(input, p.a_row), rows, int(p.k), [&](int r) {
    i64 i = s.first + r;
    return (p.permutation ? p.permutation[i] / p.per_row : i) * p.a_row;
  });
  KContiguous<T, S::n, S::k, S::threads> b(weights, aligned16(weights, p.b_row), columns, int(p.k),
                                           [&](int r) { return (j0 + r) * p.b_row; });
  const float *c = multiplyTiles<S>(a, b, int(p.k));
  drain<S>(c, args.epilogue, 0, s.first, j0, rows, columns);
}

// One tile of rows per block.
template <class S, class Epilogue> GPU_FN void groupedMatmul(const GroupedMatmulArgs<Epilogue> &args) {
  Segment s = findTile(args.problem, blockY(), S::m);
  if (s.expert >= 0)
    expertTile<S>(args, s);
}

// All rows of one expert per block, tile after tile.
template <class S, class Epilogue> GPU_FN void maskedMatmul(const GroupedMatmulArgs<Epilogue> &args) {
  int expert = int(blockY());
  i64 end = args.problem.offsets[expert + 1];
  for (i64 first = args.problem.offsets[expert]; first < end; first += S::m) {
    expertTile<S>(args, {expert, first, minimum(first + S::m, end)});
    syncBlock(); // the next tile's copies go where this one's sums were read
  }
}
} // namespace dsk
