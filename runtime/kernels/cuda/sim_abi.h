// What the host bodies of gpu.h call: implemented by runtime/device/sim. Kernel libraries leave these names undefined
// and get them from the program or library that simulates. All but `launch`-time data is about the thread that runs
// now.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace ds::sim {

// A source position. Threads that meet must come from the same one.
struct Place {
  const char *file;
  int line, column;
};

struct Dim {
  uint32_t x, y, z;
};

// Who runs now.
struct Thread {
  uint32_t index; // in its block
  uint32_t lane, warp;
  Dim block, grid;
  uint32_t threads; // of a block
  unsigned char *shared;
};
extern Thread *self;

// What a kernel library exports under the kernel's name.
struct Kernel {
  const char *name;
  void (*body)(const void *args);
  uint32_t threads, sharedBytes, argBytes;
  bool checked; // compiled with -fsanitize=thread, whose calls the simulator answers
};

void syncThreads(uint32_t barrier, uint32_t threads, Place);
void syncWarp(Place);

// All lanes of a warp arrive with an operand each; the last one runs `op` on those of lanes 0..31.
typedef void (*WarpOp)(void *const *operands);
void together(WarpOp op, void *operand, Place);

// cp.async: `bytes` bytes from `source`, then zeros up to `size`.
void copyAsync(void *target, const void *source, uint32_t size, uint32_t bytes);
void commitCopies();
void waitCopies(uint32_t groupsLeft);

// Return what was there.
float addAtomically(float *address, float value);
uint32_t addAtomically(uint32_t *address, uint32_t value);

// Checks that instrumentation does not make: a lane's row of ldmatrix, an alignment that matters. Before the access.
void checkRow(uint32_t lane, const void *address, uint32_t bytes);
void checkAligned(const void *address, uint32_t alignment);
} // namespace ds::sim
