// Dense matmul on the simulator against plain loops in double: every shipped instance, odd and even shapes, strides
// that forbid 128-bit accesses, batches, epilogues.
#include "runtime/kernels/cuda/Matmul.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

struct Case {
  const char *name;
  int64_t tile;
  bool aContiguous, bContiguous;
};
struct Problem {
  int64_t batch, m, n, k, pad; // pad: added to every row
  int activation;
  bool operands; // bias, residual and multiplier
};

double activation(int kind, double x) {
  switch (kind) {
  case dsk::relu:
    return x < 0 ? 0 : x;
  case dsk::silu:
    return x / (1 + std::exp(-x));
  case dsk::gelu:
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  case dsk::geluTanh:
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

template <class T> void check(const Case &c, const Problem &p, unsigned seed) {
  SCOPED_TRACE(std::string(c.name) + " " + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k));
  int64_t aRow = (c.aContiguous ? p.k : p.m) + p.pad, aRows = c.aContiguous ? p.m : p.k;
  int64_t bRow = (c.bContiguous ? p.k : p.n) + p.pad, bRows = c.bContiguous ? p.n : p.k, outRow = p.n + p.pad;
  Memory<T> a("a", sim::Role::input, p.batch * aRows * aRow), b("b", sim::Role::input, p.batch * bRows * bRow);
  Memory<T> out("c", sim::Role::output, p.batch * p.m * outRow), bias("bias", sim::Role::input, p.n);
  Memory<T> residual("residual", sim::Role::input, out.size()), multiplier("multiplier", sim::Role::input, out.size());
  a.random(seed), b.random(seed + 1), bias.random(seed + 2), residual.random(seed + 3), multiplier.random(seed + 4);
  // What lies between rows must not reach a sum, not even times zero.
  for (auto [operand, row, inside] : {std::tuple(&a, aRow, aRow - p.pad), std::tuple(&b, bRow, bRow - p.pad)})
    for (int64_t i = 0; i < int64_t(operand->size()); ++i)
      if (i % row >= inside)
        (*operand)[i] = gpu::fromFloat<T>(NAN);
  dsk::MatmulArgs<dsk::Store<T>> args{{a.data(), b.data(), p.m, p.n, p.k, aRows * aRow, aRow, bRows * bRow, bRow},
                                      {out.data(), nullptr, nullptr, nullptr, p.m * outRow, outRow, p.activation}};
  if (p.operands)
    args.epilogue.bias = bias.data(), args.epilogue.residual = residual.data(),
    args.epilogue.multiplier = multiplier.data();

  std::vector<double> expected(out.size()), tolerance(out.size());
  for (int64_t z = 0; z < p.batch; ++z)
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < p.k; ++k) {
          double x = multiplicand(a[z * aRows * aRow + (c.aContiguous ? i * aRow + k : k * aRow + i)]);
          double y = multiplicand(b[z * bRows * bRow + (c.bContiguous ? j * bRow + k : k * bRow + j)]);
          sum += x * y, size += std::abs(x * y);
        }
        int64_t at = (z * p.m + i) * outRow + j;
        double y = activation(p.activation, sum + (p.operands ? bias.at(j) : 0));
        expected[at] = p.operands ? (y + residual.at(at)) * multiplier.at(at) : y;
        tolerance[at] = 1.01 * roundingOf<T> * std::abs(expected[at]) + 3e-7 * (size + 2);
      }
  int64_t tilesM = (p.m + c.tile - 1) / c.tile, tilesN = (p.n + c.tile - 1) / c.tile;
  runOnSim(
      "Matmul", c.name, {uint32_t(tilesM * tilesN), 1, uint32_t(p.batch)}, args, seed, [&] { out.poison(); },
      [&] {
        for (size_t at = 0; at < out.size(); ++at) {
          if (int64_t(at) % outRow >= p.n)
            ASSERT_TRUE(out.poisoned(at)) << "beyond row " << at / outRow;
          else
            ASSERT_NEAR(out.at(at), expected[at], tolerance[at]) << "row " << at / outRow << " column " << at % outRow;
        }
      });
}

template <class T> void checkAll(const std::vector<Case> &cases) {
  unsigned seed = 1;
  for (const Case &c : cases) {
    int64_t t = c.tile;
    const Problem problems[] = {
        {1, 1, 1, 1, 0, dsk::identity, false},
        {1, t, t, 64, 0, dsk::identity, false},         // whole tiles, aligned
        {2, t / 2 + 8, t + 16, 88, 8, dsk::gelu, true}, // partial tiles, aligned
        {1, t + 3, t - 5, 37, 0, dsk::silu, true},      // nothing aligned
        {1, 5, 24, 0, 0, dsk::relu, true},              // an empty sum
    };
    for (const Problem &p : problems) {
      check<T>(c, p, seed++);
      if (::testing::Test::HasFatalFailure())
        return;
    }
  }
}

TEST(Matmul, Bf16) {
  checkAll<bf16>({{"matmul_bf16_128_kk", 128, true, true},
                  {"matmul_bf16_128_kx", 128, true, false},
                  {"matmul_bf16_64_kk", 64, true, true},
                  {"matmul_bf16_64_kx", 64, true, false},
                  {"matmul_bf16_64_xk", 64, false, true}});
}
TEST(Matmul, F16) {
  checkAll<f16>({{"matmul_f16_128_kk", 128, true, true},
                 {"matmul_f16_64_kk", 64, true, true},
                 {"matmul_f16_64_kx", 64, true, false}});
}
TEST(Matmul, Tf32) {
  checkAll<tf32>({{"matmul_tf32_128_kk", 128, true, true},
                  {"matmul_tf32_64_kk", 64, true, true},
                  {"matmul_tf32_64_kx", 64, true, false},
                  {"matmul_tf32_64_xk", 64, false, true}});
}
TEST(Matmul, F32) {
  checkAll<float>({{"matmul_f32_128_kk", 128, true, true},
                   {"matmul_f32_64_kk", 64, true, true},
                   {"matmul_f32_64_kx", 64, true, false},
                   {"matmul_f32_64_xk", 64, false, true}});
}

// More tiles than one column of eight: each tile is taken exactly once.
TEST(Matmul, TileOrder) {
  check<bf16>({"matmul_bf16_64_kk", 64, true, true}, {1, 64 * 10 + 1, 64 * 2 + 2, 8, 0, dsk::geluTanh, false}, 99);
}

} // namespace
} // namespace ds::test
