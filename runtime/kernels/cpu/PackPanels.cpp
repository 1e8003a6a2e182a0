// dsk_pack_panels_f32: weights of many matrices to panels, a panel at a time.
#include "runtime/kernels/cpu/Pack.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

void packTasks(void *closure, int64_t begin, int64_t end, int32_t) {
  const dsk_pack_panels_args &g = *static_cast<const dsk_pack_panels_args *>(closure);
  int64_t panels = ceilDiv(g.n, kPanel), step = g.pairs ? 2 : 1;
  for (int64_t t = begin; t < end; ++t) {
    int64_t m = t / panels, p = t % panels;
    int64_t to = m / step * panels * step + p * step + m % step;
    const float *from = g.sources[g.which[m]] + g.offsets[m] + p * kPanel * g.columns[m];
    packPanels(g.out + to * g.k * kPanel, from, g.rows[m], g.columns[m], g.k, min(kPanel, g.n - p * kPanel));
  }
}

} // namespace
} // namespace dsk

extern "C" void dsk_pack_panels_f32(ds_exec *exec, const dsk_pack_panels_args *args) {
  auto *closure = const_cast<dsk_pack_panels_args *>(args);
  exec->services->parallel_for(exec, dsk::packTasks, closure, args->matrices * dsk::ceilDiv(args->n, dsk::kPanel), 1 + 16384 / (16 * args->k + 1));
}
