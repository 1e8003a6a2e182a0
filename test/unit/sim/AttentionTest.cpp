// Fused attention on the simulator against softmax in double: caches longer than the queries, causal, grouped heads,
// every kind of mask, rows that see nothing, layouts with heads outside or inside.
#include "runtime/kernels/cuda/Attention.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

struct Problem {
  int64_t batch, heads, kvHeads, q, kv, dim, vDim;
  int causal, mask;
  int64_t splits;
  bool headsInside; // [batch, row, head, feature], as projections leave it; else [batch, head, row, feature]
  int64_t pad;
  float scale = 0.3f;
};

struct Layout {
  int64_t batch, head, row, count;
  Layout(int64_t batches, int64_t heads, int64_t rows, int64_t dim, bool inside)
      : batch(heads * rows * dim), head(inside ? dim : rows * dim), row(inside ? heads * dim : dim),
        count(batches * heads * rows * dim) {}
};

template <class T> struct Attention {
  const Problem &p;
  Layout lq, lk, lv, lo;
  Memory<T> q, k, v, out, same;
  Memory<float> mask;
  Memory<unsigned char> keep;

  Attention(const Problem &p, unsigned seed)
      : p(p), lq(p.batch, p.heads, p.q, p.dim + p.pad, p.headsInside),
        lk(p.batch, p.kvHeads, p.kv, p.dim + p.pad, false), lv(p.batch, p.kvHeads, p.kv, p.vDim + p.pad, p.headsInside),
        lo(p.batch, p.heads, p.q, p.vDim + p.pad, p.headsInside), q("q", sim::Role::input, lq.count),
        k("k", sim::Role::input, lk.count), v("v", sim::Role::input, lv.count), out("out", sim::Role::output, lo.count),
        same("mask", sim::Role::input, p.batch * p.q * p.kv), mask("mask", sim::Role::input, p.batch * p.q * p.kv),
        keep("mask", sim::Role::input, p.batch * p.q * p.kv) {
    q.random(seed, -2, 2), k.random(seed + 1, -2, 2), v.random(seed + 2), mask.random(seed + 3, -3, 3);
    for (size_t i = 0; i < keep.size(); ++i) {
      keep[i] = i % 5 != 2;
      mask[i] = i % 7 == 3 ? -INFINITY : mask[i];
      same[i] = gpu::fromFloat<T>(mask[i]);
    }
  }
  double bias(int64_t b, int64_t i, int64_t j) const {
    int64_t at = (b * p.q + i) * p.kv + j;
    return p.mask == DSK_MASK_F32    ? mask.at(at)
           : p.mask == DSK_MASK_SAME ? same.at(at)
           : p.mask == DSK_MASK_BOOL ? (at % 5 != 2 ? 0 : -INFINITY) // as `keep` says
                                     : 0;
  }
  std::vector<double> row(int64_t b, int64_t h, int64_t i) const {
    int64_t g = h / (p.heads / p.kvHeads);
    std::vector<double> s(p.kv), result(p.vDim, 0);
    double top = -INFINITY, total = 0;
    for (int64_t j = 0; j < p.kv; ++j) {
      s[j] = 0;
      for (int64_t d = 0; d < p.dim; ++d)
        s[j] += q.at(b * lq.batch + h * lq.head + i * lq.row + d) * k.at(b * lk.batch + g * lk.head + j * lk.row + d);
      s[j] = s[j] * double(p.scale) + bias(b, i, j);
      if (p.causal && j > i + p.kv - p.q)
        s[j] = -INFINITY;
      top = std::max(top, s[j]);
    }
    for (double &x : s)
      total += x = std::exp(x - top);
    for (int64_t j = 0; j < p.kv; ++j)
      for (int64_t d = 0; d < p.vDim; ++d)
        result[d] += s[j] / total * v.at(b * lv.batch + g * lv.head + j * lv.row + d);
    return result;
  }
};

template <class T> std::string typeName() {
  return sizeof(T) == 4 ? "f32" : roundingOf<T> == roundingOf<f16> ? "f16" : "bf16";
}

