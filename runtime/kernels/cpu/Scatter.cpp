// dsk_scatter: the updates one after the other, since later ones win and floats add in order.
#include "runtime/kernels/cpu/Elements.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

template <typename E> typename E::Value combine(int64_t kind, typename E::Value old, typename E::Value update) {
  switch (kind) {
  case DSK_SCATTER_ADD:
    return E::add(old, update);
  case DSK_SCATTER_MUL:
    return E::mul(old, update);
  case DSK_SCATTER_MAX:
    return isNan(old) || old > update ? old : update;
  case DSK_SCATTER_MIN:
    return isNan(old) || old < update ? old : update;
  }
  return update;
}

// The element offset of update u, or -1 (and the run has failed).
int64_t target(ds_exec *exec, const dsk_scatter_args &g, int64_t u) {
  int64_t at = 0;
  for (int64_t d = 0; d < g.depth; ++d) {
    int64_t i = g.index_type == DS_I64 ? static_cast<const int64_t *>(g.indices)[u * g.depth + d]
                                       : static_cast<const int32_t *>(g.indices)[u * g.depth + d];
    int64_t wrapped = i < 0 ? i + g.dims[d] : i;
    if (uint64_t(wrapped) >= uint64_t(g.dims[d])) {
      exec->services->fail(exec, DS_E_INDEX, int32_t(g.node), i, g.dims[d]);
      return -1;
    }
    at = at * g.dims[d] + wrapped;
  }
  return at * g.slice;
}

template <typename E> void scatter(ds_exec *exec, const dsk_scatter_args &g) {
  auto *out = static_cast<typename E::Store *>(g.out);
  auto *updates = static_cast<const typename E::Store *>(g.updates);
  int64_t size = g.slice;
  for (int64_t d = 0; d < g.depth; ++d)
    size *= g.dims[d];
  if (g.out != g.x && size)
    __builtin_memcpy(out, g.x, size * sizeof(typename E::Store));
  for (int64_t u = 0; u < g.count; ++u, updates += g.slice) {
    int64_t at = target(exec, g, u);
    if (at < 0)
      continue;
    if (g.kind == DSK_SCATTER_SET) {
      __builtin_memcpy(out + at, updates, g.slice * sizeof(typename E::Store));
      continue;
    }
    for (int64_t i = 0; i < g.slice; ++i)
      out[at + i] = E::put(combine<E>(g.kind, E::get(out[at + i]), E::get(updates[i])));
  }
}

} // namespace
} // namespace dsk

extern "C" void dsk_scatter(ds_exec *exec, const dsk_scatter_args *args) {
  dsk::withElement(args->type, [&](auto e) { dsk::scatter<decltype(e)>(exec, *args); });
}
