// Grouped and masked matmul of experts on the simulator: gathered rows, empty experts, runs that end inside tiles, the
// way back.
#include "runtime/kernels/cuda/GroupedMatmul.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

struct Problem {
  std::vector<int64_t> counts; // rows per expert
  int64_t n, k, pad, perRow;   // perRow 0: rows as they lie
};

// Routed rows in a fixed, mixed order: 7 steps at a time through 0 .. rows-1.
std::vector<int64_t> mixedOrder(int64_t rows) {
  std::vector<int64_t> order(rows);
  for (int64_t i = 0; i < rows; ++i)
    order[i] = rows % 7 ? i * 7 % rows : rows - 1 - i;
  return order;
}

template <class T> struct Experts {
  const Problem &p;
  int64_t rows = 0, experts, aRow, bRow, outRow;
  std::vector<int64_t> starts{0};
  Memory<int64_t> offsets, permutation;
  Memory<T> a, b;
  std::vector<double> sum, size; // of the routed rows
  static int64_t count(const Problem &p) {
    int64_t rows = 0;
    for (int64_t c : p.counts)
      rows += c;
    return rows;
  }

  Experts(const Problem &p, unsigned seed)
      : p(p), rows(count(p)), experts(p.counts.size()), aRow(p.k + p.pad), bRow(p.k + p.pad), outRow(p.n + p.pad),
        offsets("offsets", sim::Role::input, experts + 1), permutation("permutation", sim::Role::input, rows),
        a("a", sim::Role::input, (p.perRow ? rows / p.perRow : rows) * aRow),
        b("b", sim::Role::input, experts * p.n * bRow) {
    offsets[0] = 0;
    for (int64_t e = 0; e < experts; ++e)
      offsets[e + 1] = offsets[e] + p.counts[e];
    std::vector<int64_t> order = mixedOrder(rows);
    for (int64_t i = 0; i < rows; ++i)
      permutation[i] = order[i];
    a.random(seed), b.random(seed + 1);
    sum.assign(rows * p.n, 0), size = sum;
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t i = offsets[e]; i < offsets[e + 1]; ++i)
        for (int64_t j = 0; j < p.n; ++j)
          for (int64_t k = 0; k < p.k; ++k) {
            double x = multiplicand(a[(p.perRow ? order[i] / p.perRow : i) * aRow + k]);
            double y = multiplicand(b[(e * p.n + j) * bRow + k]);
            sum[i * p.n + j] += x * y, size[i * p.n + j] += std::abs(x * y);
          }
  }
  dsk_cuda_grouped_matmul_args problem() {
    return {a.data(),
            b.data(),
            p.perRow ? (const dsk_i64 *)permutation.data() : nullptr,
            (const dsk_i64 *)offsets.data(),
            rows,
            experts,
            p.n,
            p.k,
            p.perRow ? p.perRow : 1,
            aRow,
            p.n * bRow,
            bRow};
  }
  sim::Dim grid(int64_t tileM, int64_t tileN, bool masked) const {
    int64_t y = masked ? experts : (rows + tileM - 1) / tileM + experts;
    return {uint32_t((p.n + tileN - 1) / tileN), uint32_t(y), 1};
  }
};

template <class T> void checkPlain(const char *name, sim::Dim tile, const Problem &p, unsigned seed) {
  SCOPED_TRACE(std::string(name) + " n " + std::to_string(p.n) + " k " + std::to_string(p.k));
  Experts<T> e(p, seed);
  Memory<T> out("out", sim::Role::output, e.rows * e.outRow), up("up", sim::Role::input, e.rows * e.outRow);
  up.random(seed + 5);
  dsk::GroupedMatmulArgs<dsk::Store<T>> args{e.problem(),
                                             {out.data(), nullptr, nullptr, up.data(), 0, e.outRow, dsk::silu}};
  runOnSim(
      "GroupedMatmul", name, e.grid(tile.x, tile.y, tile.z), args, seed, [&] { out.poison(); },
      [&] {
        for (int64_t i = 0; i < e.rows; ++i)
          for (int64_t j = 0; j < e.outRow; ++j) {
            int64_t at = i * e.outRow + j;
            if (j >= p.n) {
              ASSERT_TRUE(out.poisoned(at)) << "beyond row " << i;
              continue;
            }
            double x = e.sum[i * p.n + j], y = x / (1 + std::exp(-x)) * up.at(at);
            ASSERT_NEAR(out.at(at), y, 1.01 * roundingOf<T> * std::abs(y) + 3e-7 * (e.size[i * p.n + j] + 2))
                << i << " " << j;
          }
      });
}