template <class T> void check(const char *name, int64_t tile, const Problem &p, unsigned seed) {
  SCOPED_TRACE(std::string(name) + " q " + std::to_string(p.q) + " kv " + std::to_string(p.kv) + " mask " +
               std::to_string(p.mask));
  Attention<T> t(p, seed);
  const void *mask = p.mask == DSK_MASK_NONE   ? nullptr
                     : p.mask == DSK_MASK_F32  ? static_cast<const void *>(t.mask.data())
                     : p.mask == DSK_MASK_SAME ? static_cast<const void *>(t.same.data())
                                               : t.keep.data();
  Memory<float> partial("partial", sim::Role::output, p.batch * p.heads * p.q * p.splits * (p.vDim + 2));
  dsk_cuda_attention_args args{};
  args.q = t.q.data(), args.k = t.k.data(), args.v = t.v.data(), args.mask = mask, args.out = t.out.data();
  args.partial = partial.data(), args.batch = p.batch, args.splits = p.splits;
  args.heads = p.heads, args.kv_heads = p.kvHeads, args.q_len = p.q, args.kv_len = p.kv;
  args.head_dim = p.dim, args.v_dim = p.vDim;
  args.q_batch = t.lq.batch, args.q_head = t.lq.head, args.q_row = t.lq.row;
  args.k_batch = t.lk.batch, args.k_head = t.lk.head, args.k_row = t.lk.row;
  args.v_batch = t.lv.batch, args.v_head = t.lv.head, args.v_row = t.lv.row;
  args.m_batch = p.q * p.kv, args.m_head = 0, args.m_row = p.kv, args.m_col = 1;
  args.o_batch = t.lo.batch, args.o_head = t.lo.head, args.o_row = t.lo.row;
  args.scale = p.scale, args.causal = p.causal, args.mask_type = p.mask;
  std::vector<std::vector<double>> expected;
  for (int64_t r = 0; r < p.batch * p.heads * p.q; ++r)
    expected.push_back(t.row(r / p.q / p.heads, r / p.q % p.heads, r % p.q));
  uint32_t blocks = uint32_t((p.q * (p.heads / p.kvHeads) + tile - 1) / tile);
  // Probabilities are rounded to T before the second product.
  double tolerance = sizeof(T) == 4 ? 4e-6 * (p.scale / 0.3) : 2.5 * roundingOf<T> + 1e-5 * p.scale;
  std::string combine = "attention_combine_" + typeName<T>();
  bool checked = false;
  runOnSim(
      "Attention", name, {blocks, uint32_t(p.kvHeads), uint32_t(p.batch * p.splits)}, args, seed,
      [&] { t.out.poison(), checked = !checked; },
      [&] {
        uint32_t rows = uint32_t(p.batch * p.heads * p.q);
        if (p.splits > 1)
          ASSERT_EQ(sim::launch(*kernel(checked ? "Attention_checked" : "Attention", combine), {(rows + 3) / 4, 1, 1},
                                &args, {seed}),
                    "");
        for (int64_t r = 0; r < int64_t(expected.size()); ++r)
          for (int64_t d = 0; d < p.vDim + p.pad; ++d) {
            int64_t at = r / p.q / p.heads * t.lo.batch + r / p.q % p.heads * t.lo.head + r % p.q * t.lo.row + d;
            if (d >= p.vDim)
              ASSERT_TRUE(t.out.poisoned(at));
            else if (std::isnan(expected[r][d]))
              ASSERT_TRUE(std::isnan(t.out.at(at)) && !t.out.poisoned(at)) << "row " << r;
            else
              ASSERT_NEAR(t.out.at(at), expected[r][d], tolerance) << "row " << r << " feature " << d;
          }
      });
}

template <class T> void checkAll(const char *name, int64_t tile, int64_t dim, int64_t vDim) {
  const Problem problems[] = {
      {1, 2, 2, 5, 5, dim, vDim, 0, DSK_MASK_NONE, 1, true, 0},
      {2, 4, 2, 37, 70, dim, vDim, 1, DSK_MASK_F32, 2, true, 8},           // a cache, grouped heads
      {1, 8, 1, 1, 133, dim - 8, vDim - 8, 0, DSK_MASK_BOOL, 4, false, 0}, // decode
      {1, 3, 3, 67, 66, dim - 3, vDim - 5, 1, DSK_MASK_SAME, 1, false,
       0},                                                            // the first row sees nothing; nothing aligned
      {1, 1, 1, 9, 3, dim, vDim, 1, DSK_MASK_NONE, 1, false, 0},      // nor do six
      {1, 2, 1, 3, 2, dim, vDim - 1, 1, DSK_MASK_NONE, 3, true, 0},   // more splits than tiles
      {1, 2, 1, 3, 140, dim, vDim, 1, DSK_MASK_NONE, 3, true, 0, 40}, // splits far apart: exp would overflow
  };
  unsigned seed = 1;
  for (const Problem &p : problems) {
    check<T>(name, tile, p, seed++);
    if (::testing::Test::HasFatalFailure())
      return;
  }
}

TEST(Attention, Bf16) {
  checkAll<bf16>("attention_bf16_32_32", 64, 32, 32);
  checkAll<bf16>("attention_bf16_64_64", 64, 64, 64);
}
TEST(Attention, Bf16Wide) {
  checkAll<bf16>("attention_bf16_128_128", 64, 128, 128);
  checkAll<bf16>("attention_bf16_192_128", 64, 192, 128);
}
TEST(Attention, F16) {
  checkAll<f16>("attention_f16_64_64", 64, 64, 64);
  checkAll<f16>("attention_f16_128_128", 64, 128, 128);
}
TEST(Attention, F32) {
  checkAll<float>("attention_f32_32_32", 32, 32, 32);
  checkAll<float>("attention_f32_64_64", 32, 64, 64);
  checkAll<float>("attention_f32_128_128", 32, 128, 128);
}

// Without any key the sum is empty.
TEST(Attention, NoKeys) {
  check<bf16>("attention_bf16_32_32", 64, {1, 1, 1, 3, 0, 32, 32, 0, DSK_MASK_NONE, 1, false, 0}, 1);
  check<float>("attention_f32_32_32", 32, {1, 1, 1, 3, 0, 32, 32, 0, DSK_MASK_NONE, 1, false, 0}, 1);
}

} // namespace
} // namespace ds::test
