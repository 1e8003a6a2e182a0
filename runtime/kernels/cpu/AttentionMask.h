// Which keys the rows of dsk_attention_f32 see: a band around the diagonal, and what the mask leaves. The mask is read
// once, before all heads, into two bits per row and 64 keys; blocks in which no row sees a key are never computed.
#pragma once
#include "runtime/kernels/cpu/Simd.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {

inline constexpr float kInfinity = __builtin_inff();
inline constexpr int64_t kKeyBlock = 256;
inline constexpr int64_t kChunk = 64; // keys of one class: four classes of a block are one 32-bit word
// A mask at most this hides its key: next to the score of any other key, its weight is exactly 0. Rows without any
// other key are the exception: their largest score is below half of it, and they are computed with all keys.
inline constexpr float kHidden = -1e30f;

// Bits of a class.
inline constexpr uint8_t kSees = 1; // some key is not hidden
inline constexpr uint8_t kAdds = 2; // some element is not 0

// Of n <= kChunk elements of a mask's row.
DSK_INLINE uint8_t classOf(const float *m, int64_t col, int64_t n) {
  IVec sees = IVec(0), adds = IVec(0);
  if (col != 1) {
    bool some = false, nonZero = false;
    for (int64_t j = 0; j < n; ++j) {
      some |= !(m[j * col] <= kHidden);
      nonZero |= m[j * col] != 0;
    }
    return some * kSees | nonZero * kAdds;
  }
  for (int64_t j = 0; j < n; j += W) {
    Mask lanes = firstLanes(n - j);
    Vec x = load(m + j, lanes);
    sees |= ~(select(lanes, x, Vec(kHidden)) <= Vec(kHidden));
    adds |= x != Vec(0.0f);
  }
  return (__builtin_reduce_or(sees) & kSees) | (__builtin_reduce_or(adds) & kAdds);
}

// The classes of a mask, [batch, heads, q_len, words] as far as the mask has these axes.
struct MaskClasses {
  uint32_t *at = nullptr; // null: no mask
  int64_t batch = 0, head = 0, row = 0; // strides in words, 0 where the mask repeats
  int64_t batches = 1, heads = 1, rows = 1, words = 0;

  MaskClasses(const dsk_attention_args &g) {
    if (!g.mask)
      return;
    words = ceilDiv(g.kv_len, kKeyBlock);
    rows = g.m_row ? g.q_len : 1;
    heads = g.m_head ? g.heads : 1;
    batches = g.m_batch ? g.batch : 1;
    row = g.m_row ? words : 0;
    head = g.m_head ? rows * words : 0;
    batch = g.m_batch ? heads * rows * words : 0;
  }
  int64_t count() const { return words * rows * heads * batches; }

  // Fills row i of them all.
  void read(const dsk_attention_args &g, int64_t i) const {
    const float *m = g.mask + i / rows / heads * g.m_batch + i / rows % heads * g.m_head + i % rows * g.m_row;
    for (int64_t w = 0; w < words; ++w) {
      uint32_t word = 0;
      for (int64_t c = 0; c < kKeyBlock / kChunk; ++c) {
        int64_t j = w * kKeyBlock + c * kChunk;
        if (j < g.kv_len)
          word |= uint32_t(classOf(m + j * g.m_col, g.m_col, min(kChunk, g.kv_len - j))) << 8 * c;
      }
      at[i * words + w] = word;
    }
  }
};

// Keys of a block that some row of a tile sees, and whether the mask matters there.
struct KeyRange {
  int64_t begin, end;
  bool adds;
  bool empty() const { return begin >= end; }

  // Without the chunks at both ends that `classes` (of all rows) hides. Keys are relative to the block.
  DSK_INLINE void clip(uint32_t classes) {
    auto sees = [&](int64_t key) { return classes >> key / kChunk * 8 & kSees; };
    while (begin < end && !sees(begin))
      begin = (begin / kChunk + 1) * kChunk;
    while (begin < end && !sees(end - 1))
      end = (end - 1) / kChunk * kChunk;
    adds = classes & 0x01010101u * kAdds;
  }
};

} // namespace dsk
