// dsk_attention_f32: softmax(q k^T) v a block of keys at a time, with a running maximum and sum per row. The rows of
// one task are (query head, query) pairs that share a key/value head, so that grouped heads read keys once. Each tile
// of rows has its own range of keys in a block; what lies outside is not computed.
#include "runtime/kernels/cpu/AttentionPanels.h"
#include "runtime/kernels/cpu/Gemm.h"

namespace dsk {
namespace {

constexpr int64_t kRowBlock = kTileRows * (kTileRows == 14 ? 10 : 22); // 140, 132
constexpr int64_t kAhead = 16; // rows: strided ones hardware does not read ahead
constexpr int64_t kFewQueries = 4; // rows below which keys are read in place, not packed

DSK_INLINE void readAhead(const float *row, int64_t n) {
  for (int64_t i = 0; i < n; i += kPanel)
    _mm_prefetch(reinterpret_cast<const char *>(row + i), _MM_HINT_T1);
}

struct AttentionJob {
  ds_exec *exec;
  const dsk_attention_args *args;
  int64_t rows, blocks; // per key/value head: rows in all, and blocks of them
  int64_t depthBlocks;  // of head_dim, each at most kMaxDepth
  MaskClasses classes;
  float *first; // worker 0's buffers, behind the classes
};

// The worker's buffers, in floats.
struct Buffers {
  float *q, *p, *o, *top, *max, *sum; // top, max, sum: one number per row
  int64_t ldo;
  HeadPanels panels;

  Buffers(const AttentionJob &job)
      : ldo(ceilDiv(job.args->v_dim, kPanel) * kPanel), panels(*job.args, ceilDiv(job.rows, job.blocks), job.blocks > 1) {}
  int64_t size(const AttentionJob &job) const {
    return kRowBlock * (kBlockLd * (job.depthBlocks + 1) + ldo + 3) + panels.size();
  }
  void place(const AttentionJob &job, float *at) {
    auto take = [&](int64_t n) { return (at += n) - n; };
    panels.place(take(panels.size()));
    q = take(kRowBlock * kBlockLd * job.depthBlocks);
    p = take(kRowBlock * kBlockLd);
    o = take(kRowBlock * ldo);
    top = take(kRowBlock);
    max = take(kRowBlock);
    sum = take(kRowBlock);
  }
};

// Rows [r0, r0+rows) of key/value head hk in batch b.
struct AttentionTask {
  const AttentionJob &job;
  const dsk_attention_args &g;
  Buffers &buf;
  int64_t b, hk, r0, rows;
  KeyRange ranges[kRowBlock / kTileRows];
  bool started[kRowBlock / kTileRows]; // whether o holds a sum
  // What a row is, the keys of its band, and the classes of its mask.
  struct Row {
    int64_t head, query, first, last;
    const uint32_t *classes;
  } row[kRowBlock];

  AttentionTask(const AttentionJob &job, Buffers &buf, int64_t b, int64_t hk, int64_t r0, int64_t rows)
      : job(job), g(*job.args), buf(buf), b(b), hk(hk), r0(r0), rows(rows) {}

  // Returns the keys that some row's band contains.
  KeyRange findRows() {
    KeyRange whole = {g.kv_len, 0, true};
    int64_t head = hk * (g.heads / g.kv_heads) + r0 / g.q_len, query = r0 % g.q_len;
    for (int64_t r = 0; r < rows; ++r) {
      int64_t diagonal = query + g.kv_len - g.q_len;
      int64_t first = min(g.kv_len, max(0, diagonal - g.left));
      int64_t last = max(first, min(g.kv_len, diagonal + g.right + 1));
      row[r] = {head, query, first, last,
                job.classes.at + b * job.classes.batch + head * job.classes.head + query * job.classes.row};
      whole = {min(whole.begin, first), max(whole.end, last), true};
      if (++query == g.q_len) {
        query = 0;
        ++head;
      }
    }
    return whole;
  }

  int64_t tiles() const { return ceilDiv(rows, kTileRows); }
  int64_t tileRow(int64_t t) const { return evenPart(rows, tiles(), t); }

  // Keys of block [j0, j0+keys) that tile t needs, from a whole panel on.
  KeyRange rangeOf(int64_t t, int64_t j0, int64_t keys) const {
    KeyRange range = {keys, 0, true};
    uint32_t classes = 0;
    for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r) {
      range.begin = min(range.begin, row[r].first - j0);
      range.end = max(range.end, row[r].last - j0);
      if (g.mask)
        classes |= row[r].classes[j0 / kKeyBlock];
    }
    range.begin = max(range.begin, 0);
    range.end = min(range.end, keys);
    if (g.mask)
      range.clip(classes);
    range.begin = range.begin / kPanel * kPanel;
    return range;
  }

