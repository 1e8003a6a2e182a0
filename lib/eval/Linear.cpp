// Matrix products.
#include "lib/eval/Call.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// Four rows of B at a time over blocks that stay in the second-level cache.
inline __attribute__((always_inline)) void gemmBlocks(int64_t m, int64_t n, int64_t k, const double *a, const double *b,
                                                      double *c) {
  constexpr int64_t columns = 512, depth = 64;
  for (int64_t j0 = 0; j0 < n; j0 += columns)
    for (int64_t k0 = 0; k0 < k; k0 += depth)
      for (int64_t i = 0; i < m; ++i) {
        int64_t j1 = std::min(n, j0 + columns), k1 = std::min(k, k0 + depth), l = k0;
        double *__restrict row = c + i * n;
        for (; l + 4 <= k1; l += 4) {
          const double *x = a + i * k + l, *y = b + l * n;
          for (int64_t j = j0; j < j1; ++j)
            row[j] += x[0] * y[j] + x[1] * y[n + j] + (x[2] * y[2 * n + j] + x[3] * y[3 * n + j]);
        }
        for (; l < k1; ++l)
          for (int64_t j = j0; j < j1; ++j)
            row[j] += a[i * k + l] * b[l * n + j];
      }
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void gemmAvx2(int64_t m, int64_t n, int64_t k, const double *a, const double *b,
                                                  double *c) {
  gemmBlocks(m, n, k, a, b, c);
}
#endif
} // namespace

void eval::gemm(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c) {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2)
    return gemmAvx2(m, n, k, a, b, c);
#endif
  gemmBlocks(m, n, k, a, b, c);
}

static FailureOr<Tensor> swappedLast(const Tensor &tensor, bool swap) {
  if (!swap)
    return tensor;
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, tensor.rank()));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permuted(tensor, order);
}

static LogicalResult evalMatmul(MatmulOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  FailureOr<Tensor> a = swappedLast(call.operands[0], op.getTransposeA()),
                    b = swappedLast(call.operands[1], op.getTransposeB());
  if (failed(a) || failed(b) || !byteSize(call.elementType(), *shape))
    return call.give(failure());
  int64_t m = a->shape()[a->rank() - 2], k = a->shape().back(), n = b->shape().back();
  auto batch = ArrayRef<int64_t>(*shape).drop_back(2);
  Shape aStrides = broadcastStrides(a->shape().drop_back(2), batch),
        bStrides = broadcastStrides(b->shape().drop_back(2), batch);
  return dispatch(call.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> x = load<T>(*a), y = load<T>(*b), z(product(*shape), T(0));
    int64_t at = 0;
    forEachOffsets<2>(batch, {aStrides, bStrides}, {0, 0}, [&](const std::array<int64_t, 2> &offsets) {
      gemm(m, n, k, x.data() + offsets[0] * m * k, y.data() + offsets[1] * k * n, z.data() + at * m * n);
      ++at;
    });
    return call.give(*shape, z);
  });
}

void eval::addLinear(OpTable &table) { table.add<MatmulOp>(evalMatmul); }
