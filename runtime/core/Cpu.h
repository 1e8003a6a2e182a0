// Which code images this processor, and the operating system on it, can run.
#pragma once
#include <stdint.h>

namespace ds {

/// The names that an image's `isa` may have, strongest last; each includes the ones that its row in Cpu.cpp lists.
/// Returns the position in that order, -1 for an unknown name.
int isaRank(const char *isa);

/// True if code compiled for `isa` runs here. Asks the kernel for AMX's tile state the first time it is needed.
bool isaSupported(const char *isa);

/// Processors this process may use; at least 1.
int32_t usableProcessors();

} // namespace ds
