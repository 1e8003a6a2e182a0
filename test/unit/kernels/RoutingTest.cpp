// dsk_route_f32 and dsk_grouped_matmul_f32 against plain loops in double: ties, NaN, groups, loads; empty and uneven experts.
#include "KernelTest.h"
#include <algorithm>
#include <functional>
#include <numeric>

using namespace ds::test;

namespace {
class RoutingTest : public KernelTest {};

//--- Routing ------------------------------------------------------------------------------------------------------------

struct Routed {
  std::vector<float> weights, newLoad;
  std::vector<int64_t> chosen, permutation, offsets;
  bool operator==(const Routed &o) const {
    return weights == o.weights && newLoad == o.newLoad && chosen == o.chosen && permutation == o.permutation && offsets == o.offsets;
  }
};

Routed runRoute(const std::string &isa, dsk_route_args args, int threads) {
  Routed r;
  r.weights.resize(args.tokens * args.k);
  r.chosen.resize(args.tokens * args.k);
  r.permutation.resize(args.tokens * args.k);
  r.offsets.resize(args.experts + 1);
  r.newLoad.resize(args.load ? args.experts : 0);
  args.weights = r.weights.data(), args.chosen = r.chosen.data(), args.permutation = r.permutation.data();
  args.offsets = r.offsets.data(), args.new_load = args.load ? r.newLoad.data() : nullptr;
  FakeExec exec(threads);
  kernel<decltype(dsk_route_f32)>(isa, "dsk_route_f32")(&exec, &args);
  EXPECT_EQ(exec.status, DS_OK);
  return r;
}

std::vector<int64_t> best(const std::vector<double> &v, int64_t count) {
  std::vector<int64_t> order(v.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return v[a] > v[b] || (std::isnan(v[a]) && !std::isnan(v[b])); });
  order.resize(count);
  return order;
}

// One token, by the formulas.
void routeToken(const dsk_route_args &g, int64_t t, std::vector<int64_t> &chosen, std::vector<double> &weights) {
  std::vector<double> p(g.scores + t * g.experts, g.scores + (t + 1) * g.experts), s;
  double top = *std::max_element(p.begin(), p.end()), sum = 0, mean = 0;
  for (double &x : p)
    sum += x = g.score == DSK_SCORE_SOFTMAX ? std::exp(x - top) : g.score == DSK_SCORE_SIGMOID ? 1 / (1 + std::exp(-x)) : x;
  for (int64_t e = 0; e < g.experts; ++e) {
    p[e] = g.score == DSK_SCORE_SOFTMAX ? p[e] / sum : p[e];
    mean += g.load ? g.load[e] / double(g.experts) : 0;
  }
  for (int64_t e = 0; e < g.experts; ++e) {
    s.push_back(p[e] + (g.bias ? g.bias[e] : 0) + (g.balance == DSK_BALANCE_BIAS ? g.load[e] : 0));
    if (g.balance == DSK_BALANCE_SELECT && mean > 0)
      s[e] /= std::max(g.load[e] / mean, 1e-6);
  }
  int64_t size = g.experts / g.groups;
  std::vector<double> groups;
  for (int64_t i = 0; i < g.groups; ++i) {
    std::vector<double> part(s.begin() + i * size, s.begin() + (i + 1) * size);
    double total = 0;
    for (int64_t e : best(part, g.group_best))
      total += part[e];
    groups.push_back(total);
  }
  std::vector<int64_t> open = best(groups, g.top_groups), candidates;
  for (int64_t e = 0; e < g.experts; ++e)
    if (std::count(open.begin(), open.end(), e / size))
      candidates.push_back(e);
  std::vector<double> values, w;
  for (int64_t e : candidates)
    values.push_back(s[e]);
  double total = g.epsilon;
  for (int64_t i : best(values, g.k)) {
    int64_t e = candidates[i];
    chosen.push_back(e);
    w.push_back((g.mixing ? g.mixing[t * g.experts + e] : p[e]) / (g.balance == DSK_BALANCE_MIX ? g.load[e] + 1e-6 : 1));
    total += w.back();
  }
  for (double x : w)
    weights.push_back((g.normalize ? x / total : x) * g.scale);
}

