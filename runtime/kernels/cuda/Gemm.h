// The blocked product that matmul, grouped matmul and convolution share: tiles of A and B flow through a ring of
// `stages` buffers; tensor cores (bf16, f16, tf32) or FMAs (f32, exact: one chain over k) multiply them; the finished
// tile goes to shared memory and from there, eight columns a thread, to the epilogue.
#pragma once
#include "runtime/kernels/cuda/Tile.h"

namespace dsk {

template <class Type, int tileM, int tileN, int tileK, int warpRows, int warpColumns, int ring> struct Shape {
  using T = Type;
  static constexpr int m = tileM, n = tileN, k = tileK, stages = ring;
  static constexpr int warpsM = warpRows, warpsN = warpColumns, threads = 32 * warpRows * warpColumns;
  static constexpr int ringBytes = ring * (tileM + tileN) * tileK * int(sizeof(Type));
  static constexpr int rowFloats = tileN + 8; // of the finished tile; the 8 spread its rows over the banks
  static constexpr int shared = ringBytes > tileM * rowFloats * 4 ? ringBytes : tileM * rowFloats * 4;
};

// The sums of one warp's part of the tile, in mma's fragments.
template <class S, class A, class B> struct TensorSums {
  using T = typename S::T;
  static constexpr int rows = S::m / S::warpsM, columns = S::n / S::warpsN, mt = rows / 16, nt = columns / 8;
  static constexpr int steps = S::k * int(sizeof(T)) / 32; // an mma takes 32 bytes of K
  float sum[mt][nt][4];

  GPU_FN TensorSums() {
    GPU_FOR (int i = 0; i < mt; ++i)
      GPU_FOR (int j = 0; j < nt; ++j)
        GPU_FOR (int e = 0; e < 4; ++e)
          sum[i][j][e] = 0;
  }
  GPU_FN static int firstRow() { return int(warpIndex()) / S::warpsN * rows; }
  GPU_FN static int firstColumn() { return int(warpIndex()) % S::warpsN * columns; }

  GPU_FN static u32 word(const unsigned char *tile, int rowBytes, int k, int column) {
    int chunk = column / 4;
    const unsigned char *p = tile + (rowBytes == 512 ? chunkAt<512, true>(k, chunk) : chunkAt<256, true>(k, chunk));
    return *reinterpret_cast<const u32 *>(p + column % 4 * 4);
  }

  GPU_FN static void loadA(u32 (&a)[4], const unsigned char *tile, int row, int step) {
    int lane = int(laneIndex());
    if constexpr (A::kContiguous) {
      loadMatrices(a, tile + chunkAt<A::rowBytes>(row + lane % 16, step * 2 + lane / 16));
    } else if constexpr (sizeof(T) == 2) {
      loadMatricesTransposed(a,
                             tile + chunkAt<A::rowBytes>(step * 16 + lane / 16 * 8 + lane % 8, row / 8 + lane / 8 % 2));
    } else {
      GPU_FOR (int i = 0; i < 4; ++i)
        a[i] = word(tile, A::rowBytes, step * 8 + lane % 4 + i / 2 * 4, row + lane / 4 + i % 2 * 8);
    }
    round(a);
  }
  // Two neighbouring columns of fragments: (b0, b1) of the first, then of the second.
  GPU_FN static void loadB(u32 (&b)[4], const unsigned char *tile, int column, int step) {
    int lane = int(laneIndex());
    if constexpr (B::kContiguous) {
      loadMatrices(b, tile + chunkAt<B::rowBytes>(column + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
    } else if constexpr (sizeof(T) == 2) {
      loadMatricesTransposed(
          b, tile + chunkAt<B::rowBytes>(step * 16 + lane / 8 % 2 * 8 + lane % 8, column / 8 + lane / 16));
    } else {
      GPU_FOR (int i = 0; i < 4; ++i)
        b[i] = word(tile, B::rowBytes, step * 8 + lane % 4 + i % 2 * 4, column + lane / 4 + i / 2 * 8);
    }
    round(b);
  }
  GPU_FN static void round(u32 (&v)[4]) {
    if constexpr (sizeof(T) == 4) {
      GPU_FOR (int i = 0; i < 4; ++i)
        v[i] = roundTf32(v[i]);
    }
  }

  GPU_FN void multiply(const unsigned char *tileA, const unsigned char *tileB) {
    int row = firstRow(), column = firstColumn();
    GPU_FOR (int step = 0; step < steps; ++step) {
      u32 a[mt][4], b[nt / 2][4];
      GPU_FOR (int i = 0; i < mt; ++i)
        loadA(a[i], tileA, row + i * 16, step);
      GPU_FOR (int j = 0; j < nt / 2; ++j)
        loadB(b[j], tileB, column + j * 16, step);
      GPU_FOR (int i = 0; i < mt; ++i)
        GPU_FOR (int j = 0; j < nt; ++j)
          multiplyAdd(Same<T>(), sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
  }
  GPU_FN void finish(float *tile) const {
    int lane = int(laneIndex());
    GPU_FOR (int i = 0; i < mt; ++i)
      GPU_FOR (int j = 0; j < nt; ++j)
        GPU_FOR (int half = 0; half < 2; ++half) {
          int row = firstRow() + i * 16 + half * 8 + lane / 4, column = firstColumn() + j * 8 + lane % 4 * 2;
          store64(tile + row * S::rowFloats + column, {{asBits(sum[i][j][half * 2]), asBits(sum[i][j][half * 2 + 1])}});
        }
  }
};

// Sums by FMA: thread (x, y) of a square of threads has rows y, y + side, ... and columns x, x + side, ...
template <class S, class A, class B> struct ScalarSums {
  static constexpr int side = S::threads == 256 ? 16 : 8, mt = S::m / side, nt = S::n / side;
  static_assert(side * side == S::threads, "a square of threads");
  float sum[mt][nt];

  GPU_FN ScalarSums() {
    GPU_FOR (int i = 0; i < mt; ++i)
      GPU_FOR (int j = 0; j < nt; ++j)
        sum[i][j] = 0;
  }
  // Elements k .. k+3 of row (or column) `at`.
  template <class O> GPU_FN static void four(float (&v)[4], const unsigned char *tile, int at, int k) {
    if constexpr (O::kContiguous) {
      Vec128 all = load128(tile + chunkAt<O::rowBytes>(at, k / 4));
      GPU_FOR (int e = 0; e < 4; ++e)
        v[e] = asFloat(all.w[e]);
    } else {
      GPU_FOR (int e = 0; e < 4; ++e)
        v[e] = *reinterpret_cast<const float *>(tile + chunkAt<O::rowBytes, true>(k + e, at / 4) + at % 4 * 4);
    }
  }
  GPU_FN void multiply(const unsigned char *tileA, const unsigned char *tileB) {
    int x = int(threadIndex()) % side, y = int(threadIndex()) / side;
    for (int k = 0; k < S::k; k += 4) {
      float a[mt][4], b[nt][4];
      GPU_FOR (int i = 0; i < mt; ++i)
        four<A>(a[i], tileA, y + i * side, k);
      GPU_FOR (int j = 0; j < nt; ++j)
        four<B>(b[j], tileB, x + j * side, k);
      GPU_FOR (int e = 0; e < 4; ++e)
        GPU_FOR (int i = 0; i < mt; ++i)
          GPU_FOR (int j = 0; j < nt; ++j)
            sum[i][j] = multiplyAdd(a[i][e], b[j][e], sum[i][j]);
    }
  }
  GPU_FN void finish(float *tile) const {
    int x = int(threadIndex()) % side, y = int(threadIndex()) / side;
    GPU_FOR (int i = 0; i < mt; ++i)
      GPU_FOR (int j = 0; j < nt; ++j)
        tile[(y + i * side) * S::rowFloats + x + j * side] = sum[i][j];
  }
};

template <class T, class S, class A, class B> struct ChooseSums {
  using Type = TensorSums<S, A, B>;
};
template <class S, class A, class B> struct ChooseSums<float, S, A, B> {
  using Type = ScalarSums<S, A, B>;
};
template <class S, class A, class B> using Sums = typename ChooseSums<typename S::T, S, A, B>::Type;

// Runs the ring over all of K and leaves the finished tile in shared memory, visible to the whole block.
template <class S, class A, class B> GPU_FN const float *multiplyTiles(const A &a, const B &b, int k) {
  unsigned char *ring = sharedMemory();
  constexpr int stageBytes = A::bytes + B::bytes;
  static_assert(S::stages * stageBytes == S::ringBytes, "the loaders fill the ring");
  Sums<S, A, B> sums;
  int tiles = int(ceilDiv(k, S::k));
  GPU_FOR (int t = 0; t < S::stages - 1; ++t) {
    if (t < tiles) {
      a.load(ring + t * stageBytes, t * S::k);
      b.load(ring + t * stageBytes + A::bytes, t * S::k);
    }
    commitCopies();
  }
  for (int t = 0; t < tiles; ++t) {
    // Tile t has arrived, and all threads are done with tile t - 1, whose buffer is filled next.
    waitCopies<S::stages - 2>();
    syncBlock();
    int ahead = t + S::stages - 1;
    if (ahead < tiles) {
      unsigned char *stage = ring + ahead % S::stages * stageBytes;
      a.load(stage, ahead * S::k);
      b.load(stage + A::bytes, ahead * S::k);
    }
    commitCopies();
    const unsigned char *stage = ring + t % S::stages * stageBytes;
    sums.multiply(stage, stage + A::bytes);
  }
  syncBlock();
  float *tile = reinterpret_cast<float *>(ring);
  sums.finish(tile);
  syncBlock();
  return tile;
}

// Hands rows [0, rows) and columns [0, columns) of the finished tile to the epilogue, as C[z, i0.., j0..].
template <class S, class Epilogue>
GPU_FN void drain(const float *tile, const Epilogue &epilogue, i64 z, i64 i0, i64 j0, int rows, int columns) {
  constexpr int groups = S::n / 8;
  bool vector = j0 % 8 == 0 && epilogue.vector();
  for (int at = int(threadIndex()); at < S::m * groups; at += S::threads) {
    int row = at / groups, column = at % groups * 8;
    if (row >= rows || column >= columns)
      continue;
    const float *p = tile + row * S::rowFloats + column;
    Vec128 low = load128(p), high = load128(p + 4);
    float v[8];
    GPU_FOR (int e = 0; e < 4; ++e)
      v[e] = asFloat(low.w[e]), v[e + 4] = asFloat(high.w[e]);
    if (vector && column + 8 <= columns) {
      epilogue.template apply<8>(z, i0 + row, j0 + column, v);
      continue;
    }
    GPU_FOR (int e = 0; e < 8; ++e) {
      float one[1] = {v[e]};
      if (column + e < columns)
        epilogue.template apply<1>(z, i0 + row, j0 + column + e, one);
    }
  }
}

// Which tile a block takes: columns of `group` tiles of M each, so that blocks that run together share operands in L2.
struct TileIndex {
  int m, n;
};
GPU_FN TileIndex tileOf(i64 index, i64 tilesM, i64 tilesN) {
  constexpr i64 group = 8;
  i64 first = index / (group * tilesN) * group;
  i64 height = minimum(tilesM - first, group), inside = index % (group * tilesN);
  return {int(first + inside % height), int(inside / height)};
}
} // namespace dsk
