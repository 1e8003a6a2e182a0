// Fused attention with a running maximum and sum (FlashAttention-2, arXiv 2307.08691): scores never leave the chip. The
// query heads that share a key head are rows of one tile, so that decode with grouped heads reads the cache once.
#pragma once
#include "runtime/kernels/cuda/Tile.h"
#include "runtime/kernels/cuda/dsk_cuda.h"

namespace dsk {

// Row r of the tile: query r / group of head first + r % group.
struct AttentionRows {
  const dsk_cuda_attention_args &p;
  i64 z, keyHead;
  int split, group, rows; // rows: of this key head, in all tiles
  GPU_FN explicit AttentionRows(const dsk_cuda_attention_args &p) : p(p), keyHead(blockY()) {
    z = blockZ() / p.splits, split = int(blockZ() % p.splits);
    group = int(p.heads / p.kv_heads), rows = int(p.q_len) * group;
  }
  // What a row is divided by: 0, hence NaN, if all its keys are excluded; without any key its sum is 0.
  GPU_FN float divisor(float sum) const { return p.kv_len == 0 ? 1.0f : sum; }
  GPU_FN i64 head(int r) const { return keyHead * group + r % group; }
  GPU_FN i64 queryAt(int r) const { return z * p.q_batch + head(r) * p.q_head + r / group * p.q_row; }
  // Where this block's sums for row r go.
  GPU_FN float *partialAt(int r) const {
    i64 row = (z * p.heads + head(r)) * p.q_len + r / group;
    return p.partial + (row * p.splits + split) * (p.v_dim + 2);
  }
  GPU_FN i64 outAt(int r) const { return z * p.o_batch + head(r) * p.o_head + r / group * p.o_row; }

