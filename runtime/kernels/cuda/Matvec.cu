// The shipped instances of matvec; gated_*: weights by rows of K, 32 columns per block where there are few, else 64.
#include "runtime/kernels/cuda/Matvec.h"

using namespace dsk;

#define MATVEC(NAME, T, BLOCKS)                                                                                        \
  GPU_KERNEL(NAME, MatvecArgs<Store<T>>, matvecThreads, BLOCKS, 0) { matvec<T>(args); }
#define GATED(NAME, T, COLUMNS)                                                                                        \
  GPU_KERNEL(NAME, MatvecArgs<Store<T>>, matvecThreads, 4, sizeof(GatedShared<COLUMNS>)) {                             \
    gatedMatvec<T, COLUMNS>(args);                                                                                     \
  }

MATVEC(matvec_bf16, bf16, 4)
MATVEC(matvec_f16, f16, 4)
MATVEC(matvec_f32, float, 3)
GATED(gated_matvec_bf16_64, bf16, 64)
GATED(gated_matvec_bf16_32, bf16, 32)
GATED(gated_matvec_f16_64, f16, 64)
GATED(gated_matvec_f32_64, float, 64)
GATED(gated_matvec_f32_32, float, 32)
