// A ds_exec for measuring: real threads that spin for work, memory on huge pages. Time is CPU time along the critical
// path (of a parallel loop the thread that worked longest), which other programs on the machine do not stretch.
#pragma once
#include "runtime/kernels/cpu/dsk.h"
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <sys/mman.h>
#include <thread>
#include <time.h>
#include <vector>

namespace ds::bench {

inline double cpuTime() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

inline void *hugeAlloc(size_t bytes) {
  constexpr size_t huge = 2u << 20;
  size_t size = (bytes + huge) / huge * huge;
  void *p = std::aligned_alloc(huge, size);
  madvise(p, size, MADV_HUGEPAGE);
  return p;
}

class BenchExec : public ds_exec {
public:
  explicit BenchExec(int32_t threads) : ds_exec{&table, threads, DS_OK, -1, 0}, memory(threads), spent(threads) {
    for (int32_t w = 1; w < threads; ++w)
      pool.emplace_back([this, w] { work(w); });
  }
  ~BenchExec() {
    stop = true;
    ++round;
    for (std::thread &t : pool)
      t.join();
  }

  // Of the calling thread, which is worker 0.
  double criticalTime() const { return cpuTime() + correction; }

private:
  struct Memory {
    void *p = nullptr;
    size_t size = 0;
  };
  static BenchExec &self(ds_exec *e) { return *static_cast<BenchExec *>(e); }

  // Chunks are claimed one by one, as the runtime's pool lets the quicker threads do.
  void chunk(int32_t worker) {
    double start = cpuTime();
    for (int64_t c; (c = next.fetch_add(1, std::memory_order_relaxed)) < parts;)
      body(closure, count * c / parts, count * (c + 1) / parts, worker);
    spent[worker] = cpuTime() - start;
  }
  void work(int32_t worker) {
    for (int64_t seen = 0;;) {
      while (round.load(std::memory_order_acquire) == seen)
        __builtin_ia32_pause();
      ++seen;
      if (stop)
        return;
      chunk(worker);
      done.fetch_add(1, std::memory_order_release);
    }
  }
  static void parallelFor(ds_exec *exec, ds_body_fn body, void *closure, int64_t count, int64_t grain) {
    BenchExec &e = self(exec);
    int64_t parts = std::min<int64_t>(8 * e.threads, count / grain);
    if (parts <= 1 || e.threads == 1)
      return count ? body(closure, 0, count, 0) : void();
    e.next.store(0, std::memory_order_relaxed);
    e.body = body, e.closure = closure, e.count = count, e.parts = parts;
    e.done.store(1, std::memory_order_relaxed);
    e.round.fetch_add(1, std::memory_order_release);
    e.chunk(0);
    double waiting = cpuTime();
    while (e.done.load(std::memory_order_acquire) < e.threads)
      __builtin_ia32_pause();
    double longest = *std::max_element(e.spent.begin(), e.spent.end());
    e.correction += longest - e.spent[0] - (cpuTime() - waiting);
  }
  static void *scratch(ds_exec *exec, int32_t worker, uint64_t bytes) {
    Memory &m = self(exec).memory[worker];
    if (!m.p || m.size < bytes) {
      std::free(m.p);
      m = {hugeAlloc(bytes), bytes};
    }
    return m.p;
  }
  static void *alloc(ds_exec *, uint64_t) { return nullptr; }
  static void fail(ds_exec *e, int32_t code, int32_t, int64_t, int64_t) { e->status = code; }
  static void record(ds_exec *, int32_t, const int64_t *, int64_t, int64_t, int64_t) {}
  inline static const ds_services table = {parallelFor, scratch, alloc, fail, record};

  std::vector<Memory> memory;
  std::vector<double> spent; // in the current loop, per worker
  double correction = 0;
  std::vector<std::thread> pool;
  std::atomic<int64_t> round{0};
  std::atomic<int32_t> done{0};
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  ds_body_fn body = nullptr;
  void *closure = nullptr;
  int64_t count = 0, parts = 0;
};

} // namespace ds::bench
