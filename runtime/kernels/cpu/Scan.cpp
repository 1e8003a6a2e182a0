// dsk_scan: one chain per row; rows are independent.
#include "runtime/kernels/cpu/Elements.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

template <typename E, bool Product> void scanRows(const dsk_scan_args &g, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    auto *x = static_cast<const typename E::Store *>(g.x) + r * g.n;
    auto *out = static_cast<typename E::Store *>(g.out) + r * g.n;
    auto running = typename E::Value(Product ? 1 : 0);
    int64_t step = g.reverse ? -1 : 1;
    for (int64_t k = 0, i = g.reverse ? g.n - 1 : 0; k < g.n; ++k, i += step) {
      auto before = running, e = E::get(x[i]);
      running = Product ? E::mul(running, e) : E::add(running, e);
      out[i] = E::put(g.exclusive ? before : running);
    }
  }
}

void scanTasks(void *closure, int64_t begin, int64_t end, int32_t) {
  const dsk_scan_args &g = *static_cast<const dsk_scan_args *>(closure);
  withElement(g.type, [&](auto e) {
    if (g.product)
      scanRows<decltype(e), true>(g, begin, end);
    else
      scanRows<decltype(e), false>(g, begin, end);
  });
}

} // namespace
} // namespace dsk

extern "C" void dsk_scan(ds_exec *exec, const dsk_scan_args *args) {
  if (args->rows <= 0 || args->n <= 0)
    return;
  exec->services->parallel_for(exec, dsk::scanTasks, const_cast<dsk_scan_args *>(args), args->rows,
                               1 + 16384 / args->n);
}
