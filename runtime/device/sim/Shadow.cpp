// Shadow memory, and the buffers that kernels may touch.
#include "runtime/device/sim/Shadow.h"
#include <algorithm>

namespace ds::sim {

namespace {

Finding meet(Finding::Kind kind, uint32_t offset, const Access &other, bool writes) {
  Finding f;
  f.kind = kind, f.offset = offset, f.other = other, f.otherWrites = writes;
  return f;
}

void recordRead(Cell &cell, const Access &access, const Clock &now) {
  for (Access &slot : cell.reads)
    if (slot.serial != now.serial || now.ordered(slot)) {
      slot = access;
      return;
    }
  // Two unordered readers are kept, from different warps if there are such.
  if ((cell.reads[1].who & 1023) / 32 == (cell.reads[0].who & 1023) / 32)
    cell.reads[1] = access;
}

} // namespace

Finding touch(Cell *cells, uint32_t bytes, Use use, const Clock &now, const void *pc, bool blockLocal,
              bool initialised) {
  Access mine = now.make(pc);
  mine.atomic = use == Use::atomic, mine.pending = use == Use::copyStart;
  auto conflicts = [&](const Access &other) {
    if (other.serial == 0 || (blockLocal && other.serial != now.serial) || (mine.atomic && other.atomic))
      return false;
    return !now.ordered(other);
  };
  for (uint32_t i = 0; i < bytes; ++i) {
    Cell &cell = cells[i];
    bool present = cell.write.serial != 0 && (!blockLocal || cell.write.serial == now.serial);
    if (present && cell.write.pending && cell.write.serial == now.serial && use != Use::copyEnd)
      return meet(Finding::inFlight, i, cell.write, true);
    if ((use == Use::read || use == Use::atomic) && !present && !initialised)
      return meet(Finding::uninitialised, i, {}, false);
    if (conflicts(cell.write))
      return meet(Finding::race, i, cell.write, true);
    if (use == Use::read) {
      recordRead(cell, mine, now);
      continue;
    }
    for (Access &read : cell.reads) {
      if (conflicts(read))
        return meet(Finding::race, i, read, false);
      read = {};
    }
    cell.write = mine;
  }
  return {};
}

namespace {
std::vector<Buffer> &buffers() {
  static std::vector<Buffer> all;
  return all;
}
Buffer *lastFound = nullptr;
} // namespace

void addBuffer(const void *begin, size_t bytes, const char *name, Role role) {
  uintptr_t at = reinterpret_cast<uintptr_t>(begin);
  Buffer b{at, at + bytes, name, role, nullptr};
  if (role != Role::input)
    b.cells = std::make_unique<Cell[]>(bytes);
  auto &all = buffers();
  all.insert(std::upper_bound(all.begin(), all.end(), at, [](uintptr_t a, const Buffer &o) { return a < o.begin; }),
             std::move(b));
  lastFound = nullptr;
}

void removeBuffer(const void *begin) {
  auto &all = buffers();
  uintptr_t at = reinterpret_cast<uintptr_t>(begin);
  all.erase(std::remove_if(all.begin(), all.end(), [&](const Buffer &b) { return b.begin == at; }), all.end());
  lastFound = nullptr;
}

Buffer *findBuffer(uintptr_t address) {
  if (lastFound && address >= lastFound->begin && address < lastFound->end)
    return lastFound;
  auto &all = buffers();
  auto it = std::upper_bound(all.begin(), all.end(), address, [](uintptr_t a, const Buffer &b) { return a < b.begin; });
  if (it == all.begin() || address >= (--it)->end)
    return nullptr;
  return lastFound = &*it;
}

Buffer *nearestBuffer(uintptr_t address) {
  Buffer *best = nullptr;
  uintptr_t bestDistance = ~uintptr_t(0);
  for (Buffer &b : buffers()) {
    uintptr_t distance = address < b.begin ? b.begin - address : address < b.end ? 0 : address - b.end;
    if (distance < bestDistance)
      best = &b, bestDistance = distance;
  }
  return best;
}

} // namespace ds::sim
