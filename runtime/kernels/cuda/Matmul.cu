// The shipped instances of dense matmul: matmul_<type>_<tile>_<layouts of A and B>, k: K-contiguous, x: not.
#include "runtime/kernels/cuda/Matmul.h"

using namespace dsk;

template <class T> using Large = Shape<T, 128, 128, 64 / sizeof(T), 2, 4, 4>;
template <class T> using Small = Shape<T, 64, 64, 64 / sizeof(T), 2, 2, 4>;
using Exact = Shape<float, 128, 128, 16, 2, 4, 3>;
using ExactSmall = Shape<float, 64, 64, 16, 1, 2, 4>;

#define MATMUL(NAME, SHAPE, A, B, BLOCKS)                                                                              \
  GPU_KERNEL(NAME, MatmulArgs<Store<SHAPE::T>>, SHAPE::threads, BLOCKS, SHAPE::shared) { matmul<SHAPE, A, B>(args); }

MATMUL(matmul_bf16_128_kk, Large<bf16>, true, true, 2)
MATMUL(matmul_bf16_128_kx, Large<bf16>, true, false, 2)
MATMUL(matmul_bf16_64_kk, Small<bf16>, true, true, 3)
MATMUL(matmul_bf16_64_kx, Small<bf16>, true, false, 3)
MATMUL(matmul_bf16_64_xk, Small<bf16>, false, true, 3)
MATMUL(matmul_f16_128_kk, Large<f16>, true, true, 2)
MATMUL(matmul_f16_64_kk, Small<f16>, true, true, 3)
MATMUL(matmul_f16_64_kx, Small<f16>, true, false, 3)
MATMUL(matmul_tf32_128_kk, Large<tf32>, true, true, 2)
MATMUL(matmul_tf32_64_kk, Small<tf32>, true, true, 3)
MATMUL(matmul_tf32_64_kx, Small<tf32>, true, false, 3)
MATMUL(matmul_tf32_64_xk, Small<tf32>, false, true, 3)
MATMUL(matmul_f32_128_kk, Exact, true, true, 1)
MATMUL(matmul_f32_64_kk, ExactSmall, true, true, 4)
MATMUL(matmul_f32_64_kx, ExactSmall, true, false, 4)
MATMUL(matmul_f32_64_xk, ExactSmall, false, true, 4)
