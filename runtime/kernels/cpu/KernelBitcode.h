// The kernels as LLVM bitcode and as machine code, one module and object per ISA, embedded into the compiler. No LLVM types:
// this is a runtime folder.
#pragma once
#include <string_view>

namespace ds {
// The bitcode of all dsk_* kernels for `isa` ("avx2", "avx512"), for the whole run of the program; empty if there is
// none.
std::string_view kernelBitcode(std::string_view isa);
// The same as an ELF object with a section per function.
std::string_view kernelObject(std::string_view isa);
} // namespace ds
