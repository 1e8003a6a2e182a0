// Which positions of a sliding window lie inside an axis; shared by depthwise convolution and pooling.
#pragma once
#include "runtime/kernels/cpu/Simd.h"

namespace dsk {

struct Taps {
  int64_t first, last;
};
// Of taps start, start + dilation, ..: those in [low, high), given low <= 0 and taps in order.
DSK_INLINE Taps validTaps(int64_t start, int64_t dilation, int64_t taps, int64_t low, int64_t high) {
  int64_t first = start < low ? ceilDiv(low - start, dilation) : 0;
  int64_t last = high > start ? min(taps, ceilDiv(high - start, dilation)) : 0;
  return {min(first, taps), max(min(first, taps), last)};
}

} // namespace dsk
