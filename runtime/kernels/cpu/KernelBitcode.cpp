// Embeds lib/ds/kernels_<isa>.bc and .o of the build tree.
#include "runtime/kernels/cpu/KernelBitcode.h"

namespace {
struct Embedded {
  std::string_view isa;
  const char *begin, *end;
};
} // namespace

#define DS_EMBED(isa, kind)                                                                                            \
  __asm__(".section .rodata\n.balign 16\nds_kernels_" #isa "_" #kind "_begin:\n.incbin \"" DS_KERNEL_DIR              \
          "/kernels_" #isa "." #kind "\"\nds_kernels_" #isa "_" #kind "_end:\n.previous\n");                            \
  extern "C" __attribute__((visibility("hidden"))) const char ds_kernels_##isa##_##kind##_begin[],                     \
      ds_kernels_##isa##_##kind##_end[];                                                                               \
  static constexpr Embedded isa##_##kind = {#isa, ds_kernels_##isa##_##kind##_begin, ds_kernels_##isa##_##kind##_end};
DS_EMBED(avx2, bc)
DS_EMBED(avx2, o)
DS_EMBED(avx512, bc)
DS_EMBED(avx512, o)

static std::string_view find(std::string_view isa, const Embedded (&all)[2]) {
  for (const Embedded &e : all)
    if (e.isa == isa)
      return {e.begin, size_t(e.end - e.begin)};
  return {};
}

std::string_view ds::kernelBitcode(std::string_view isa) {
  const Embedded all[] = {avx2_bc, avx512_bc};
  return find(isa, all);
}

std::string_view ds::kernelObject(std::string_view isa) {
  const Embedded all[] = {avx2_o, avx512_o};
  return find(isa, all);
}
