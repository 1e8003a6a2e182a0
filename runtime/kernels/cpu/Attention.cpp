// dsk_attention_f32: softmax(q k^T) v a block of keys at a time, with a running maximum and sum per row. The rows of
// one task are (query head, query) pairs that share a key/value head, so that grouped heads read keys once.
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

constexpr int64_t kRowBlock = kTileRows * (kTileRows == 14 ? 10 : 22); // 140, 132
constexpr int64_t kKeyBlock = 256;
constexpr int64_t kFewQueries = 4; // rows below which keys are read in place, not packed
constexpr float kInfinity = __builtin_inff();

struct AttentionJob {
  ds_exec *exec;
  const dsk_attention_args *args;
  int64_t rows, blocks; // per key/value head: rows in all, and blocks of them
  int64_t depthBlocks;  // of head_dim, each at most kMaxDepth
};

// The worker's buffers, in floats.
struct Buffers {
  float *q, *p, *k, *v, *o, *top, *max, *sum; // top, max, sum: one number per row
  int64_t ldo;
  static int64_t size(const AttentionJob &job) {
    const dsk_attention_args &g = *job.args;
    int64_t values = ceilDiv(g.v_dim, kPanel) * kPanel;
    return kRowBlock * (kBlockLd * (job.depthBlocks + 1) + values + 3) + kKeyBlock * (g.head_dim + values);
  }
  Buffers(const AttentionJob &job, float *at) {
    const dsk_attention_args &g = *job.args;
    ldo = ceilDiv(g.v_dim, kPanel) * kPanel;
    auto take = [&](int64_t n) { return (at += n) - n; };
    q = take(kRowBlock * kBlockLd * job.depthBlocks);
    p = take(kRowBlock * kBlockLd);
    o = take(kRowBlock * ldo);
    k = take(kKeyBlock * g.head_dim);
    v = take(kKeyBlock * ldo);
    top = take(kRowBlock);
    max = take(kRowBlock);
    sum = take(kRowBlock);
  }
};

// Rows [r0, r0+rows) of key/value head hk in batch b.
struct AttentionTask {
  const AttentionJob &job;
  const dsk_attention_args &g;
  const Buffers &buf;
  int64_t b, hk, r0, rows;

  int64_t head(int64_t r) const { return hk * (g.heads / g.kv_heads) + (r0 + r) / g.q_len; }
  int64_t query(int64_t r) const { return (r0 + r) % g.q_len; }
  // Keys that row r may see.
  int64_t visible(int64_t r) const {
    return g.causal ? min(g.kv_len, max(0, query(r) + g.kv_len - g.q_len + 1)) : g.kv_len;
  }

