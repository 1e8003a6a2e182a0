// See Pool.h. Waiting spins for a short time, because consecutive loops of a model are microseconds apart and waking
// a thread costs ten times that; then it sleeps, because the processor may be wanted elsewhere.
#include "runtime/core/Pool.h"
#include "runtime/core/Cpu.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

using namespace ds;

namespace {

constexpr int64_t workerSpin = 50'000;
constexpr uint32_t chunksPerThread = 4;

// Which worker this thread is while it runs a body; -1 outside. Nested loops run inline as that worker.
thread_local int32_t currentWorker = -1;

long futex(std::atomic<uint32_t> &word, int op, uint32_t value) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), op | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t(1'000'000'000) + t.tv_nsec;
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Spins until done() or for `limit` nanoseconds; returns whether done.
template <typename Done> bool spin(int64_t limit, Done done) {
  if (done())
    return true;
  if (!limit)
    return false;
  for (int64_t end = now() + limit;;) {
    for (int i = 0; i < 32; ++i) {
      if (done())
        return true;
      pause();
    }
    if (now() > end)
      return false;
  }
}

} // namespace

ds_result Pool::start(int32_t threads) {
  if (threads < 1 || threads > maxThreads)
    return fail(DS_ERR_ARGUMENT, "%d threads asked for; 1 to %d are possible", threads, maxThreads);
  if (threads == 1)
    return DS_SUCCESS;
  workers = static_cast<Worker *>(alignedAlloc(sizeof(Worker) * uint64_t(threads)));
  if (!workers)
    return fail(DS_ERR_MEMORY, "no memory for %d threads", threads);
  // More threads than processors: spinning would take the time of those that work.
  spinNanoseconds = threads <= usableProcessors() ? workerSpin : 0;
  threadCount = threads;
  for (int32_t i = 0; i < threads; ++i) {
    new (&workers[i]) Worker();
    workers[i].pool = this, workers[i].index = i;
  }
  for (; started < threads; ++started)
    if (int error = pthread_create(&workers[started].thread, nullptr, main, &workers[started]))
      return fail(DS_ERR_MEMORY, "cannot start thread %d of %d: %s", started + 1, threads, strerror(error));
  return DS_SUCCESS;
}

Pool::~Pool() {
  stopping.store(true);
  epoch.fetch_add(1);
  futex(epoch, FUTEX_WAKE, INT_MAX);
  for (int32_t i = 1; i < started; ++i)
    pthread_join(workers[i].thread, nullptr);
  free(workers);
}

void *Pool::main(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  Pool &pool = *worker->pool;
  currentWorker = worker->index;
  for (uint32_t seen = 0; !pool.stopping.load();) {
    pool.sleepUntilNews(seen);
    seen = pool.epoch.load();
    pool.work(worker->index);
  }
  return nullptr;
}

void Pool::sleepUntilNews(uint32_t seen) {
  if (spin(spinNanoseconds, [&] { return epoch.load(std::memory_order_acquire) != seen; }))
    return;
  sleepers.fetch_add(1);
  while (epoch.load() == seen)
    futex(epoch, FUTEX_WAIT, seen);
  sleepers.fetch_sub(1);
}

// The job's fields are read between two looks at the ticket. They change only while it is closed, so a claim that
// succeeds has read those of its own epoch.
bool Pool::claim(int32_t owner, uint32_t &chunk) {
  std::atomic<uint64_t> &ticket = workers[owner].ticket;
  for (uint64_t seen = ticket.load(std::memory_order_acquire);;) {
    chunk = uint32_t(seen);
    uint32_t chunks = jobChunks.load(std::memory_order_relaxed);
    if (chunk == closed || chunk >= firstChunk(owner + 1, chunks))
      return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (ticket.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  }
}

void Pool::runChunk(uint32_t chunk, int32_t self) {
  int64_t count = jobCount.load(std::memory_order_relaxed);
  int64_t chunks = jobChunks.load(std::memory_order_relaxed);
  int64_t each = count / chunks, longer = count % chunks;
  int64_t begin = each * chunk + (chunk < longer ? chunk : longer);
  int64_t end = begin + each + (chunk < longer ? 1 : 0);
  jobBody.load(std::memory_order_relaxed)(jobClosure.load(std::memory_order_relaxed), begin, end, self);
  if (remaining.fetch_sub(1) == 1 && callerSleeps.load())
    futex(remaining, FUTEX_WAKE, 1);
}

bool Pool::work(int32_t self) {
  bool any = false;
  for (int32_t i = 0; i < threadCount; ++i) {
    int32_t owner = self + i < threadCount ? self + i : self + i - threadCount;
    for (uint32_t chunk; claim(owner, chunk); any = true)
      runChunk(chunk, self);
  }
  return any;
}

void Pool::publish(ds_body_fn body, void *closure, int64_t count, uint32_t chunks) {
  uint32_t next = epoch.load(std::memory_order_relaxed) + 1;
  for (int32_t i = 0; i < threadCount; ++i)
    workers[i].ticket.store(uint64_t(next) << 32 | closed, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  jobBody.store(body, std::memory_order_relaxed);
  jobClosure.store(closure, std::memory_order_relaxed);
  jobCount.store(count, std::memory_order_relaxed);
  jobChunks.store(chunks, std::memory_order_relaxed);
  remaining.store(chunks, std::memory_order_relaxed);
  for (int32_t i = 0; i < threadCount; ++i)
    workers[i].ticket.store(uint64_t(next) << 32 | firstChunk(i, chunks), std::memory_order_release);
  epoch.store(next);
  if (sleepers.load() > 0)
    futex(epoch, FUTEX_WAKE, chunks - 1);
}

void Pool::finish() {
  if (spin(spinNanoseconds, [&] { return remaining.load(std::memory_order_acquire) == 0; }))
    return;
  callerSleeps.store(1);
  for (uint32_t left; (left = remaining.load()) != 0;)
    futex(remaining, FUTEX_WAIT, left);
  callerSleeps.store(0);
}

void Pool::run(ds_body_fn body, void *closure, int64_t count, int64_t grain) {
  if (count <= 0)
    return;
  int64_t chunks = count / (grain > 0 ? grain : 1), most = int64_t(threadCount) * chunksPerThread;
  chunks = chunks < most ? chunks : most;
  if (currentWorker >= 0 || threadCount == 1 || chunks < 2)
    return body(closure, 0, count, currentWorker >= 0 ? currentWorker : 0);
  publish(body, closure, count, uint32_t(chunks));
  currentWorker = 0;
  work(0);
  currentWorker = -1;
  finish();
}