void checkRoute(const std::string &isa, const dsk_route_args &g) {
  SCOPED_TRACE(testing::Message() << g.tokens << " tokens, " << g.k << " of " << g.experts << ", groups " << g.groups << ", score " << g.score
                                  << ", balance " << g.balance);
  std::vector<int64_t> chosen, permutation, offsets{0};
  std::vector<double> weights;
  for (int64_t t = 0; t < g.tokens; ++t)
    routeToken(g, t, chosen, weights);
  for (int64_t e = 0; e < g.experts; ++e) {
    for (size_t r = 0; r < chosen.size(); ++r)
      if (chosen[r] == e)
        permutation.push_back(r);
    offsets.push_back(permutation.size());
  }
  Routed one = runRoute(isa, g, 1);
  EXPECT_EQ(one.chosen, chosen);
  EXPECT_EQ(one.permutation, permutation);
  EXPECT_EQ(one.offsets, offsets);
  for (size_t i = 0; i < weights.size(); ++i)
    ASSERT_NEAR(one.weights[i], weights[i], 1e-6 * (1 + std::abs(weights[i])));
  for (size_t e = 0; e < one.newLoad.size(); ++e) {
    double c = g.tokens ? double(offsets[e + 1] - offsets[e]) / double(chosen.size()) : 0, even = 1.0 / g.experts, load = g.load[e];
    if (g.tokens)
      load = g.balance == DSK_BALANCE_BIAS ? load + g.rate * ((c < even) - (c > even)) : (1 - g.rate) * load + g.rate * c;
    ASSERT_NEAR(one.newLoad[e], load, 1e-6);
  }
  EXPECT_TRUE(one == runRoute(isa, g, 3));
}

TEST_P(RoutingTest, Routes) {
  for (int64_t experts : {1, 4, 12, 64, 160})
    for (int64_t tokens : {0, 1, 7, 300}) {
      std::vector<float> scores = randomFloats(experts * tokens + 1, 1, -4, 4), mixing = randomFloats(experts * tokens + 1, 2, 0, 1);
      std::vector<float> bias = randomFloats(experts, 3, -0.1, 0.1), load = randomFloats(experts, 4, 0, 1);
      for (int32_t score : {DSK_SCORE_NONE, DSK_SCORE_SOFTMAX, DSK_SCORE_SIGMOID})
        for (int32_t balance : {DSK_BALANCE_NONE, DSK_BALANCE_SELECT, DSK_BALANCE_MIX, DSK_BALANCE_BIAS}) {
          bool grouped = experts % 4 == 0 && experts > 4;
          dsk_route_args g = {scores.data(), score ? nullptr : mixing.data(), score == DSK_SCORE_SIGMOID ? bias.data() : nullptr,
                              balance ? load.data() : nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, tokens, experts,
                              std::min<int64_t>(experts, 6), grouped ? 4 : 1, grouped ? 2 : 1, grouped ? 2 : 1, 1e-20, 2.5, 0.25, score, balance, score != 0};
          checkRoute(GetParam(), g);
        }
    }
}

