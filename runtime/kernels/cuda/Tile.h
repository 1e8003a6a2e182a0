// Tiles of operands in shared memory: rows of 16-byte chunks, swizzled so that ldmatrix and 128-bit reads of eight rows
// meet no bank twice; and how threads fill them: by cp.async where addresses allow, else element by element.
#pragma once
#include "runtime/kernels/cuda/gpu.h"

namespace dsk {
using namespace gpu;

// Byte offset of a chunk. `words`: the tile is read by single 32-bit words of four rows at a time.
template <int rowBytes, bool words = false> GPU_FN int chunkAt(int row, int chunk) {
  static_assert(rowBytes == 64 || rowBytes % 128 == 0, "a power of two of chunks, at least four");
  if (rowBytes == 64)
    return row * rowBytes + ((chunk ^ (row >> 1 & 3)) << 4);
  return row * rowBytes + ((chunk ^ (words ? 2 * row & 7 : row & 7)) << 4);
}

template <class T> GPU_FN Vec128 packChunk(const T (&elements)[16 / sizeof(T)]) {
  Vec128 v = {};
  GPU_FOR (int e = 0; e < int(16 / sizeof(T)); ++e) {
    if constexpr (sizeof(T) == 4)
      v.w[e] = bitsOf(elements[e]);
    else
      v.w[e / 2] |= bitsOf(elements[e]) << (16 * (e % 2));
  }
  return v;
}

// Fills chunk `target` with the `valid` (0 .. 16/sizeof(T)) elements at `source`, then zeros.
template <class T> GPU_FN void fillChunk(unsigned char *target, const T *source, int valid, bool vector) {
  if (vector) {
    copyAsync16(target, source, u32(valid) * u32(sizeof(T)));
    return;
  }
  T elements[16 / sizeof(T)];
  GPU_FOR (int e = 0; e < int(16 / sizeof(T)); ++e)
    elements[e] = e < valid ? source[e] : T{};
  store128(target, packChunk(elements));
}

// Whether rows at this stride all begin at multiples of 16 bytes.
template <class T> GPU_FN bool aligned16(const T *base, i64 stride) {
  return reinterpret_cast<u64>(base) % 16 == 0 && stride * i64(sizeof(T)) % 16 == 0;
}

// Rows of K, `count` of them inside; K moves. locate(row) is where a row begins, in elements from the base.
template <class T, int tileRows, int tileK, int threads> struct KContiguous {
  static constexpr int per = 16 / sizeof(T), rowBytes = tileK * sizeof(T), chunks = tileK / per;
  static constexpr int mine = tileRows * chunks / threads, bytes = tileRows * rowBytes;
  static constexpr bool words = false, kContiguous = true;
  static_assert(tileRows * chunks % threads == 0, "equal work for all threads");
  const T *row[mine];
  const T *base;
  int k;
  bool vector;

  template <class Locate>
  GPU_FN KContiguous(const T *base, bool vector, int count, int k, Locate locate) : base(base), k(k), vector(vector) {
    GPU_FOR (int i = 0; i < mine; ++i) {
      int r = (int(threadIndex()) + i * threads) / chunks;
      row[i] = r < count ? base + locate(r) : nullptr;
    }
  }
  GPU_FN void load(unsigned char *tile, int k0) const {
    GPU_FOR (int i = 0; i < mine; ++i) {
      int index = int(threadIndex()) + i * threads, chunk = index % chunks, at = k0 + chunk * per;
      int valid = row[i] ? minimum(maximum(k - at, 0), per) : 0;
      fillChunk(tile + chunkAt<rowBytes>(index / chunks, chunk), valid ? row[i] + at : base, valid, vector);
    }
  }
};

// Rows of M or N: row k at base + k * stride; `count` columns are inside.
template <class T, int tileColumns, int tileK, int threads> struct KStrided {
  static constexpr int per = 16 / sizeof(T), rowBytes = tileColumns * sizeof(T), chunks = tileColumns / per;
  static constexpr int mine = tileK * chunks / threads, bytes = tileK * rowBytes;
  static constexpr bool words = sizeof(T) == 4, kContiguous = false;
  static_assert(tileK * chunks % threads == 0, "equal work for all threads");
  const T *base;
  i64 stride;
  int count, k;
  bool vector;

  GPU_FN KStrided(const T *base, i64 stride, int count, int k)
      : base(base), stride(stride), count(count), k(k), vector(aligned16(base, stride)) {}
  GPU_FN void load(unsigned char *tile, int k0) const {
    GPU_FOR (int i = 0; i < mine; ++i) {
      int index = int(threadIndex()) + i * threads, r = index / chunks, chunk = index % chunks;
      int valid = k0 + r < k ? minimum(maximum(count - chunk * per, 0), per) : 0;
      fillChunk(tile + chunkAt<rowBytes, words>(r, chunk), valid ? base + (k0 + r) * stride + chunk * per : base, valid,
                vector);
    }
  }
};
} // namespace dsk
