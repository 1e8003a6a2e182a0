// The threads of one session, and parallel_for of the code images' ABI.
//
// A loop is cut into chunks; each worker owns a contiguous range of them, so that it finds the rows it wrote in the
// previous loop in its own cache, and takes others' when its own are done. The caller is worker 0 and waits for
// chunks, not for workers: a worker that another process has pushed off its core delays nothing that it has not begun.
#pragma once
#include "runtime/core/Support.h"
#include <atomic>
#include <pthread.h>

namespace ds {

class Pool {
public:
  static constexpr int32_t maxThreads = 1024;

  Pool() = default;
  Pool(const Pool &) = delete;
  ~Pool();

  /// Starts `threads` - 1 threads. Errors: DS_ERR_MEMORY.
  ds_result start(int32_t threads);

  /// Runs body on [0, count), in chunks of at least `grain`; returns when all have run. Called by one thread at a
  /// time, or from within a body.
  void run(ds_body_fn body, void *closure, int64_t count, int64_t grain);

  int32_t threads() const { return threadCount; }

private:
  struct Worker;
  static void *main(void *worker);
  bool work(int32_t self);
  bool claim(int32_t owner, uint32_t &chunk);
  void runChunk(uint32_t chunk, int32_t self);
  void publish(ds_body_fn body, void *closure, int64_t count, uint32_t chunks);
  void finish();
  void sleepUntilNews(uint32_t seen);
  uint32_t firstChunk(int32_t worker, uint32_t chunks) const { return uint64_t(chunks) * worker / threadCount; }

  // epoch << 32 | next chunk of this worker's range, or `closed` while a job is being described. An epoch in the
  // ticket lets a late worker fail to claim from a job that it has not read.
  static constexpr uint32_t closed = 0xffffffffu;
  struct alignas(64) Worker {
    std::atomic<uint64_t> ticket{closed};
    Pool *pool = nullptr;
    int32_t index = 0;
    pthread_t thread{};
  };

  Worker *workers = nullptr;
  int32_t threadCount = 1, started = 1;
  int64_t spinNanoseconds = 0;
  std::atomic<ds_body_fn> jobBody{nullptr};
  std::atomic<void *> jobClosure{nullptr};
  std::atomic<int64_t> jobCount{0};
  std::atomic<uint32_t> jobChunks{0};
  std::atomic<bool> stopping{false};
  alignas(64) std::atomic<uint32_t> epoch{0}; // futex: workers sleep here
  std::atomic<int32_t> sleepers{0};
  alignas(64) std::atomic<uint32_t> remaining{0}; // futex: the caller sleeps here
  std::atomic<uint32_t> callerSleeps{0};
};

} // namespace ds
