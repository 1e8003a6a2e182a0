// Detection by cpuid, and by xgetbv for the state that the operating system must save; see Cpu.h.
#include "runtime/core/Cpu.h"
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ds {
namespace {

enum Feature : uint32_t {
  avx2 = 1 << 0,   // x86-64-v3: AVX2, FMA, F16C, BMI, MOVBE, LZCNT
  avx512 = 1 << 1, // x86-64-v4: AVX-512 F, BW, CD, DQ, VL
  vnni = 1 << 2,
  bf16 = 1 << 3,
  fp16 = 1 << 4,
  amx = 1 << 5, // tiles, int8 and bf16
};

struct Isa {
  const char *name;
  uint32_t needs;
};
constexpr Isa isas[] = {
    {"x86-64", 0},
    {"avx2", avx2},
    {"avx512", avx2 | avx512},
    {"avx512_vnni", avx2 | avx512 | vnni},
    {"avx512_bf16", avx2 | avx512 | vnni | bf16},
    {"avx512_fp16", avx2 | avx512 | vnni | bf16 | fp16},
    {"amx", avx2 | avx512 | vnni | bf16 | amx},
};

#if defined(__x86_64__)
struct Regs {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Regs cpuid(unsigned leaf, unsigned sub) {
  Regs r;
  if (!__get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d))
    return Regs();
  return r;
}

constexpr bool has(unsigned word, unsigned bits) { return (word & bits) == bits; }

uint32_t detect() {
  Regs one = cpuid(1, 0);
  if (!has(one.c, bit_OSXSAVE))
    return 0;
  unsigned lo, hi;
  __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  constexpr unsigned avxState = 0x6, avx512State = 0xe6, tileState = 0x60000;
  Regs seven = cpuid(7, 0), sevenOne = seven.a >= 1 ? cpuid(7, 1) : Regs(), ext = cpuid(0x80000001, 0);
  constexpr unsigned bmi1 = 1u << 3, avx2Bit = 1u << 5, bmi2 = 1u << 8, lzcnt = 1u << 5;
  constexpr unsigned f = 1u << 16, dq = 1u << 17, cd = 1u << 28, bw = 1u << 30, vl = 1u << 31;
  constexpr unsigned amxBf16 = 1u << 22, amxTile = 1u << 24, amxInt8 = 1u << 25;
  uint32_t found = 0;
  if (!has(lo, avxState) || !has(one.c, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE) ||
      !has(seven.b, avx2Bit | bmi1 | bmi2) || !has(ext.c, lzcnt))
    return 0;
  found |= avx2;
  if (!has(lo, avx512State) || !has(seven.b, f | dq | cd | bw | vl))
    return found;
  found |= avx512;
  auto add = [&](bool present, uint32_t feature) { found |= present ? feature : 0; };
  add(has(seven.c, 1u << 11), vnni);
  add(has(sevenOne.a, 1u << 5), bf16);
  add(has(seven.d, 1u << 23), fp16);
  add(has(lo, tileState) && has(seven.d, amxBf16 | amxTile | amxInt8), amx);
  return found;
}

// Linux gives tile registers only to processes that ask (ARCH_REQ_XCOMP_PERM of XTILEDATA).
bool requestTiles() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
#else
uint32_t detect() { return 0; }
bool requestTiles() { return false; }
#endif

} // namespace

int isaRank(const char *isa) {
  for (int i = 0; i < int(sizeof(isas) / sizeof(isas[0])); ++i)
    if (!strcmp(isas[i].name, isa))
      return i;
  return -1;
}

bool isaSupported(const char *isa) {
  int rank = isaRank(isa);
  if (rank < 0)
    return false;
  uint32_t needs = isas[rank].needs;
  return (detect() & needs) == needs && (!(needs & amx) || requestTiles());
}

int32_t usableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set))
    return 1;
  int32_t count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

} // namespace ds
