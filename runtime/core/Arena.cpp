// Interval packing; see Arena.h.
#include "runtime/core/Arena.h"
#include "runtime/core/Format.h"
#include <algorithm>

using namespace ds;

namespace {

struct Placed {
  uint64_t offset, end;
  uint32_t first, last;
};

// The smallest gap that holds `size` among the buffers alive at the same time; `placed` is sorted by offset.
uint64_t bestOffset(const Array<Placed> &placed, uint32_t first, uint32_t last, uint64_t size) {
  uint64_t free = 0, best = 0, bestGap = UINT64_MAX;
  for (const Placed &p : placed) {
    if (p.first > last || p.last < first)
      continue;
    if (p.offset > free && p.offset - free >= size && p.offset - free < bestGap)
      best = free, bestGap = p.offset - free;
    free = p.end > free ? p.end : free;
  }
  return bestGap == UINT64_MAX ? free : best;
}

} // namespace

bool ds::planArena(const ds_buffer_info *buffers, const int64_t *bytes, uint32_t count, uint64_t *offsets,
                   uint64_t &total) {
  Array<uint32_t> order;
  Array<Placed> placed;
  if (!order.resize(count))
    return false;
  for (uint32_t i = 0; i < count; ++i)
    order[i] = i, offsets[i] = 0;
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return bytes[a] != bytes[b] ? bytes[a] > bytes[b] : a < b; });
  total = 0;
  for (uint32_t i : order) {
    if (bytes[i] <= 0)
      continue;
    if (uint64_t(bytes[i]) > format::maxFileBytes)
      return false;
    uint64_t size = format::alignTo(uint64_t(bytes[i]), 64);
    Placed p = {bestOffset(placed, buffers[i].first_use, buffers[i].last_use, size), 0, buffers[i].first_use,
                buffers[i].last_use};
    p.end = p.offset + size;
    if (p.end > format::maxFileBytes || !placed.push(p))
      return false;
    std::rotate(std::upper_bound(placed.begin(), placed.end() - 1, p,
                                 [](const Placed &a, const Placed &b) { return a.offset < b.offset; }),
                placed.end() - 1, placed.end());
    offsets[i] = p.offset;
    total = p.end > total ? p.end : total;
  }
  return true;
}

char *Arena::reserve(uint64_t bytes) {
  if (memory && bytes <= capacity)
    return memory;
  free(memory);
  capacity = 0;
  memory = static_cast<char *>(alignedAlloc(bytes));
  if (memory)
    capacity = bytes;
  return memory;
}
