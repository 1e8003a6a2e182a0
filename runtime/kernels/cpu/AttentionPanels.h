// Keys and values of one head as panels of 16 columns. A worker keeps the blocks of keys that its last blocks of rows have
// read, as many as the next may read again: all of the head, or as wide as the band is. (Kept where a band moves on, they
// would cost more than packing them again: writes to memory that no cache holds any more.)
#pragma once
#include "runtime/kernels/cpu/AttentionMask.h"
#include "runtime/kernels/cpu/Pack.h"

namespace dsk {

class HeadPanels {
public:
  // Several blocks of `rows` rows read the same head, or one.
  HeadPanels(const dsk_attention_args &g, int64_t rows, bool several) : g(g), columns(ceilDiv(g.v_dim, kPanel) * kPanel) {
    bool isBand = g.left < g.kv_len && g.right < g.kv_len;
    slots = ceilDiv(isBand ? min(g.kv_len, max(0, g.left + g.right) + rows + kKeyBlock) : g.kv_len, kKeyBlock);
    keeps = several && slots * kKeyBlock * (g.head_dim + columns) <= kMost;
    if (!keeps)
      slots = 1;
  }

  // In floats, a multiple of a cache line.
  int64_t size() const { return slots * (kKeyBlock * (g.head_dim + columns) + kPanel); }
  void place(float *at) {
    k = at;
    v = k + slots * kKeyBlock * g.head_dim;
    keyBlock = reinterpret_cast<int64_t *>(v + slots * kKeyBlock * columns);
    valueBlock = keyBlock + slots;
  }
  void select(int64_t batch, int64_t head) {
    if (b == batch && hk == head)
      return;
    b = batch;
    hk = head;
    for (int64_t i = 0; i < slots; ++i)
      keyBlock[i] = valueBlock[i] = -1;
  }

  // Feature d of key j0 + j is at [j/16*16*head_dim + d*16 + j%16], for j in `range`, which begins with a panel.
  const float *keys(int64_t j0, KeyRange range) {
    float *to = k + slot(j0) * kKeyBlock * g.head_dim;
    if (keeps)
      range = block(j0);
    if (!keeps || isNew(keyBlock, j0))
      packPanels(to + range.begin * g.head_dim, g.k + b * g.k_batch + hk * g.k_head + (j0 + range.begin) * g.k_row, g.k_col,
                 g.k_row, g.head_dim, range.end - range.begin);
    return to;
  }

  // Row j is value j0 + j, for j in `range`.
  BView values(int64_t j0, KeyRange range) {
    const float *from = g.v + b * g.v_batch + hk * g.v_head + j0 * g.v_row;
    if (g.v_col == 1 && g.v_dim % kPanel == 0 && (!keeps || g.v_row == g.v_dim))
      return {from, kPanel, g.v_row};
    float *to = v + slot(j0) * kKeyBlock * columns;
    if (keeps)
      range = block(j0);
    int64_t n = range.end - range.begin;
    if (!keeps || isNew(valueBlock, j0))
      packPanels(to, from + range.begin * g.v_row, g.v_row, g.v_col, n, g.v_dim);
    return {to - range.begin * kPanel, n * kPanel, kPanel};
  }

private:
  static constexpr int64_t kMost = 1 << 20; // floats kept

  int64_t slot(int64_t j0) const { return j0 / kKeyBlock % slots; }
  KeyRange block(int64_t j0) const { return {0, min(kKeyBlock, g.kv_len - j0), true}; }
  bool isNew(int64_t *blocks, int64_t j0) const {
    int64_t &held = blocks[slot(j0)];
    bool isNew = held != j0;
    held = j0;
    return isNew;
  }

  const dsk_attention_args &g;
  int64_t columns; // of values, whole panels
  int64_t slots;
  bool keeps;
  int64_t *keyBlock = nullptr, *valueBlock = nullptr; // what slots hold: the first key, or -1
  float *k = nullptr, *v = nullptr;
  int64_t b = -1, hk = -1;
};

} // namespace dsk
