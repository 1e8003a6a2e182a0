// Every element once, chunks of at least the grain, workers within bounds; also with more threads than processors.
#include "runtime/core/Pool.h"
#include <gtest/gtest.h>
#include <vector>

namespace {

struct Loop {
  std::vector<std::atomic<int>> seen;
  int64_t grain;
  int32_t threads;
  std::atomic<bool> bad{false};
  ds::Pool *pool;
};

void mark(void *closure, int64_t begin, int64_t end, int32_t worker) {
  auto &loop = *static_cast<Loop *>(closure);
  if (worker < 0 || worker >= loop.threads || begin >= end || end > int64_t(loop.seen.size()) ||
      (end - begin < loop.grain && end - begin != int64_t(loop.seen.size())))
    loop.bad = true;
  for (int64_t i = begin; i < end; ++i)
    ++loop.seen[size_t(i)];
}

void nested(void *closure, int64_t begin, int64_t end, int32_t worker) {
  auto &loop = *static_cast<Loop *>(closure);
  for (int64_t i = begin; i < end; ++i) {
    Loop inner{std::vector<std::atomic<int>>(10), 1, loop.threads, {false}, nullptr};
    loop.pool->run(mark, &inner, 10, 1);
    for (auto &count : inner.seen)
      loop.seen[size_t(i)] += count;
  }
}

} // namespace

TEST(Pool, EachElementOnce) {
  for (int32_t threads : {1, 2, 3, 8}) {
    ds::Pool pool;
    ASSERT_EQ(pool.start(threads), DS_SUCCESS);
    for (int round = 0; round < 300; ++round) {
      int64_t count = round % 67, grain = 1 + round % 5;
      Loop loop{std::vector<std::atomic<int>>(size_t(count)), grain, threads, {false}, &pool};
      pool.run(mark, &loop, count, grain);
      EXPECT_FALSE(loop.bad);
      for (auto &seen : loop.seen)
        EXPECT_EQ(seen, 1);
    }
  }
}

TEST(Pool, NestedLoopsRunInline) {
  ds::Pool pool;
  ASSERT_EQ(pool.start(3), DS_SUCCESS);
  Loop loop{std::vector<std::atomic<int>>(50), 1, 3, {false}, &pool};
  pool.run(nested, &loop, 50, 1);
  for (auto &seen : loop.seen)
    EXPECT_EQ(seen, 10);
}

TEST(Pool, RefusesImpossibleNumbers) {
  ds::Pool none, many;
  EXPECT_EQ(none.start(0), DS_ERR_ARGUMENT);
  EXPECT_EQ(many.start(100000), DS_ERR_ARGUMENT);
}
