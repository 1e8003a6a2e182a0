// The kernels as LLVM bitcode, one module per ISA, embedded into the compiler. No LLVM types: this is a runtime folder.
#pragma once
#include <string_view>

namespace ds {
// The bitcode of all dsk_* kernels for `isa` ("avx2", "avx512"), for the whole run of the program; empty if there is
// none.
std::string_view kernelBitcode(std::string_view isa);
} // namespace ds
