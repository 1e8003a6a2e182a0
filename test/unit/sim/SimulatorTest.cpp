// The simulator itself: that it finds what it promises, says where, and lets right kernels pass; what the intrinsics
// give.
#include "test/unit/sim/Faults.h"
#include "test/unit/sim/SimTest.h"

namespace ds::test {
namespace {

// Whose own answer to an index out of bounds ends the program.
#if __has_feature(undefined_behavior_sanitizer)
constexpr bool underUbsan = true;
#else
constexpr bool underUbsan = false;
#endif

struct Expected {
  Fault fault;
  const char *begins, *contains;
};

const Expected table[] = {
    {Fault::raceInBlock, "race: thread ", "shared memory at byte "},
    {Fault::raceReadThenWrite, "race: thread ", "which no barrier separates from a "},
    {Fault::raceInWarp, "race: thread ", "which no barrier separates from a "},
    {Fault::raceBetweenBlocks, "race: thread 0 writes 4 bytes of 'out' at byte 20 of 512", "of another block"},
    {Fault::raceOtherHalfWaits, "race: thread ", "shared memory"},
    {Fault::differentBarriers, "barrier divergence: thread ", "comes to another barrier"},
    {Fault::leftBeforeBarrier, "divergence: a thread waits for its block", "32 of 64 threads have left"},
    {Fault::leftBeforeShuffle, "divergence: a thread waits for its warp", "2 of 64 threads have left"},
    {Fault::differentShuffles, "warp divergence: thread ", "comes to another operation"},
    {Fault::sharedBounds, "out of bounds: writes 4 bytes of shared memory at byte 1024 of 1024", "thread 63 "},
    {Fault::globalBounds, "out of bounds: reads 4 bytes of 'in' at byte 256 of 256", "thread 63 "},
    {Fault::globalPartlyOutside, "out of bounds: reads ", "thread 63 "},
    {Fault::localBounds, "out of bounds: index 63 of a local array", "thread 63 "},
    {Fault::localBoundsOfAClass, "out of bounds: an access beyond a local array", "thread 50 "},
    {Fault::wildPointer, "out of bounds: reads 4 bytes", "thread "},
    {Fault::writeToInput, "write to an input: writes 'in'", "thread "},
    {Fault::uninitialisedShared, "uninitialised: thread 40 reads 4 bytes of shared memory at byte 160", "thread 40 "},
    {Fault::uninitialisedOutput, "uninitialised: thread ", "'out'"},
    {Fault::misalignedLoad, "misaligned: an access of 16 bytes to 'in' at byte 4", "thread 3 "},
    {Fault::misalignedCopy, "misaligned: an access of 16 bytes to shared memory at byte 148", "thread 9 "},
    {Fault::copyNotWaitedFor, "copy in flight: thread ", "started by thread "},
    {Fault::copyOfLaterGroup, "copy in flight: thread ", "shared memory at byte "},
    {Fault::copyNotSynchronised, "race: thread ", "shared memory at byte "},
    {Fault::endless, "the kernel does not come to an end", "thread "},
};

class Simulator : public ::testing::Test {
protected:
  Memory<float> in{"in", sim::Role::input, 64}, out{"out", sim::Role::output, 128};
  Memory<unsigned> counter{"counter", sim::Role::inout, 1};

  std::string run(Fault fault, uint64_t seed, uint32_t blocks = 1) {
    in.random(1);
    counter[0] = 0;
    FaultArgs args{in.data(), out.data(), counter.data(), fault};
    return sim::launch(*kernel("Faults_checked", "faults"), {blocks, 1, 1}, &args, {seed, 100000});
  }
};

// Whatever the order in which fibres run, the fault is found, and with its place.
TEST_F(Simulator, FindsEveryFault) {
  for (const Expected &e : table) {
    if (underUbsan && e.fault == Fault::localBounds)
      continue;
    for (uint64_t seed = 0; seed < 3; ++seed) {
      Memory<float> fresh{"out", sim::Role::output, 128}; // nothing of it is written yet
      FaultArgs args{in.data(), fresh.data(), counter.data(), e.fault};
      uint32_t blocks = e.fault == Fault::raceBetweenBlocks ? 2 : 1;
      std::string found = sim::launch(*kernel("Faults_checked", "faults"), {blocks, 1, 1}, &args, {seed, 100000});
      EXPECT_EQ(found.substr(0, strlen(e.begins)), e.begins) << found;
      EXPECT_NE(found.find(e.contains), std::string::npos) << found;
      EXPECT_NE(found.find("; kernel faults, block ("), std::string::npos) << found;
      EXPECT_NE(found.find("Faults.cu:"), std::string::npos) << found;
    }
  }
}

TEST_F(Simulator, LetsRightKernelsPass) {
  for (uint64_t seed = 0; seed < 5; ++seed)
    EXPECT_EQ(run(Fault::none, seed, 2), "");
  EXPECT_EQ(counter[0], 128u);
  for (int t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], in[t ^ 32]);
}

TEST_F(Simulator, ForgetsAFinding) {
  EXPECT_NE(run(Fault::raceInBlock, 1), "");
  EXPECT_EQ(run(Fault::none, 1), "");
}

TEST(Intrinsics, GiveWhatTheHardwareGives) {
  for (const char *library : {"Faults", "Faults_checked"}) {
    Memory<unsigned> words("words", sim::Role::inout, 16 * 32);
    memset(words.data(), 0, 16 * 32 * 4);
    IntrinsicArgs args{words.data()};
    ASSERT_EQ(sim::launch(*kernel(library, "intrinsics"), {1, 1, 1}, &args), "");
    unsigned squares = 0;
    for (unsigned l = 0; l < 32; ++l)
      squares += l * l;
    for (unsigned l = 0; l < 32; ++l) {
      EXPECT_EQ(words[l], (l + 5) % 32 * 3);
      EXPECT_EQ(words[32 + l], (l ^ 9) * 3);
      EXPECT_EQ(words[64 + l], (l < 4 ? l : l - 4) * 3);
      EXPECT_EQ(words[96 + l], 0x49249249u);
      EXPECT_EQ(words[128 + l], squares);
      EXPECT_EQ(words[160 + l], unsigned(__builtin_popcount(l * 0x01010101u)));
      for (unsigned m = 0; m < 4; ++m) {
        unsigned row = m * 64 + l / 4 * 8 + l % 4 * 2, column = m * 64 + l % 4 * 2 * 8 + l / 4;
        EXPECT_EQ(words[(6 + m) * 32 + l], row | (row + 1) << 16);
        EXPECT_EQ(words[(10 + m) * 32 + l], column | (column + 8) << 16);
      }
    }
    EXPECT_EQ(words[15 * 32], 31u * 32 / 2);
  }
}

TEST(Conversions, RoundToNearestEven) {
  EXPECT_EQ(gpu::packBf16(1.00390625f, 1.01171875f), 0x3f823f80u); // two ties
  EXPECT_EQ(gpu::packF16(1.00048828125f, -2.0f), 0xc0003c00u);
  EXPECT_EQ(gpu::packBf16(INFINITY, -0.0f), 0x80007f80u);
  EXPECT_EQ(gpu::roundTf32(0x3f801000u), 0x3f802000u); // a tie goes away from zero
  EXPECT_EQ(gpu::roundTf32(0x3f800fffu), 0x3f800000u);
  EXPECT_EQ(gpu::halfToFloat(0x0001), 0x1p-24f);
}

} // namespace
} // namespace ds::test