  // The ranges of all tiles, and one that contains them.
  KeyRange plan(int64_t j0, int64_t keys, bool all) {
    KeyRange whole = {keys, 0, true};
    for (int64_t t = 0; t < tiles(); ++t) {
      KeyRange &range = ranges[t] = all ? KeyRange{0, keys, true} : rangeOf(t, j0, keys);
      if (range.empty())
        continue;
      whole.begin = min(whole.begin, range.begin);
      whole.end = max(whole.end, range.end);
    }
    return whole;
  }

  void loadQueries() const {
    Vec scale = Vec(g.scale);
    for (int64_t r = 0; r < rows; ++r) {
      const float *from = g.q + b * g.q_batch + row[r].head * g.q_head + row[r].query * g.q_row;
      readAhead(from + kAhead * g.q_row, g.head_dim);
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
  void scores(int64_t j0, KeyRange whole) const {
    const float *k = buf.panels.keys(j0, whole);
    for (int64_t t = 0; t < tiles(); ++t) {
      int64_t r = tileRow(t), n = tileRow(t + 1) - r;
      for (int64_t d = 0; d < job.depthBlocks; ++d) {
        int64_t d0 = evenPart(g.head_dim, job.depthBlocks, d),
                depth = evenPart(g.head_dim, job.depthBlocks, d + 1) - d0;
        for (int64_t j = ranges[t].begin; j < ranges[t].end; j += kTileCols)
          tile(n, ceilDiv(min(kTileCols, ranges[t].end - j), kPanel), depth, buf.q + (d * kRowBlock + r) * kBlockLd,
               {k + j * g.head_dim + d0 * kPanel, g.head_dim * kPanel, kPanel}, buf.p + r * kBlockLd + j, kBlockLd,
               d != 0, k);
      }
    }
  }

  // The same for a few rows: keys are read once, in place.
  void scoresInPlace(int64_t j0, KeyRange whole) const {
    const float *k = g.k + b * g.k_batch + hk * g.k_head + (j0 + whole.begin) * g.k_row;
    for (int64_t j = whole.begin; j < whole.end; ++j, k += g.k_row)
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

  void addMask(int64_t r, int64_t j0, KeyRange range) const {
    float *p = buf.p + r * kBlockLd;
    int64_t from = min(range.end, max(range.begin, row[r].first - j0)), to = max(from, min(range.end, row[r].last - j0));
    if (g.mask && range.adds) {
      const float *m = g.mask + b * g.m_batch + row[r].head * g.m_head + row[r].query * g.m_row + j0 * g.m_col;
      if (g.m_col == 1)
        for (int64_t j = from; j < to; j += W) {
          Mask lanes = firstLanes(to - j);
          store(p + j, load(p + j, lanes) + load(m + j, lanes), lanes);
        }
      else
        for (int64_t j = from; j < to; ++j)
          p[j] += m[j * g.m_col];
    }
    for (int64_t j = range.begin; j < from; ++j)
      p[j] = g.excluded;
    for (int64_t j = to; j < range.end; ++j)
      p[j] = g.excluded;
  }

  float rowMaximum(int64_t r, KeyRange range) const {
    const float *p = buf.p + r * kBlockLd + range.begin;
    int64_t keys = range.end - range.begin;
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
  float exponentials(int64_t r, KeyRange range, Vec shift) const {
    float *p = buf.p + r * kBlockLd + range.begin;
    int64_t keys = range.end - range.begin;
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
  void softmax(int64_t j0) const {
    for (int64_t t = 0; t < tiles(); ++t) {
      if (ranges[t].empty())
        continue;
      for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r) {
        addMask(r, j0, ranges[t]);
        buf.top[r] = rowMaximum(r, ranges[t]);
      }
      for (int64_t r = tileRow(t); r < tileRow(t + 1); ++r)
        softmaxRow(r, ranges[t]);
    }
  }
  void softmaxRow(int64_t r, KeyRange range) const {
    float before = buf.max[r], now = buf.top[r] > before ? buf.top[r] : before;
    // A row without any visible key so far must not turn into exp(-inf + inf).
    float shift = now == -kInfinity ? 0.0f : now;
    if (now != before && before != -kInfinity) {
      float factor = exp(Vec(before - shift))[0];
      buf.sum[r] *= factor;
      for (int64_t d = 0; d < buf.ldo; d += W)
        store(buf.o + r * buf.ldo + d, load(buf.o + r * buf.ldo + d) * factor);
    }
    buf.max[r] = now;
    buf.sum[r] += exponentials(r, range, Vec(shift));
  }

  // o += p v
  void values(int64_t j0, KeyRange whole) {
    BView view = buf.panels.values(j0, whole);
    for (int64_t d = 0; d < g.v_dim; d += kTileCols)
      for (int64_t t = 0; t < tiles(); ++t) {
        int64_t r = tileRow(t), n = tileRow(t + 1) - r, j = ranges[t].begin;
        if (!ranges[t].empty())
          tile(n, ceilDiv(min(kTileCols, g.v_dim - d), kPanel), ranges[t].end - j, buf.p + r * kBlockLd + j,
               {view.b + d / kPanel * view.panel + j * view.row, view.panel, view.row}, buf.o + r * buf.ldo + d, buf.ldo,
               started[t], view.b);
      }
    for (int64_t t = 0; t < tiles(); ++t)
      started[t] |= !ranges[t].empty();
  }

  void storeOutput() const {
    for (int64_t r = 0; r < rows; ++r) {
      float *to = g.out + b * g.o_batch + row[r].head * g.o_head + row[r].query * g.o_row;
      Vec inverse = Vec(1.0f / buf.sum[r]);
      for (int64_t d = 0; d < g.v_dim; d += W)
        store(to + d, load(buf.o + r * buf.ldo + d) * inverse, firstLanes(g.v_dim - d));
    }
  }

  // Returns whether keys that were left out would matter, because some row has nothing better.
  bool attend(KeyRange band, bool all) {
    for (int64_t r = 0; r < rows; ++r) {
      buf.max[r] = -kInfinity;
      buf.sum[r] = 0;
    }
    for (int64_t t = 0; t < tiles(); ++t)
      started[t] = false;
    bool inPlace = rows <= kFewQueries && g.k_col == 1 && job.depthBlocks == 1;
    for (int64_t j0 = band.begin / kKeyBlock * kKeyBlock; j0 < band.end; j0 += kKeyBlock) {
      KeyRange whole = plan(j0, min(kKeyBlock, g.kv_len - j0), all);
      if (whole.empty())
        continue;
      if (inPlace)
        scoresInPlace(j0, whole);
      else
        scores(j0, whole);
      softmax(j0);
      values(j0, whole);
    }
    for (int64_t t = 0; t < tiles(); ++t)
      if (!started[t])
        zeroFloats(buf.o + tileRow(t) * buf.ldo, (tileRow(t + 1) - tileRow(t)) * buf.ldo);
    bool missing = false;
    for (int64_t r = 0; r < rows; ++r)
      missing |= buf.max[r] < kHidden / 2;
    return missing && !all && (g.mask || g.excluded != -kInfinity);
  }

  void run() {
    KeyRange band = findRows();
    loadQueries();
    if (attend(band, false))
      attend({0, g.kv_len, true}, true);
    storeOutput();
  }
};

void attentionTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const AttentionJob &job = *static_cast<AttentionJob *>(closure);
  const dsk_attention_args &g = *job.args;
  Buffers buf(job);
  float *scratch = worker == 0 ? job.first : getFloats(job.exec, worker, buf.size(job));
  if (!scratch)
    return;
  buf.place(job, scratch);
  for (int64_t t = begin; t < end; ++t) {
    int64_t block = t % job.blocks, hk = t / job.blocks % g.kv_heads, b = t / job.blocks / g.kv_heads;
    int64_t r0 = evenPart(job.rows, job.blocks, block);
    buf.panels.select(b, hk);
    AttentionTask(job, buf, b, hk, r0, evenPart(job.rows, job.blocks, block + 1) - r0).run();
  }
}

void classTasks(void *closure, int64_t begin, int64_t end, int32_t) {
  const AttentionJob &job = *static_cast<AttentionJob *>(closure);
  for (int64_t i = begin; i < end; ++i)
    job.classes.read(*job.args, i);
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
  AttentionJob job = {exec, args, rows, blocks, max(1, ceilDiv(g.head_dim, kMaxDepth)), g, nullptr};
  int64_t words = ceilDiv(job.classes.count(), kPanel) * kPanel;
  float *scratch = getFloats(exec, 0, words + Buffers(job).size(job));
  if (!scratch)
    return;
  job.first = scratch + words;
  if (g.mask && g.kv_len > 0) {
    job.classes.at = reinterpret_cast<uint32_t *>(scratch);
    exec->services->parallel_for(exec, classTasks, &job, job.classes.count() / job.classes.words, 1 + kSmallProblem / g.kv_len);
  }
  int64_t work = rows / blocks * g.kv_len * (g.head_dim + g.v_dim);
  exec->services->parallel_for(exec, attentionTasks, &job, tasks * blocks, 1 + kSmallProblem / max(1, work));
}
