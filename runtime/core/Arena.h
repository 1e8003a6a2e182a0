// Where the buffers between groups lie: one block for all, planned from their sizes and lifetimes.
#pragma once
#include "runtime/core/Support.h"

namespace ds {

/// Offsets (multiples of 64) such that buffers whose lifetimes meet do not overlap, and the bytes needed in all.
/// Sizes below 0 take no room. Best fit, largest first. False if there is no memory or the sum is out of range.
bool planArena(const ds_buffer_info *buffers, const int64_t *bytes, uint32_t count, uint64_t *offsets, uint64_t &total);

/// Memory that grows to the largest plan seen.
class Arena {
public:
  Arena() = default;
  Arena(const Arena &) = delete;
  ~Arena() { free(memory); }
  /// Null if there is no memory; otherwise at least `bytes`, aligned to 64. Contents are lost when it grows.
  char *reserve(uint64_t bytes);

private:
  char *memory = nullptr;
  uint64_t capacity = 0;
};

} // namespace ds
