// What the tests of GPU kernels share: kernels from their libraries, guarded and registered buffers, element types, and
// runs on the simulator, checked and plain.
#pragma once
#include "runtime/device/sim/sim.h"
#include "runtime/kernels/cuda/Epilogue.h"
#include "runtime/kernels/cuda/dsk_cuda.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

namespace ds::test {

using gpu::bf16;
using gpu::f16;
using gpu::tf32;

// Kernels come from lib/ds/sim of the build tree, or from the folder that DS_SIM_KERNELS names.
inline std::string kernelFolder() {
  if (const char *folder = std::getenv("DS_SIM_KERNELS"))
    return folder;
  char path[4096];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  std::string self(path, n > 0 ? n : 0);
  return self.substr(0, self.rfind('/')) + "/../../lib/ds/sim";
}

inline const sim::Kernel *kernel(const std::string &library, const std::string &name) {
  void *handle = dlopen((kernelFolder() + "/" + library + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(handle, nullptr) << dlerror();
  void *symbol = handle ? dlsym(handle, name.c_str()) : nullptr;
  EXPECT_NE(symbol, nullptr) << name;
  return static_cast<const sim::Kernel *>(symbol);
}

// Device memory: aligned to 256 bytes, with 64 KiB on both sides that nothing may touch.
template <class T> class Memory {
public:
  Memory(const char *name, sim::Role role, size_t count, size_t shift = 0) : count(count), shift(shift) {
    bytes.assign(2 * guard + (count + shift) * sizeof(T) + 256, 0xFF);
    begin = reinterpret_cast<T *>((reinterpret_cast<uintptr_t>(bytes.data()) + guard + 255) & ~uintptr_t(255)) + shift;
    sim::addBuffer(begin, count * sizeof(T), name, role);
  }
  ~Memory() { sim::removeBuffer(begin); }
  Memory(const Memory &) = delete;
  T *data() { return begin; }
  size_t size() const { return count; }
  T &operator[](size_t i) { return begin[i]; }
  double at(size_t i) const { return number(begin[i]); }
  void random(unsigned seed, float low = -1, float high = 1) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> draw(low, high);
    for (size_t i = 0; i < count; ++i)
      begin[i] = gpu::fromFloat<T>(draw(engine));
  }
  static double number(unsigned char v) { return v; }
  static double number(int64_t v) { return double(v); }
  static double number(unsigned v) { return v; }
  template <class U> static double number(U v) { return double(gpu::toFloat(v)); }
  // Outputs start as NaN (all bits set).
  void poison() { memset(static_cast<void *>(begin), 0xFF, count * sizeof(T)); }
  bool poisoned(size_t i) const {
    T none;
    memset(static_cast<void *>(&none), 0xFF, sizeof none);
    return memcmp(&none, begin + i, sizeof none) == 0;
  }

private:
  static constexpr size_t guard = 65536;
  size_t count, shift;
  std::vector<unsigned char> bytes;
  T *begin;
};

// Half a unit in the last place, relative, of a type.
template <class T> constexpr double roundingOf = 0x1p-24;
template <> inline constexpr double roundingOf<bf16> = 0x1p-8;
template <> inline constexpr double roundingOf<f16> = 0x1p-11;

// As the tensor cores see it.
template <class T> double multiplicand(T v) { return double(gpu::toFloat(v)); }
template <> inline double multiplicand(tf32 v) { return double(gpu::asFloat(gpu::roundTf32(gpu::asBits(v.value)))); }

// DS_SIM_ONLY: the kernels, separated by commas, that are run, and those checked alone; for test/sim/mutants.
inline bool leftOut(const std::string &name) {
  const char *only = std::getenv("DS_SIM_ONLY");
  return only && ("," + std::string(only) + ",").find("," + name + ",") == std::string::npos;
}

// Runs a kernel of `library` checked, then plain; `look` examines the outputs after each, `reset` restores them before.
template <class Args, class Reset, class Look>
void runOnSim(const std::string &library, const std::string &name, sim::Dim grid, const Args &args, uint64_t seed,
              Reset reset, Look look) {
  if (leftOut(name))
    return;
  for (const char *suffix : {"_checked", ""}) {
    const sim::Kernel *k = kernel(library + suffix, name);
    ASSERT_NE(k, nullptr);
    ASSERT_EQ(k->argBytes, sizeof(Args));
    reset();
    ASSERT_EQ(sim::launch(*k, grid, &args, {seed}), "");
    look();
    if (::testing::Test::HasFatalFailure() || std::getenv("DS_SIM_ONLY"))
      return;
  }
}

} // namespace ds::test
