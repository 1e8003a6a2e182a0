// Runs GPU kernels on the CPU: a fibre per thread, blocks one after the other. What a kernel library exports is a
// ds::sim::Kernel (sim_abi.h); a checked one has each of its accesses looked at, a plain one runs at full speed.
// One launch at a time in a process; not for use from several threads at once.
#pragma once
#include "runtime/kernels/cuda/sim_abi.h"
#include <string>

namespace ds::sim {

enum class Role {
  input,  // the kernel may only read
  output, // its bytes are not to be read before the kernel has written them
  inout
};

// Makes memory known to checked kernels, until removeBuffer; an access anywhere else is out of bounds.
void addBuffer(const void *begin, size_t bytes, const char *name, Role);
void removeBuffer(const void *begin);

struct Options {
  uint64_t seed = 0;          // of the order in which fibres and blocks run; only checked kernels
  uint64_t steps = 400000000; // accesses and meetings after which a checked kernel counts as endless
};

// Runs all blocks, each of kernel.threads threads. Empty if nothing was found; else the first finding: what, kernel,
// block, thread, address, source line. `args` are kernel.argBytes bytes and are copied.
std::string launch(const Kernel &kernel, Dim grid, const void *args, const Options &options = {});

} // namespace ds::sim
