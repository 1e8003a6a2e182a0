// Random lifetimes: buffers alive together never overlap, and the arena stays close to the peak of what is alive.
#include "runtime/core/Arena.h"
#include <gtest/gtest.h>
#include <random>
#include <vector>

TEST(Arena, BuffersAliveTogetherDoNotOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    uint32_t n = random() % 60;
    std::vector<ds_buffer_info> buffers(n);
    std::vector<int64_t> bytes(n);
    std::vector<uint64_t> offsets(n);
    for (uint32_t i = 0; i < n; ++i) {
      uint32_t first = random() % 50;
      buffers[i] = {first, first + uint32_t(random() % 8)};
      bytes[i] = random() % 10 == 0 ? -1 : int64_t(random() % 5000);
    }
    uint64_t total, peak = 0;
    ASSERT_TRUE(ds::planArena(buffers.data(), bytes.data(), n, offsets.data(), total));
    for (uint32_t step = 0; step < 60; ++step) {
      uint64_t alive = 0;
      for (uint32_t i = 0; i < n; ++i)
        if (bytes[i] > 0 && buffers[i].first_use <= step && step <= buffers[i].last_use)
          alive += uint64_t(bytes[i] + 63) / 64 * 64;
      peak = std::max(peak, alive);
    }
    for (uint32_t i = 0; i < n; ++i) {
      EXPECT_EQ(offsets[i] % 64, 0u);
      EXPECT_TRUE(bytes[i] <= 0 || offsets[i] + uint64_t(bytes[i]) <= total);
      for (uint32_t j = 0; j < i; ++j) {
        bool together = buffers[i].first_use <= buffers[j].last_use && buffers[j].first_use <= buffers[i].last_use;
        bool apart = offsets[i] + uint64_t(bytes[i]) <= offsets[j] || offsets[j] + uint64_t(bytes[j]) <= offsets[i];
        EXPECT_TRUE(!together || apart || bytes[i] <= 0 || bytes[j] <= 0);
      }
    }
    EXPECT_LE(total, peak + peak / 3 + 64);
  }
}

TEST(Arena, RefusesSizesThatNoMachineHas) {
  ds_buffer_info buffers[] = {{0, 1}, {1, 2}};
  int64_t bytes[] = {INT64_MAX, 64};
  uint64_t offsets[2], total;
  EXPECT_FALSE(ds::planArena(buffers, bytes, 2, offsets, total));
}