  int64_t tiles() const { return ceilDiv(rows, kTileRows); }
  int64_t tileRow(int64_t t) const { return evenPart(rows, tiles(), t); }
  // Keys of block [j0, j0+keys) that any row of tile t may see; what lies beyond is not even computed.
  int64_t tileKeys(int64_t t, int64_t j0, int64_t keys) const {
    if (!g.causal)
      return keys;
    int64_t most = 0;
    for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r)
      most = max(most, visible(r) - j0);
    return min(most, keys);
  }

  void loadQueries() const {
    Vec scale = Vec(g.scale);
    for (int64_t r = 0; r < rows; ++r) {
      const float *from = g.q + b * g.q_batch + head(r) * g.q_head + query(r) * g.q_row;
      for (int64_t d = 0; d < job.depthBlocks; ++d) {
        int64_t d0 = evenPart(g.head_dim, job.depthBlocks, d), n = evenPart(g.head_dim, job.depthBlocks, d + 1) - d0;
        float *to = buf.q + (d * kRowBlock + r) * kBlockLd;
        for (int64_t i = 0; i < n; i += W) {
          Mask m = firstLanes(n - i);
          store(to + i, load(from + d0 + i, m) * scale, m);
        }
      }
    }
  }

  // p[r, j] = q[r] . k[j0 + j], by register tiles over packed keys.
  void scores(int64_t j0, int64_t keys) const {
    const float *from = g.k + b * g.k_batch + hk * g.k_head + j0 * g.k_row;
    packPanels(buf.k, from, g.k_col, g.k_row, g.head_dim, keys);
    for (int64_t t = 0; t < tiles(); ++t) {
      int64_t r = tileRow(t), n = tileRow(t + 1) - r, some = tileKeys(t, j0, keys);
      for (int64_t d = 0; d < job.depthBlocks; ++d) {
        int64_t d0 = evenPart(g.head_dim, job.depthBlocks, d),
                depth = evenPart(g.head_dim, job.depthBlocks, d + 1) - d0;
        for (int64_t j = 0; j < some; j += kTileCols)
          tile(n, ceilDiv(min(kTileCols, some - j), kPanel), depth, buf.q + (d * kRowBlock + r) * kBlockLd,
               {buf.k + j * g.head_dim + d0 * kPanel, g.head_dim * kPanel, kPanel}, buf.p + r * kBlockLd + j, kBlockLd,
               d != 0, buf.k);
      }
    }
  }

  // The same for a few rows: keys are read once, in place.
  void scoresInPlace(int64_t j0, int64_t keys) const {
    const float *k = g.k + b * g.k_batch + hk * g.k_head + j0 * g.k_row;
    for (int64_t j = 0; j < keys; ++j, k += g.k_row)
      for (int64_t r = 0; r < rows; ++r) {
        Vec acc = Vec(0.0f), more = Vec(0.0f);
        const float *q = buf.q + r * kBlockLd;
        int64_t d = 0;
        for (; d + 2 * W <= g.head_dim; d += 2 * W) {
          acc = fma(load(q + d), load(k + d), acc);
          more = fma(load(q + d + W), load(k + d + W), more);
        }
        for (; d < g.head_dim; d += W) {
          Mask m = firstLanes(g.head_dim - d);
          acc = fma(load(q + d, m), load(k + d, m), acc);
        }
        buf.p[r * kBlockLd + j] = sumLanes(acc + more);
      }
  }

  void addMask(int64_t r, int64_t j0, int64_t keys) const {
    float *p = buf.p + r * kBlockLd;
    if (g.mask) {
      const float *m = g.mask + b * g.m_batch + head(r) * g.m_head + query(r) * g.m_row + j0 * g.m_col;
      if (g.m_col == 1)
        for (int64_t j = 0; j < keys; j += W) {
          Mask lanes = firstLanes(keys - j);
          store(p + j, load(p + j, lanes) + load(m + j, lanes), lanes);
        }
      else
        for (int64_t j = 0; j < keys; ++j)
          p[j] += m[j * g.m_col];
    }
    for (int64_t j = max(0, visible(r) - j0); j < keys; ++j)
      p[j] = -kInfinity;
  }

  float rowMaximum(int64_t r, int64_t keys) const {
    const float *p = buf.p + r * kBlockLd;
    Vec top = Vec(-kInfinity);
    int64_t j = 0;
    for (; j + W <= keys; j += W)
      top = dsk::max(load(p + j), top);
    if (j < keys) {
      Mask m = firstLanes(keys - j);
      top = dsk::max(select(m, load(p + j, m), Vec(-kInfinity)), top);
    }
    return maxLanes(top);
  }

  // p becomes exp(p - shift); their sum.
  float exponentials(int64_t r, int64_t keys, Vec shift) const {
    float *p = buf.p + r * kBlockLd;
    Vec sum = Vec(0.0f);
    int64_t j = 0;
    for (; j + W <= keys; j += W) {
      Vec e = exp(load(p + j) - shift);
      sum += e;
      store(p + j, e);
    }
    if (j < keys) {
      Mask m = firstLanes(keys - j);
      Vec e = select(m, exp(load(p + j, m) - shift), Vec(0.0f));
      sum += e;
      store(p + j, e, m);
    }
    return sumLanes(sum);
  }

  // Scores become weights relative to the running maximum; what was summed before is rescaled to the new one.
  void softmax(int64_t j0, int64_t keys) const {
    for (int64_t t = 0; t < tiles(); ++t) {
      int64_t some = tileKeys(t, j0, keys);
      for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r) {
        if (g.mask || g.causal)
          addMask(r, j0, some);
        buf.top[r] = rowMaximum(r, some);
      }
      for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r)
        softmaxRow(r, j0, some);
    }
  }
  void softmaxRow(int64_t r, int64_t j0, int64_t keys) const {
    float before = buf.max[r], now = buf.top[r] > before ? buf.top[r] : before;
    // A row without any visible key so far must not turn into exp(-inf + inf).
    float shift = now == -kInfinity ? 0.0f : now;
    if (now != before && j0 != 0) {
      float factor = exp(Vec(before - shift))[0];
      buf.sum[r] *= factor;
      for (int64_t d = 0; d < buf.ldo; d += W)
        store(buf.o + r * buf.ldo + d, load(buf.o + r * buf.ldo + d) * factor);
    }
    buf.max[r] = now;
    buf.sum[r] += exponentials(r, keys, Vec(shift));
  }

  // o += p v
  void values(int64_t j0, int64_t keys) const {
    const float *from = g.v + b * g.v_batch + hk * g.v_head + j0 * g.v_row;
    BView view = {from, kPanel, g.v_row};
    if (g.v_col != 1 || g.v_dim % kPanel) {
      packPanels(buf.v, from, g.v_row, g.v_col, keys, g.v_dim);
      view = {buf.v, keys * kPanel, kPanel};
    }
    for (int64_t d = 0; d < g.v_dim; d += kTileCols)
      for (int64_t t = 0; t < tiles(); ++t) {
        int64_t r = tileRow(t), n = tileRow(t + 1) - r;
        tile(n, ceilDiv(min(kTileCols, g.v_dim - d), kPanel), tileKeys(t, j0, keys), buf.p + r * kBlockLd,
             {view.b + d / kPanel * view.panel, view.panel, view.row}, buf.o + r * buf.ldo + d, buf.ldo, j0 != 0,
             buf.k);
      }
  }

  void storeOutput() const {
    for (int64_t r = 0; r < rows; ++r) {
      float *to = g.out + b * g.o_batch + head(r) * g.o_head + query(r) * g.o_row;
      Vec inverse = Vec(1.0f / buf.sum[r]);
      for (int64_t d = 0; d < g.v_dim; d += W)
        store(to + d, load(buf.o + r * buf.ldo + d) * inverse, firstLanes(g.v_dim - d));
    }
  }

  void run() const {
    loadQueries();
    int64_t end = 0;
    for (int64_t r = 0; r < rows; ++r) {
      buf.max[r] = -kInfinity;
      buf.sum[r] = 0;
      end = max(end, visible(r));
    }
    if (end == 0)
      zeroFloats(buf.o, rows * buf.ldo);
    bool inPlace = rows <= kFewQueries && g.k_col == 1 && job.depthBlocks == 1;
    for (int64_t j0 = 0; j0 < end; j0 += kKeyBlock) {
      int64_t keys = min(kKeyBlock, end - j0);
      if (inPlace)
        scoresInPlace(j0, keys);
      else
        scores(j0, keys);
      softmax(j0, keys);
      values(j0, keys);
    }
    storeOutput();
  }
};

void attentionTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const AttentionJob &job = *static_cast<AttentionJob *>(closure);
  const dsk_attention_args &g = *job.args;
  float *scratch = getFloats(job.exec, worker, Buffers::size(job));
  if (!scratch)
    return;
  Buffers buf(job, scratch);
  for (int64_t t = begin; t < end; ++t) {
    int64_t block = t % job.blocks, hk = t / job.blocks % g.kv_heads, b = t / job.blocks / g.kv_heads;
    int64_t r0 = evenPart(job.rows, job.blocks, block);
    AttentionTask{job, g, buf, b, hk, r0, evenPart(job.rows, job.blocks, block + 1) - r0}.run();
  }
}

} // namespace
} // namespace dsk

using namespace dsk;

extern "C" void dsk_attention_f32(ds_exec *exec, const dsk_attention_args *args) {
  const dsk_attention_args &g = *args;
  if (g.batch <= 0 || g.heads <= 0 || g.q_len <= 0 || g.v_dim <= 0)
    return;
  int64_t rows = g.heads / g.kv_heads * g.q_len, blocks = ceilDiv(rows, kRowBlock), tasks = g.batch * g.kv_heads;
  // Fewer, larger blocks read keys less often; split further only to occupy the threads.
  while (exec->threads > 1 && tasks * blocks < exec->threads && rows / (blocks + 1) >= kTileRows)
    ++blocks;
  AttentionJob job = {exec, args, rows, blocks, max(1, ceilDiv(g.head_dim, kMaxDepth))};
  int64_t work = rows / blocks * g.kv_len * (g.head_dim + g.v_dim);
  exec->services->parallel_for(exec, attentionTasks, &job, tasks * blocks, 1 + kSmallProblem / max(1, work));
}
