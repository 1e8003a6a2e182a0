// dsk_top_k: a heap of the k best of a row, its worst at the root, then heap sort. The index is part of the order, so
// the result is unique.
#include "runtime/kernels/cpu/Elements.h"
#include "runtime/kernels/cpu/Scratch.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

template <typename E, bool Largest> struct Heap {
  using Value = typename E::Value;
  struct Entry {
    Value value;
    int64_t index;
  };
  Entry *at;
  int64_t size;

  static bool better(const Entry &a, const Entry &b) {
    if (isNan(a.value) || isNan(b.value)) {
      if (isNan(a.value) != isNan(b.value))
        return isNan(a.value) == Largest;
    } else if (a.value != b.value) {
      return (a.value > b.value) == Largest;
    }
    return a.index < b.index;
  }
  // Sinks the entry at i below those that are worse.
  void sink(int64_t i) {
    Entry e = at[i];
    for (int64_t child; (child = 2 * i + 1) < size; i = child) {
      if (child + 1 < size && better(at[child], at[child + 1]))
        ++child;
      if (!better(e, at[child]))
        break;
      at[i] = at[child];
    }
    at[i] = e;
  }
  void fill(const typename E::Store *x, int64_t n) {
    for (int64_t i = 0; i < size; ++i)
      at[i] = {E::get(x[i]), i};
    for (int64_t i = size / 2; i-- > 0;)
      sink(i);
    for (int64_t i = size; i < n; ++i) {
      Entry e = {E::get(x[i]), i};
      if (!better(e, at[0]))
        continue;
      at[0] = e;
      sink(0);
    }
  }
  void drain(typename E::Store *values, int64_t *indices) {
    while (size > 0) {
      Entry worst = at[0];
      at[0] = at[--size];
      if (size)
        sink(0);
      values[size] = E::put(worst.value);
      indices[size] = worst.index;
    }
  }
};

struct TopKJob {
  ds_exec *exec;
  const dsk_top_k_args *args;
};

template <typename E, bool Largest> void topKRows(const TopKJob &job, int64_t begin, int64_t end, int32_t worker) {
  using H = Heap<E, Largest>;
  const dsk_top_k_args &g = *job.args;
  auto *entries = static_cast<typename H::Entry *>(getScratch(job.exec, worker, g.k * sizeof(typename H::Entry)));
  if (!entries)
    return;
  for (int64_t r = begin; r < end; ++r) {
    H heap = {entries, g.k};
    heap.fill(static_cast<const typename E::Store *>(g.x) + r * g.n, g.n);
    heap.drain(static_cast<typename E::Store *>(g.values) + r * g.k, g.indices + r * g.k);
  }
}

void topKTasks(void *closure, int64_t begin, int64_t end, int32_t worker) {
  const TopKJob &job = *static_cast<TopKJob *>(closure);
  withElement(job.args->type, [&](auto e) {
    if (job.args->largest)
      topKRows<decltype(e), true>(job, begin, end, worker);
    else
      topKRows<decltype(e), false>(job, begin, end, worker);
  });
}

} // namespace
} // namespace dsk

extern "C" void dsk_top_k(ds_exec *exec, const dsk_top_k_args *args) {
  if (args->rows <= 0 || args->k <= 0)
    return;
  dsk::TopKJob job = {exec, args};
  exec->services->parallel_for(exec, dsk::topKTasks, &job, args->rows, 1 + 4096 / args->n);
}