TEST_P(RoutingTest, TiesNanAndMasks) {
  const float nan = NAN, inf = INFINITY;
  auto chosen = [&](std::vector<float> row, int64_t k, int32_t score) {
    return runRoute(GetParam(), {row.data(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, 1, int64_t(row.size()), k, 1, 1, 1, 0,
                                 1, 0, score, DSK_BALANCE_NONE, 0}, 1);
  };
  EXPECT_EQ(chosen({1, 3, 3, 3}, 2, DSK_SCORE_SOFTMAX).chosen, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(chosen({9, nan, 1, nan, 8}, 3, DSK_SCORE_NONE).chosen, (std::vector<int64_t>{1, 3, 0}));
  // A NaN makes the whole softmax NaN, so all are equal; sigmoids stay apart, also where f32 rounds them to 1.
  EXPECT_EQ(chosen({9, nan, 1, 7}, 2, DSK_SCORE_SOFTMAX).chosen, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(chosen({20, 21, 19}, 2, DSK_SCORE_SIGMOID).chosen, (std::vector<int64_t>{1, 0}));
  Routed masked = chosen({-inf, 2, -inf, -inf}, 2, DSK_SCORE_SOFTMAX);
  EXPECT_EQ(masked.chosen, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(masked.weights, (std::vector<float>{1, 0}));
}

//--- Grouped products ---------------------------------------------------------------------------------------------------

double activate(int32_t kind, double x) {
  switch (kind) {
  case DSK_ACT_RELU:
    return x < 0 ? 0 : x;
  case DSK_ACT_SILU:
    return x / (1 + std::exp(-x));
  case DSK_ACT_GELU:
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case DSK_ACT_GELU_TANH:
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  default:
    return x;
  }
}

// Which rows go to which expert.
struct Route {
  int64_t slots;
  std::vector<int64_t> permutation, offsets;
  Route(const std::vector<int64_t> &counts, int64_t slots, unsigned seed) : slots(slots), offsets{0} {
    for (int64_t c : counts)
      offsets.push_back(offsets.back() + c);
    permutation.resize(offsets.back());
    std::iota(permutation.begin(), permutation.end(), 0);
    std::shuffle(permutation.begin(), permutation.end(), std::mt19937(seed));
  }
  int64_t rows() const { return offsets.back(); }
  int64_t experts() const { return offsets.size() - 1; }
};

// Weights [E, K, N] packed per expert; `second` (may be empty) alternates with it.
std::vector<float> packExperts(const std::vector<float> &first, const std::vector<float> &second, int64_t experts, int64_t k, int64_t n) {
  std::vector<float> out;
  int64_t panel = k * 16, panels = (n + 15) / 16;
  for (int64_t e = 0; e < experts; ++e) {
    auto a = packPanels(first.data() + e * k * n, k, n, n, 1), b = second.empty() ? a : packPanels(second.data() + e * k * n, k, n, n, 1);
    for (int64_t p = 0; p < panels; ++p) {
      out.insert(out.end(), a.begin() + p * panel, a.begin() + (p + 1) * panel);
      if (!second.empty())
        out.insert(out.end(), b.begin() + p * panel, b.begin() + (p + 1) * panel);
    }
  }
  return out;
}

void runGrouped(const std::string &isa, const Route &route, int64_t k, int64_t n, bool gated, bool scatter, int32_t activation) {
  SCOPED_TRACE(testing::Message() << route.rows() << " rows, K " << k << " N " << n << " gated " << gated << " scatter " << scatter << " activation "
                                  << activation);
  int64_t rows = route.rows(), experts = route.experts();
  std::vector<float> x = randomFloats(rows * k + 1, 1), up = randomFloats(experts * k * n, 2), gate, scale = randomFloats(rows + 1, 4);
  if (gated)
    gate = randomFloats(experts * k * n, 3);
  std::vector<float> panels = gated ? packExperts(gate, up, experts, k, n) : packExperts(up, {}, experts, k, n);
  std::vector<double> expected(rows * n);
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t i = route.offsets[e]; i < route.offsets[e + 1]; ++i) {
      int64_t row = route.permutation[i], from = scatter ? i : row / route.slots, to = scatter ? row : i;
      for (int64_t j = 0; j < n; ++j) {
        double u = 0, g = 0;
        for (int64_t l = 0; l < k; ++l) {
          u += double(x[from * k + l]) * up[(e * k + l) * n + j];
          g += gated ? double(x[from * k + l]) * gate[(e * k + l) * n + j] : 0;
        }
        expected[to * n + j] = scatter ? scale[row] * u : gated ? activate(activation, g) * u : activate(activation, u);
      }
    }
  std::vector<float> first;
  for (int threads : {1, 2, 3}) {
    std::vector<float> out(rows * n, NAN);
    dsk_grouped_matmul_args args = {x.data(), panels.data(), scatter ? scale.data() : nullptr, route.permutation.data(), route.offsets.data(),
                                    out.data(), rows, experts, route.slots, k, n, 10, gated, activation};
    FakeExec exec(threads);
    kernel<decltype(dsk_grouped_matmul_f32)>(isa, "dsk_grouped_matmul_f32")(&exec, &args);
    ASSERT_EQ(exec.status, DS_OK);
    EXPECT_EQ(exec.recordedTokens, rows / route.slots);
    EXPECT_EQ(exec.recordedFlops, 10 * rows);
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_NEAR(out[i], expected[i], 2e-5 * std::sqrt(double(k) + 1) * (1 + std::abs(expected[i]))) << "element " << i;
    if (first.empty())
      first = out;
    ASSERT_EQ(first, out) << "the result depends on the number of threads";
  }
}

TEST_P(RoutingTest, GroupedProducts) {
  const Route routes[] = {{{0, 1, 0, 5, 2}, 2, 1}, {{3, 8, 0, 29, 7, 1}, 4, 2}, {{2}, 2, 3}, {{200, 14, 6, 0}, 1, 4}, {{0, 0}, 2, 5}};
  for (const Route &route : routes)
    for (auto [k, n] : {std::pair<int64_t, int64_t>{1, 1}, {37, 65}, {130, 16}, {400, 100}})
      for (bool scatter : {false, true})
        for (bool gated : {false, true})
          if (!scatter || !gated)
            runGrouped(GetParam(), route, k, n, gated, scatter, scatter ? DSK_ACT_IDENTITY : DSK_ACT_SILU);
}

TEST_P(RoutingTest, Activations) {
  for (int32_t activation : {DSK_ACT_IDENTITY, DSK_ACT_RELU, DSK_ACT_SILU, DSK_ACT_GELU, DSK_ACT_GELU_TANH})
    for (bool gated : {false, true})
      runGrouped(GetParam(), {{9, 1}, 1, 1}, 20, 33, gated, false, activation);
}

TEST_P(RoutingTest, ManyBlocks) {
  runGrouped(GetParam(), {{350, 3, 16}, 3, 1}, 900, 330, true, false, DSK_ACT_SILU);
  runGrouped(GetParam(), {{350, 3, 16}, 3, 1}, 500, 700, false, true, DSK_ACT_IDENTITY);
}

TEST_P(RoutingTest, PacksStridedMatrices) {
  // Two weights: rows of [K, N], and transposed with a gap; the second matrix of a pair comes from either.
  for (auto [k, n] : {std::pair<int64_t, int64_t>{1, 1}, {7, 33}, {40, 16}, {19, 50}}) {
    std::vector<float> a = randomFloats(2 * k * n, 1), b = randomFloats(2 * n * (k + 3), 2);
    const float *sources[] = {a.data(), b.data()};
    std::vector<int64_t> which = {0, 1, 1, 0}, offsets = {0, 3, n * (k + 3) + 1, k * n}, rows = {n, 1, 1, n}, columns = {1, k + 3, k + 3, 1};
    for (bool pairs : {false, true}) {
      std::vector<float> first, second, expected;
      for (int m = 0; m < 4; ++m)
        for (int64_t i = 0; i < k; ++i)
          for (int64_t j = 0; j < n; ++j)
            (pairs && m % 2 ? second : first).push_back(sources[which[m]][offsets[m] + i * rows[m] + j * columns[m]]);
      expected = packExperts(first, second, pairs ? 2 : 4, k, n);
      std::vector<float> out(expected.size(), NAN);
      dsk_pack_panels_args args = {sources, out.data(), which.data(), offsets.data(), rows.data(), columns.data(), 4, k, n, pairs};
      FakeExec exec(2);
      kernel<decltype(dsk_pack_panels_f32)>(GetParam(), "dsk_pack_panels_f32")(&exec, &args);
      EXPECT_EQ(out, expected);
    }
  }
}

TEST_P(RoutingTest, RefusesWhatIsNoRoute) {
  float x[4] = {}, out[4], panels[2 * 16] = {};
  auto status = [&](std::vector<int64_t> permutation, std::vector<int64_t> offsets) {
    dsk_grouped_matmul_args args = {x, panels, nullptr, permutation.data(), offsets.data(), out, 4, 2, 1, 1, 1, 0, 0, DSK_ACT_IDENTITY};
    FakeExec exec(1);
    kernel<decltype(dsk_grouped_matmul_f32)>(GetParam(), "dsk_grouped_matmul_f32")(&exec, &args);
    return exec.status;
  };
  EXPECT_EQ(status({3, 2, 1, 0}, {0, 1, 4}), DS_OK);
  EXPECT_EQ(status({3, 2, 1, 1}, {0, 1, 4}), DS_E_VALUE);
  EXPECT_EQ(status({3, 2, 1, 4}, {0, 1, 4}), DS_E_VALUE);
  EXPECT_EQ(status({3, 2, 1, -1}, {0, 1, 4}), DS_E_VALUE);
  EXPECT_EQ(status({3, 2, 1, 0}, {0, 5, 4}), DS_E_VALUE);
  EXPECT_EQ(status({3, 2, 1, 0}, {0, 1, 3}), DS_E_VALUE);
}

DS_KERNEL_TESTS(RoutingTest);
} // namespace