template <class T> void checkScatter(const char *name, sim::Dim tile, const Problem &p, unsigned seed) {
  SCOPED_TRACE(name);
  Experts<T> e(p, seed);
  Memory<T> out("out", sim::Role::output, e.rows * e.outRow);
  Memory<float> weights("weights", sim::Role::input, e.rows);
  weights.random(seed + 6);
  dsk::GroupedMatmulArgs<dsk::Scatter<T>> args{
      e.problem(), {out.data(), (const dsk_i64 *)e.permutation.data(), weights.data(), e.outRow}};
  runOnSim(
      "GroupedMatmul", name, e.grid(tile.x, tile.y, tile.z), args, seed, [&] { out.poison(); },
      [&] {
        for (int64_t i = 0; i < e.rows; ++i)
          for (int64_t j = 0; j < p.n; ++j) {
            int64_t to = e.permutation[i];
            double y = e.sum[i * p.n + j] * weights.at(to);
            ASSERT_NEAR(out.at(to * e.outRow + j), y,
                        1.01 * roundingOf<T> * std::abs(y) + 3e-7 * (e.size[i * p.n + j] + 2));
          }
      });
}

// 35 experts: found in two steps of 32; the first, the last and some others are empty.
std::vector<int64_t> manyExperts() {
  std::vector<int64_t> counts(35, 0);
  counts[3] = 5, counts[4] = 1, counts[31] = 7, counts[32] = 129, counts[33] = 2;
  return counts;
}

TEST(GroupedMatmul, ManyRows) {
  checkPlain<bf16>("grouped_matmul_bf16", {128, 128, 0}, {{0, 130, 0, 3, 128}, 72, 40, 8, 0}, 1);
  checkPlain<bf16>("grouped_matmul_bf16", {128, 128, 0}, {manyExperts(), 136, 37, 0, 2}, 2);
  checkPlain<f16>("grouped_matmul_f16", {128, 128, 0}, {{1, 131, 4}, 133, 48, 0, 4}, 3);
  checkPlain<tf32>("grouped_matmul_tf32", {128, 128, 0}, {{1, 131, 4}, 24, 20, 0, 2}, 4);
  checkPlain<float>("grouped_matmul_f32", {64, 64, 0}, {{66, 0, 4}, 69, 35, 0, 2}, 5);
  checkScatter<bf16>("grouped_matmul_bf16_scatter", {128, 128, 0}, {{2, 0, 130}, 40, 40, 0, 0}, 6);
  checkScatter<bf16>("grouped_matmul_bf16_scatter", {128, 128, 0}, {{2, 0, 31}, 41, 9, 0, 0}, 7);
}

TEST(GroupedMatmul, FewRows) {
  checkPlain<bf16>("masked_matmul_bf16", {16, 128, 1}, {{0, 1, 33, 0, 16}, 136, 200, 8, 2}, 11);
  checkPlain<bf16>("masked_matmul_bf16", {16, 128, 1}, {{2, 1}, 3, 67, 0, 1}, 12);
  checkPlain<f16>("masked_matmul_f16", {16, 128, 1}, {{17, 0, 3}, 40, 72, 0, 4}, 13);
  checkPlain<float>("masked_matmul_f32", {16, 64, 1}, {{17, 0, 3}, 70, 71, 0, 2}, 14);
  checkScatter<bf16>("masked_matmul_bf16_scatter", {16, 128, 1}, {{2, 0, 20}, 40, 40, 0, 0}, 15);
  checkScatter<float>("masked_matmul_f32_scatter", {16, 64, 1}, {{2, 0, 20}, 33, 40, 0, 0}, 16);
}

} // namespace
} // namespace ds::test
