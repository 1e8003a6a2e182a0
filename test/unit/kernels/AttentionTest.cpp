// dsk_attention_f32 against the formula in double: masks, causality, grouped heads, decoding, strides.
#include "KernelTest.h"

using namespace ds::test;

namespace {
class AttentionTest : public KernelTest {};

struct Case {
  int64_t batch, heads, kvHeads, q, kv, dim, vDim;
  int mask; // 0 none, 1 full, 2 one row for all, 3 strided columns
  bool causal, transposedKeys;
  int64_t left = DSK_UNBOUNDED, right = DSK_UNBOUNDED;
  float excluded = -INFINITY;
  // Sees which keys; what it hides has a mask of `hidden`.
  bool (*sees)(int64_t i, int64_t j) = nullptr;
  float hidden = -INFINITY;
};

struct Operands {
  std::vector<float> q, k, v, mask, out;
  dsk_attention_args args;
  explicit Operands(const Case &c)
      : q(randomFloats(c.batch * c.heads * c.q * c.dim, 5, -2, 2)),
        k(randomFloats(c.batch * c.kvHeads * c.kv * c.dim, 6, -2, 2)),
        v(randomFloats(c.batch * c.kvHeads * c.kv * c.vDim, 7)), mask(randomFloats(c.batch * c.q * c.kv * 2, 8, -3, 3)),
        out(c.batch * c.heads * c.q * c.vDim, NAN) {
    for (size_t i = 0; i < mask.size(); i += 5)
      mask[i] = -INFINITY;
    for (int64_t i = 0; c.sees && i < c.batch * c.q * c.kv; ++i)
      mask[i] = c.sees(i / c.kv % c.q, i % c.kv) ? 0.0f : c.hidden;
    args = {};
    args.q = q.data(), args.k = k.data(), args.v = v.data(), args.out = out.data();
    args.mask = c.mask ? mask.data() : nullptr;
    args.batch = c.batch, args.heads = c.heads, args.kv_heads = c.kvHeads;
    args.q_len = c.q, args.kv_len = c.kv, args.head_dim = c.dim, args.v_dim = c.vDim;
    // q and out are [batch, row, head, feature], v is [batch, head, row, feature].
    args.q_batch = c.q * c.heads * c.dim, args.q_head = c.dim, args.q_row = c.heads * c.dim;
    args.o_batch = c.q * c.heads * c.vDim, args.o_head = c.vDim, args.o_row = c.heads * c.vDim;
    args.k_batch = c.kvHeads * c.kv * c.dim, args.k_head = c.kv * c.dim;
    args.k_row = c.transposedKeys ? 1 : c.dim, args.k_col = c.transposedKeys ? c.kv : 1;
    args.v_batch = c.kvHeads * c.kv * c.vDim, args.v_head = c.kv * c.vDim, args.v_row = c.vDim, args.v_col = 1;
    int64_t col = c.mask == 3 ? 2 : 1;
    args.m_col = col, args.m_row = c.mask == 2 ? 0 : c.kv * col;
    args.m_batch = c.mask == 2 ? c.kv : c.q * c.kv * col, args.m_head = 0;
    args.scale = 1.0f / std::sqrt(float(c.dim));
    args.left = c.left, args.right = c.causal ? 0 : c.right, args.excluded = c.excluded;
  }
};

double score(const dsk_attention_args &a, int64_t b, int64_t h, int64_t i, int64_t j) {
  int64_t diagonal = i + a.kv_len - a.q_len;
  if (j < diagonal - a.left || j > diagonal + a.right)
    return a.excluded;
  int64_t hk = h / (a.heads / a.kv_heads);
  double s = 0;
  for (int64_t d = 0; d < a.head_dim; ++d)
    s += double(a.q[b * a.q_batch + h * a.q_head + i * a.q_row + d]) *
         a.k[b * a.k_batch + hk * a.k_head + j * a.k_row + d * a.k_col];
  return float(s * a.scale + (a.mask ? a.mask[b * a.m_batch + h * a.m_head + i * a.m_row + j * a.m_col] : 0));
}

void checkRow(const dsk_attention_args &a, int64_t b, int64_t h, int64_t i) {
  std::vector<double> p(a.kv_len);
  double top = -INFINITY, sum = 0;
  for (int64_t j = 0; j < a.kv_len; ++j)
    top = std::max(top, p[j] = score(a, b, h, i, j));
  for (double &e : p)
    sum += e = std::exp(e - top);
  const float *v = a.v + b * a.v_batch + h / (a.heads / a.kv_heads) * a.v_head;
  for (int64_t d = 0; d < a.v_dim; ++d) {
    double expected = 0;
    for (int64_t j = 0; j < a.kv_len; ++j)
      expected += p[j] / sum * v[j * a.v_row + d * a.v_col];
    float got = a.out[b * a.o_batch + h * a.o_head + i * a.o_row + d];
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(got)) << "row " << i;
    else
      ASSERT_NEAR(got, expected, 2e-5) << "batch " << b << " head " << h << " row " << i << " feature " << d;
  }
}

