// The shipped instances of attention: attention_<type>_<largest head_dim>_<largest v_dim>.
#include "runtime/kernels/cuda/Attention.h"

using namespace dsk;

#define ATTENTION(NAME, RUN, BLOCKS, ...)                                                                              \
  using NAME##_tile = __VA_ARGS__;                                                                                     \
  GPU_KERNEL(NAME, dsk_cuda_attention_args, NAME##_tile::threads, BLOCKS, NAME##_tile::shared) {                       \
    RUN<NAME##_tile>(args);                                                                                            \
  }

ATTENTION(attention_bf16_32_32, flashAttention, 3, FlashTile<bf16, 32, 32>)
ATTENTION(attention_bf16_64_64, flashAttention, 3, FlashTile<bf16, 64, 64>)
ATTENTION(attention_bf16_128_128, flashAttention, 2, FlashTile<bf16, 128, 128>)
ATTENTION(attention_bf16_192_128, flashAttention, 1, FlashTile<bf16, 192, 128>)
ATTENTION(attention_f16_64_64, flashAttention, 3, FlashTile<f16, 64, 64>)
ATTENTION(attention_f16_128_128, flashAttention, 2, FlashTile<f16, 128, 128>)
ATTENTION(attention_f32_32_32, exactAttention, 4, ExactTile<32, 32>)
ATTENTION(attention_f32_64_64, exactAttention, 3, ExactTile<64, 64>)
ATTENTION(attention_f32_128_128, exactAttention, 2, ExactTile<128, 128>)

#define COMBINE(NAME, T)                                                                                               \
  GPU_KERNEL(NAME, dsk_cuda_attention_args, combineThreads, 8, 0) { combineAttention<T>(args); }

COMBINE(attention_combine_bf16, bf16)
COMBINE(attention_combine_f16, f16)
COMBINE(attention_combine_f32, float)
