// The state of the simulated multiprocessor: the fibres of one block, its warps and barriers, and who may go on.
#pragma once
#include "runtime/device/sim/Shadow.h"
#include "runtime/device/sim/sim.h"
#include <random>
#include <vector>

namespace ds::sim {

constexpr uint32_t maxThreads = 1024, maxWarps = maxThreads / 32, maxBarriers = 16;

// A cp.async that has not been waited for.
struct Copy {
  unsigned char *target;
  uint32_t size, group;
  unsigned char bytes[16];
};

struct Fibre : Thread {
  void *stack; // saved stack pointer while it does not run
  bool done;
  Place place;       // where it waits
  const char *waits; // for what; null: it does not wait
  const void *pc;    // of its last meeting
  uint32_t committed;
  std::vector<Copy> copies;
};

struct Warp {
  uint32_t arrived;
  WarpOp op;
  void *operands[32];
  uint32_t epoch;           // grows with each synchronisation of its lanes
  uint32_t clock[maxWarps]; // what it knows of each warp: accesses up to that time are ordered before its own
};

struct Barrier {
  uint32_t expected;
  std::vector<Fibre *> waiting;
};

class Machine {
public:
  Machine();
  std::string run(const Kernel &, Dim grid, const void *args, const Options &);

  // The calls of sim_abi.h.
  void barrier(uint32_t id, uint32_t threads, Place, const void *pc);
  void warpBarrier(Place, const void *pc);
  void together(WarpOp, void *operand, Place, const void *pc);
  void copyAsync(unsigned char *target, const unsigned char *source, uint32_t size, uint32_t bytes, const void *pc);
  void waitCopies(uint32_t left);
  void laneReads(uint32_t lane, const void *address, uint32_t bytes);
  void access(Fibre &, const void *address, uint32_t bytes, Use, const void *pc);
  void atomic(const void *address, uint32_t bytes, const void *pc);
  void aligned(const void *address, uint32_t alignment, const void *pc);

  Fibre &current() { return *static_cast<Fibre *>(self); }
  bool ownStack(const void *p) const { return uintptr_t(p) - uintptr_t(stacks) < maxThreads * stackBytes; }
  [[noreturn]] void stop(const std::string &what, const Fibre &, const std::string &line);
  static Machine &get() { return *machine; }
  static void catchTraps();
  static Machine *machine; // made by the first launch, never freed

private:
  static constexpr size_t stackBytes = 128 << 10;
  void runBlock(Dim block);
  void startFibre(uint32_t index, Dim block);
  static void enter();
  [[noreturn]] void leave();
  void next(Fibre &from);
  void wait(const char *what, Place, const void *pc);
  void release(Fibre *);
  void join(const std::vector<Fibre *> &);
  void stuck();
  std::string describe(const Fibre &, const std::string &line);
  std::string describePlace(const void *address) const;
  bool internal(const void *address) const;
  void explain(const Finding &, Fibre &, const void *address, uint32_t bytes, Use, const void *pc);
  [[noreturn]] void outside(const Fibre &, const void *address, uint32_t bytes, Use, const void *pc);
  void countStep(const Fibre &, const void *pc);

  unsigned char *stacks;
  Fibre fibres[maxThreads];
  Warp warps[maxWarps];
  Barrier barriers[maxBarriers];
  std::vector<Fibre *> ready;
  void *scheduler = nullptr; // its stack pointer while fibres run
  const Kernel *kernel = nullptr;
  std::vector<unsigned char> arguments, sharedMemory;
  unsigned char *sharedBase = nullptr;
  std::vector<Cell> sharedCells;
  Clock now;
  std::mt19937_64 random;
  uint64_t stepsLeft = 0;
  std::string finding;
};

} // namespace ds::sim
