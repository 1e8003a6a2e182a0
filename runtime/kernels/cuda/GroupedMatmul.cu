// The shipped instances of grouped matmul: grouped_* for many rows per expert, masked_* for few; *_scatter: on the way
// back.
#include "runtime/kernels/cuda/GroupedMatmul.h"

using namespace dsk;

template <class T> using Many = Shape<T, 128, 128, 64 / sizeof(T), 2, 4, 4>;
template <class T> using Few = Shape<T, 16, 128, 128 / sizeof(T), 1, 4, 3>;
using ManyExact = Shape<float, 64, 64, 16, 1, 2, 4>;
using FewExact = Shape<float, 16, 64, 32, 1, 2, 3>;

#define GROUPED(NAME, RUN, SHAPE, EPILOGUE, BLOCKS)                                                                    \
  GPU_KERNEL(NAME, GroupedMatmulArgs<EPILOGUE<SHAPE::T>>, SHAPE::threads, BLOCKS, SHAPE::shared) { RUN<SHAPE>(args); }

GROUPED(grouped_matmul_bf16, groupedMatmul, Many<bf16>, Store, 2)
GROUPED(grouped_matmul_bf16_scatter, groupedMatmul, Many<bf16>, Scatter, 2)
GROUPED(grouped_matmul_f16, groupedMatmul, Many<f16>, Store, 2)
GROUPED(grouped_matmul_tf32, groupedMatmul, Many<tf32>, Store, 2)
GROUPED(grouped_matmul_f32, groupedMatmul, ManyExact, Store, 4)
GROUPED(masked_matmul_bf16, maskedMatmul, Few<bf16>, Store, 3)
GROUPED(masked_matmul_bf16_scatter, maskedMatmul, Few<bf16>, Scatter, 3)
GROUPED(masked_matmul_f16, maskedMatmul, Few<f16>, Store, 3)
GROUPED(masked_matmul_f32, maskedMatmul, FewExact, Store, 6)
GROUPED(masked_matmul_f32_scatter, maskedMatmul, FewExact, Scatter, 6)
