// Shadow memory: for each byte of shared memory and of what kernels write, the last write and up to two reads that are
// not ordered before one another. Two accesses are ordered if they come from one thread, from one warp with a warp
// barrier between them, or from warps that a chain of block barriers connects (vector clocks per warp).
#pragma once
#include "runtime/device/sim/sim.h"
#include <memory>
#include <vector>

namespace ds::sim {

enum class Use { read, write, atomic, copyStart, copyEnd };

struct Access {
  uint32_t serial = 0; // of the block, counted over all launches; 0: none
  uint32_t who = 0;    // thread in the lower 10 bits, its warp's clock above
  uint32_t epoch : 30, atomic : 1, pending : 1;
  uint32_t pc = 0; // from the code's base
  Access() : epoch(0), atomic(0), pending(0) {}
};
struct Cell {
  Access write, reads[2];
};

// The present, as an access sees it.
struct Clock {
  uint32_t launch = 0, serial = 0; // serials of the launch's first block and of this one
  uint32_t thread = 0, epoch = 0;
  const uint32_t *known = nullptr; // its warp's vector clock
  uintptr_t codeBase = 0;

  bool ordered(const Access &before) const {
    if (before.serial != serial)
      return before.serial < launch;
    uint32_t other = before.who & 1023, time = before.who >> 10;
    if (other == thread)
      return true;
    return other / 32 == thread / 32 ? before.epoch != epoch : known[other / 32] >= time;
  }
  Access make(const void *pc) const {
    Access a;
    a.serial = serial, a.who = thread | known[thread / 32] << 10, a.epoch = epoch & 0x3fffffff;
    a.pc = uint32_t(uintptr_t(pc) - codeBase);
    return a;
  }
};

struct Finding {
  enum Kind { none, race, uninitialised, inFlight } kind = none;
  uint32_t offset = 0; // of the first byte concerned
  Access other;        // race, inFlight: what it meets
  bool otherWrites = false;
};

// Checks and records an access to `bytes` cells. `blockLocal`: accesses of other blocks are not there at all.
Finding touch(Cell *cells, uint32_t bytes, Use, const Clock &, const void *pc, bool blockLocal, bool initialised);

struct Buffer {
  uintptr_t begin, end;
  std::string name;
  Role role;
  std::unique_ptr<Cell[]> cells; // none for inputs
};

// Null if no buffer holds the address.
Buffer *findBuffer(uintptr_t address);
// The buffer that ends or begins nearest, for messages.
Buffer *nearestBuffer(uintptr_t address);

// "Matmul.h:120 (in Matmul.cu:14)", or the address where the program has no line table.
std::string sourceLine(const void *pc);

} // namespace ds::sim