  // Keys [0, limit) are what row r may see.
  GPU_FN int limit(int r) const {
    int keys = int(p.kv_len);
    return p.causal ? minimum(r / group + 1 + keys - int(p.q_len), keys) : keys;
  }
  // Tiles of keys that some of rows [row0, row0 + count) may see, as far as this block's split goes; the others are not
  // even read.
  GPU_FN int firstTile(int tiles) const { return int(i64(tiles) * split / p.splits); }
  GPU_FN int lastTile(int tiles) const { return int(i64(tiles) * (split + 1) / p.splits); }
  GPU_FN int tiles(int row0, int count, int keys) const {
    return int(ceilDiv(maximum(limit(minimum(row0 + count, rows) - 1), 0), keys));
  }
  // The score that softmax sees, in units of log2.
  template <class T> GPU_FN float score(float product, int r, int key) const {
    if (r >= rows || key >= limit(r))
      return -infinity;
    float s = product * p.scale;
    i64 at = z * p.m_batch + head(r) * p.m_head + r / group * p.m_row + key * p.m_col;
    if (p.mask_type == DSK_MASK_F32)
      s += static_cast<const float *>(p.mask)[at];
    else if (p.mask_type == DSK_MASK_SAME)
      s += toFloat(static_cast<const T *>(p.mask)[at]);
    else if (p.mask_type == DSK_MASK_BOOL && !static_cast<const u8 *>(p.mask)[at])
      return -infinity;
    return s * 1.4426950408889634f;
  }
};

// A maximum that NaN does not hide from: fastExp2(-inf - reference) must be 0, not NaN, while all keys are excluded.
GPU_FN float reference(float maximum) { return maximum == -infinity ? 0.0f : maximum; }

// Tensor cores. A warp has 16 rows of the tile; scores of a tile of keys become, rounded to T, the A operand of the
// second product.
template <class Type, int dim, int vDim> struct FlashTile {
  using T = Type;
  static constexpr int rows = 64, keys = 64, threads = 128, per = 16 / sizeof(T);
  static constexpr int queryBytes = rows * dim * sizeof(T), outBytes = rows * vDim * sizeof(T);
  static constexpr int keyBytes = keys * dim * sizeof(T), stageBytes = keyBytes + keys * vDim * int(sizeof(T));
  static constexpr int firstBytes = queryBytes > outBytes ? queryBytes : outBytes;
  static constexpr int shared = firstBytes + 2 * stageBytes;
  using Queries = KContiguous<T, rows, dim, threads>;
  using Keys = KStrided<T, dim, keys, threads>;
  using Values = KStrided<T, vDim, keys, threads>;
};

// One row of a warp's tile per thread and half: its running maximum, this thread's part of its running sum.
template <class F> struct FlashState {
  using T = typename F::T;
  static constexpr int nt = F::keys / 8, vt = F::Values::rowBytes / int(sizeof(T)) / 8, kt = F::Keys::rowBytes / 32;
  float out[vt][4], top[2], sum[2];
  u32 q[kt][4];

  GPU_FN FlashState() {
    GPU_FOR (int j = 0; j < vt; ++j)
      GPU_FOR (int e = 0; e < 4; ++e)
        out[j][e] = 0;
    GPU_FOR (int half = 0; half < 2; ++half)
      top[half] = -infinity, sum[half] = 0;
  }
  GPU_FN void loadQueries(const unsigned char *tile) {
    int lane = int(laneIndex()), row = int(warpIndex()) * 16 + lane % 16;
    GPU_FOR (int step = 0; step < kt; ++step)
      loadMatrices(q[step], tile + chunkAt<F::Queries::rowBytes>(row, step * 2 + lane / 16));
  }
  GPU_FN void scores(float (&s)[nt][4], const unsigned char *tile) const {
    int lane = int(laneIndex());
    GPU_FOR (int j = 0; j < nt; ++j)
      GPU_FOR (int e = 0; e < 4; ++e)
        s[j][e] = 0;
    GPU_FOR (int step = 0; step < kt; ++step)
      GPU_FOR (int j = 0; j < nt; j += 2) {
        u32 b[4];
        loadMatrices(b, tile + chunkAt<F::Keys::rowBytes>(j * 8 + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2));
        multiplyAdd(Same<T>(), s[j], q[step], b[0], b[1]);
        multiplyAdd(Same<T>(), s[j + 1], q[step], b[2], b[3]);
      }
  }
  // Scores become probabilities relative to the running maximum; what was summed so far is scaled to it.
  GPU_FN void soften(float (&s)[nt][4], const AttentionRows &rows, int row0, int key0) {
    int lane = int(laneIndex());
    GPU_FOR (int half = 0; half < 2; ++half) {
      int row = row0 + half * 8 + lane / 4;
      float highest = top[half];
      GPU_FOR (int j = 0; j < nt; ++j)
        GPU_FOR (int e = 0; e < 2; ++e) {
          float &x = s[j][half * 2 + e];
          x = rows.score<T>(x, row, key0 + j * 8 + lane % 4 * 2 + e);
          highest = maximum(highest, x);
        }
      highest = warpMax<4>(highest);
      float scale = fastExp2(top[half] - reference(highest));
      top[half] = highest;
      sum[half] *= scale;
      GPU_FOR (int j = 0; j < vt; ++j)
        GPU_FOR (int e = 0; e < 2; ++e)
          out[j][half * 2 + e] *= scale;
      GPU_FOR (int j = 0; j < nt; ++j)
        GPU_FOR (int e = 0; e < 2; ++e) {
          float &x = s[j][half * 2 + e];
          x = fastExp2(x - reference(highest));
          sum[half] += x;
        }
    }
  }
  GPU_FN void addValues(const float (&s)[nt][4], const unsigned char *tile) {
    int lane = int(laneIndex());
    GPU_FOR (int step = 0; step < nt / 2; ++step) {
      Same<T> type;
      u32 a[4] = {pack(type, s[2 * step][0], s[2 * step][1]), pack(type, s[2 * step][2], s[2 * step][3]),
                  pack(type, s[2 * step + 1][0], s[2 * step + 1][1]),
                  pack(type, s[2 * step + 1][2], s[2 * step + 1][3])};
      GPU_FOR (int j = 0; j < vt; j += 2) {
        u32 b[4];
        loadMatricesTransposed(
            b, tile + chunkAt<F::Values::rowBytes>(step * 16 + lane / 8 % 2 * 8 + lane % 8, j + lane / 16));
        multiplyAdd(type, out[j], a, b[0], b[1]);
        multiplyAdd(type, out[j + 1], a, b[2], b[3]);
      }
    }
  }
  GPU_FN void storePartial(const AttentionRows &rows, int row0) {
    int lane = int(laneIndex());
    GPU_FOR (int half = 0; half < 2; ++half) {
      float total = warpSum<4>(sum[half]);
      int row = row0 + half * 8 + lane / 4;
      if (row >= rows.rows)
        continue;
      float *to = rows.partialAt(row);
      GPU_FOR (int j = 0; j < vt; ++j)
        GPU_FOR (int e = 0; e < 2; ++e) {
          int column = j * 8 + lane % 4 * 2 + e;
          if (column < rows.p.v_dim)
            to[column] = out[j][half * 2 + e];
        }
      if (lane % 4 == 0)
        to[rows.p.v_dim] = top[half], to[rows.p.v_dim + 1] = total;
    }
  }
  // By way of shared memory, where only this warp's 16 rows are touched.
  GPU_FN void store(unsigned char *tile, const AttentionRows &rows, int row0) {
    int lane = int(laneIndex()), warpRow = int(warpIndex()) * 16;
    constexpr int rowBytes = F::Values::rowBytes, chunks = rowBytes / 16;
    GPU_FOR (int half = 0; half < 2; ++half) {
      float total = rows.divisor(warpSum<4>(sum[half]));
      GPU_FOR (int j = 0; j < vt; ++j) {
        unsigned char *p = tile + chunkAt<rowBytes>(warpRow + half * 8 + lane / 4, j) + lane % 4 * 4;
        *reinterpret_cast<u32 *>(p) = pack(Same<T>(), out[j][half * 2] / total, out[j][half * 2 + 1] / total);
      }
    }
    syncWarp();
    const dsk_cuda_attention_args &p = rows.p;
    T *base = static_cast<T *>(p.out);
    bool vector = aligned16(base, p.o_batch) && aligned16(base, p.o_head) && aligned16(base, p.o_row);
    for (int at = lane; at < 16 * chunks; at += 32) {
      int row = row0 + at / chunks, column = at % chunks * F::per;
      if (row >= rows.rows || column >= p.v_dim)
        continue;
      const unsigned char *chunk = tile + chunkAt<rowBytes>(warpRow + at / chunks, at % chunks);
      T *to = base + rows.outAt(row) + column;
      if (vector && column + F::per <= p.v_dim) {
        store128(to, load128(chunk));
        continue;
      }
      for (int e = 0; e < F::per && column + e < p.v_dim; ++e)
        to[e] = reinterpret_cast<const T *>(chunk)[e];
    }
  }
};

template <class F> GPU_FN void flashAttention(const dsk_cuda_attention_args &p) {
  using T = typename F::T;
  AttentionRows rows(p);
  unsigned char *queries = sharedMemory(), *ring = queries + F::firstBytes;
  int row0 = int(blockX()) * F::rows;
  const T *q = static_cast<const T *>(p.q);
  bool vector = aligned16(q, p.q_batch) && aligned16(q, p.q_head) && aligned16(q, p.q_row);
  typename F::Queries loadQ(q, vector, rows.rows - row0, int(p.head_dim),
                            [&](int r) { return rows.queryAt(row0 + r); });
  typename F::Keys loadK(static_cast<const T *>(p.k) + rows.z * p.k_batch + rows.keyHead * p.k_head, p.k_row,
                         int(p.head_dim), int(p.kv_len));
  typename F::Values loadV(static_cast<const T *>(p.v) + rows.z * p.v_batch + rows.keyHead * p.v_head, p.v_row,
                           int(p.v_dim), int(p.kv_len));
  int tiles = rows.tiles(row0, F::rows, F::keys), first = rows.firstTile(tiles), last = rows.lastTile(tiles);
  FlashState<F> state;
  loadQ.load(queries, 0);
  loadK.load(ring + first % 2 * F::stageBytes, first * F::keys);
  loadV.load(ring + first % 2 * F::stageBytes + F::keyBytes, first * F::keys);
  commitCopies();
  int warpRow0 = row0 + int(warpIndex()) * 16;
  for (int t = first; t < last; ++t) {
    // Tile t has arrived, and all threads are done with tile t - 1, whose buffer is filled next.
    waitCopies<0>();
    syncBlock();
    if (t == first)
      state.loadQueries(queries);
    if (t + 1 < last) {
      unsigned char *stage = ring + (t + 1) % 2 * F::stageBytes;
      loadK.load(stage, (t + 1) * F::keys);
      loadV.load(stage + F::keyBytes, (t + 1) * F::keys);
      commitCopies();
    }
    const unsigned char *stage = ring + t % 2 * F::stageBytes;
    float s[FlashState<F>::nt][4];
    state.scores(s, stage);
    state.soften(s, rows, warpRow0, t * F::keys);
    state.addValues(s, stage + F::keyBytes);
  }
  if (p.splits > 1) {
    state.storePartial(rows, warpRow0);
    return;
  }
  waitCopies<0>(); // where no tile was waited for
  syncBlock();     // the queries' place takes the result
  state.store(queries, rows, warpRow0);
}

// FMAs, exact f32. A warp has `warpRows` rows; lanes are keys in the first product, features in the second.
template <int dim, int vDim> struct ExactTile {
  static constexpr int warpRows = 8, rows = 32, keys = 32, threads = 128;
  static constexpr int keyBytes = keys * dim * 4, stageBytes = keyBytes + keys * vDim * 4;
  static constexpr int queryBytes = rows * dim * 4, probabilityBytes = rows * keys * 4;
  static constexpr int shared = queryBytes + probabilityBytes + 2 * stageBytes, features = vDim / 32;
  using Queries = KContiguous<float, rows, dim, threads>;
  using Keys = KStrided<float, dim, keys, threads>;
  using Values = KStrided<float, vDim, keys, threads>;
};

template <class F> struct ExactState {
  float out[F::warpRows][F::features] = {}, top[F::warpRows], sum[F::warpRows] = {};

  GPU_FN ExactState() {
    GPU_FOR (int r = 0; r < F::warpRows; ++r)
      top[r] = -infinity;
  }
  GPU_FN void scores(float (&s)[F::warpRows], const unsigned char *queries, const unsigned char *keys) const {
    int lane = int(laneIndex()), row0 = int(warpIndex()) * F::warpRows;
    GPU_FOR (int r = 0; r < F::warpRows; ++r)
      s[r] = 0;
    for (int chunk = 0; chunk < F::Keys::chunks; ++chunk) {
      Vec128 k = load128(keys + chunkAt<F::Keys::rowBytes, true>(lane, chunk));
      GPU_FOR (int r = 0; r < F::warpRows; ++r) {
        Vec128 q = load128(queries + chunkAt<F::Queries::rowBytes>(row0 + r, chunk));
        GPU_FOR (int e = 0; e < 4; ++e)
          s[r] = multiplyAdd(asFloat(q.w[e]), asFloat(k.w[e]), s[r]);
      }
    }
  }
  GPU_FN void soften(float (&s)[F::warpRows], const AttentionRows &rows, int row0, int key0) {
    GPU_FOR (int r = 0; r < F::warpRows; ++r) {
      float x = rows.score<float>(s[r], row0 + r, key0 + int(laneIndex()));
      float highest = maximum(top[r], warpMax(x));
      float scale = fastExp2(top[r] - reference(highest));
      top[r] = highest;
      s[r] = fastExp2(x - reference(highest));
      sum[r] = sum[r] * scale + s[r];
      GPU_FOR (int c = 0; c < F::features; ++c)
        out[r][c] *= scale;
    }
  }
  GPU_FN void addValues(const float (&s)[F::warpRows], float *probabilities, const unsigned char *values) {
    int lane = int(laneIndex());
    float *mine = probabilities + int(warpIndex()) * F::warpRows * F::keys;
    syncWarp(); // the last tile's have been read
    GPU_FOR (int r = 0; r < F::warpRows; ++r)
      mine[r * F::keys + lane] = s[r];
    syncWarp();
    for (int key = 0; key < F::keys; key += 4) {
      Vec128 p[F::warpRows];
      GPU_FOR (int r = 0; r < F::warpRows; ++r)
        p[r] = load128(mine + r * F::keys + key);
      GPU_FOR (int e = 0; e < 4; ++e)
        GPU_FOR (int c = 0; c < F::features; ++c) {
          int column = lane + c * 32;
          float v = *reinterpret_cast<const float *>(values + chunkAt<F::Values::rowBytes, true>(key + e, column / 4) +
                                                     column % 4 * 4);
          GPU_FOR (int r = 0; r < F::warpRows; ++r)
            out[r][c] = multiplyAdd(asFloat(p[r].w[e]), v, out[r][c]);
        }
    }
  }
  GPU_FN void storePartial(const AttentionRows &rows, int row0) {
    int lane = int(laneIndex());
    GPU_FOR (int r = 0; r < F::warpRows; ++r) {
      float total = warpSum(sum[r]);
      if (row0 + r >= rows.rows)
        continue;
      float *to = rows.partialAt(row0 + r);
      GPU_FOR (int c = 0; c < F::features; ++c)
        if (lane + c * 32 < rows.p.v_dim)
          to[lane + c * 32] = out[r][c];
      if (lane == 0)
        to[rows.p.v_dim] = top[r], to[rows.p.v_dim + 1] = total;
    }
  }
  GPU_FN void store(const AttentionRows &rows, int row0) {
    GPU_FOR (int r = 0; r < F::warpRows; ++r) {
      float total = rows.divisor(warpSum(sum[r]));
      GPU_FOR (int c = 0; c < F::features; ++c) {
        int column = int(laneIndex()) + c * 32;
        if (row0 + r < rows.rows && column < rows.p.v_dim)
          static_cast<float *>(rows.p.out)[rows.outAt(row0 + r) + column] = out[r][c] / total;
      }
    }
  }
};

template <class F> GPU_FN void exactAttention(const dsk_cuda_attention_args &p) {
  AttentionRows rows(p);
  unsigned char *queries = sharedMemory(), *ring = queries + F::queryBytes + F::probabilityBytes;
  float *probabilities = reinterpret_cast<float *>(queries + F::queryBytes);
  int row0 = int(blockX()) * F::rows, warpRow0 = row0 + int(warpIndex()) * F::warpRows;
  const float *q = static_cast<const float *>(p.q);
  bool vector = aligned16(q, p.q_batch) && aligned16(q, p.q_head) && aligned16(q, p.q_row);
  typename F::Queries loadQ(q, vector, rows.rows - row0, int(p.head_dim),
                            [&](int r) { return rows.queryAt(row0 + r); });
  typename F::Keys loadK(static_cast<const float *>(p.k) + rows.z * p.k_batch + rows.keyHead * p.k_head, p.k_row,
                         int(p.head_dim), int(p.kv_len));
  typename F::Values loadV(static_cast<const float *>(p.v) + rows.z * p.v_batch + rows.keyHead * p.v_head, p.v_row,
                           int(p.v_dim), int(p.kv_len));
  int tiles = rows.tiles(row0, F::rows, F::keys), first = rows.firstTile(tiles), last = rows.lastTile(tiles);
  ExactState<F> state;
  loadQ.load(queries, 0);
  loadK.load(ring + first % 2 * F::stageBytes, first * F::keys);
  loadV.load(ring + first % 2 * F::stageBytes + F::keyBytes, first * F::keys);
  commitCopies();
  for (int t = first; t < last; ++t) {
    waitCopies<0>();
    syncBlock();
    if (t + 1 < last) {
      unsigned char *stage = ring + (t + 1) % 2 * F::stageBytes;
      loadK.load(stage, (t + 1) * F::keys);
      loadV.load(stage + F::keyBytes, (t + 1) * F::keys);
      commitCopies();
    }
    const unsigned char *stage = ring + t % 2 * F::stageBytes;
    float s[F::warpRows];
    state.scores(s, queries, stage);
    state.soften(s, rows, warpRow0, t * F::keys);
    state.addValues(s, probabilities, stage + F::keyBytes);
  }
  if (p.splits > 1)
    state.storePartial(rows, warpRow0);
  else
    state.store(rows, warpRow0);
}

constexpr int combineThreads = 128;

// The parts of a row, each relative to its own maximum, become the row; a warp per row.
template <class T> GPU_FN void combineAttention(const dsk_cuda_attention_args &p) {
  i64 row = i64(blockX()) * (combineThreads / 32) + warpIndex();
  if (row >= p.batch * p.heads * p.q_len)
    return;
  i64 stride = p.v_dim + 2;
  const float *parts = p.partial + row * p.splits * stride;
  float top = -infinity, total = 0;
  for (i64 s = 0; s < p.splits; ++s)
    top = maximum(parts[s * stride + p.v_dim], top);
  for (i64 s = 0; s < p.splits; ++s)
    total += parts[s * stride + p.v_dim + 1] * fastExp2(parts[s * stride + p.v_dim] - reference(top));
  total = p.kv_len == 0 ? 1.0f : total;
  i64 query = row % p.q_len, head = row / p.q_len % p.heads, z = row / p.q_len / p.heads;
  T *to = static_cast<T *>(p.out) + z * p.o_batch + head * p.o_head + query * p.o_row;
  for (i64 column = laneIndex(); column < p.v_dim; column += 32) {
    float sum = 0;
    for (i64 s = 0; s < p.splits; ++s)
      sum += parts[s * stride + column] * fastExp2(parts[s * stride + p.v_dim] - reference(top));
    to[column] = fromFloat<T>(sum / total);
  }
}
} // namespace dsk