void runAttention(const std::string &isa, const Case &c) {
  SCOPED_TRACE(testing::Message() << c.batch << "x" << c.heads << "/" << c.kvHeads << " " << c.q << "x" << c.kv
                                  << " dim " << c.dim << "/" << c.vDim << " mask " << c.mask << " causal " << c.causal
                                  << " band " << c.left << " " << c.right << " excluded " << c.excluded << " hidden "
                                  << c.hidden);
  auto *attention = kernel<decltype(dsk_attention_f32)>(isa, "dsk_attention_f32");
  for (int threads : {1, 2, 3}) {
    Operands o(c);
    FakeExec exec(threads);
    attention(&exec, &o.args);
    ASSERT_EQ(exec.status, DS_OK);
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t h = 0; h < c.heads; ++h)
        for (int64_t i = 0; i < c.q; ++i)
          ASSERT_NO_FATAL_FAILURE(checkRow(o.args, b, h, i));
  }
}

TEST_P(AttentionTest, Plain) {
  for (Case c : {Case{1, 2, 2, 16, 16, 16, 16, 0, false, false},
                 {2, 3, 3, 37, 41, 24, 20, 0, false, false},
                 {1, 1, 1, 150, 300, 64, 64, 0, false, false},
                 {1, 2, 2, 5, 130, 80, 80, 0, false, true},
                 {1, 1, 1, 20, 33, 400, 5, 0, false, false}})
    runAttention(GetParam(), c);
}

TEST_P(AttentionTest, Masks) {
  for (int mask : {1, 2, 3})
    for (bool causal : {false, true})
      runAttention(GetParam(), {2, 2, 2, 19, 150, 32, 32, mask, causal, false});
}

TEST_P(AttentionTest, Causal) {
  runAttention(GetParam(), {1, 2, 2, 140, 140, 16, 16, 0, true, false});
  runAttention(GetParam(), {1, 2, 2, 9, 5, 16, 16, 0, true, false}); // the first rows see no key
}

TEST_P(AttentionTest, GroupedHeadsAndDecoding) {
  for (int64_t q : {1, 2, 7, 50})
    for (int64_t heads : {2, 6, 8})
      runAttention(GetParam(), {2, heads, 2, q, 270, 64, 64, 0, true, false});
  runAttention(GetParam(), {1, 4, 4, 1, 33, 20, 20, 1, false, true});
}

constexpr float kLow = -3.4028235e38f;

TEST_P(AttentionTest, Bands) {
  struct Band {
    int64_t left, right;
  };
  for (Band band : {Band{0, 0}, {63, 0}, {64, 64}, {DSK_UNBOUNDED, -3}, {5, DSK_UNBOUNDED}, {-10, 20}, {3, -4}, {700, 700}})
    for (float excluded : {-INFINITY, kLow})
      for (int mask : {0, 2}) {
        Case c = {1, 2, 1, 157, 331, 8, 16, mask, false, false, band.left, band.right, excluded};
        runAttention(GetParam(), c);
      }
  runAttention(GetParam(), {2, 2, 2, 600, 600, 4, 20, 0, false, false, 300, 0}); // blocks of keys move on
  for (int64_t q : {1, 3, 600}) // few rows, more queries than keys
    runAttention(GetParam(), {1, 2, 1, q, 513, 4, 12, 2, false, true, 100, 0, kLow});
}

// Masks that hide whole blocks: documents, padding on either side, a hole, a causal mask of a cache that is not full yet.
TEST_P(AttentionTest, HiddenBlocks) {
  using Sees = bool (*)(int64_t, int64_t);
  for (Sees sees : {Sees([](int64_t i, int64_t j) { return i / 97 == j / 97; }), Sees([](int64_t, int64_t j) { return j < 70; }),
                    Sees([](int64_t, int64_t j) { return j >= 300; }), Sees([](int64_t, int64_t j) { return j < 64 || j >= 256; }),
                    Sees([](int64_t i, int64_t j) { return j <= i; }), Sees([](int64_t, int64_t j) { return j == 319; })})
    for (float hidden : {-INFINITY, kLow, -1e30f})
      for (int mask : {1, 3}) {
        Case c = {1, 2, 1, 170, 400, 4, 4, mask, false, false, DSK_UNBOUNDED, DSK_UNBOUNDED, -INFINITY, sees, hidden};
        if (mask == 1) {
          runAttention(GetParam(), c);
          c.q = 1;
        }
        runAttention(GetParam(), c);
      }
}

// Rows that see nothing: NaN where that is minus infinity, the mean of all values where it is a number.
TEST_P(AttentionTest, RowsWithoutKeys) {
  auto padded = [](int64_t i, int64_t j) { return i >= 150 && j >= 150; };
  for (float low : {-INFINITY, kLow}) {
    runAttention(GetParam(), {1, 2, 2, 300, 300, 16, 16, 1, true, false, DSK_UNBOUNDED, 0, low, padded, low});
    runAttention(GetParam(), {1, 2, 2, 300, 200, 16, 16, 0, true, false, 50, 0, low});
    runAttention(GetParam(), {2, 2, 2, 2, 200, 16, 16, 1, false, false, DSK_UNBOUNDED, DSK_UNBOUNDED, low, padded, low});
  }
}

DS_KERNEL_TESTS(AttentionTest);
} // namespace
