// The shipped instances of convolution: conv2d_<type>_<pixels of a tile>, of 64 outputs.
#include "runtime/kernels/cuda/Conv2d.h"

using namespace dsk;

template <class T> using Large = Shape<T, 128, 64, 64 / sizeof(T), 4, 2, 4>;
template <class T> using Small = Shape<T, 64, 64, 64 / sizeof(T), 2, 2, 4>;
using ExactSmall = Shape<float, 64, 64, 16, 1, 2, 4>;

#define CONV(NAME, SHAPE, BLOCKS)                                                                                      \
  GPU_KERNEL(NAME, ConvArgs<Store<SHAPE::T>>, SHAPE::threads, BLOCKS, SHAPE::shared) { conv2d<SHAPE>(args); }

CONV(conv2d_bf16_128, Large<bf16>, 2)
CONV(conv2d_f16_128, Large<f16>, 2)
CONV(conv2d_bf16_64, Small<bf16>, 3)
CONV(conv2d_f16_64, Small<f16>, 3)
CONV(conv2d_tf32_64, Small<tf32>, 3)
CONV(conv2d_f32_64, ExactSmall, 4)
