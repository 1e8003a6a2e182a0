// Embeds lib/ds/kernels_<isa>.bc of the build tree.
#include "runtime/kernels/cpu/KernelBitcode.h"

#define DS_EMBED(isa)                                                                                                  \
  __asm__(".section .rodata\n.balign 16\nds_kernels_" #isa "_begin:\n.incbin \"" DS_KERNEL_DIR "/kernels_" #isa        \
          ".bc\"\nds_kernels_" #isa "_end:\n.previous\n");                                                             \
  extern "C" __attribute__((visibility("hidden"))) const char ds_kernels_##isa##_begin[], ds_kernels_##isa##_end[];
DS_EMBED(avx2)
DS_EMBED(avx512)

std::string_view ds::kernelBitcode(std::string_view isa) {
  struct Module {
    std::string_view isa;
    const char *begin, *end;
  };
  const Module modules[] = {{"avx2", ds_kernels_avx2_begin, ds_kernels_avx2_end},
                            {"avx512", ds_kernels_avx512_begin, ds_kernels_avx512_end}};
  for (const Module &m : modules)
    if (m.isa == isa)
      return {m.begin, size_t(m.end - m.begin)};
  return {};
}
