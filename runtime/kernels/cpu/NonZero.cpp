// dsk_count_non_zero and dsk_non_zero.
#include "runtime/kernels/cpu/Elements.h"
#include "runtime/kernels/cpu/dsk.h"

namespace dsk {
namespace {

// Calls f(i) for every element that is not zero, in order.
template <typename F> void forNonZeros(const dsk_non_zero_args &g, F f) {
  int64_t size = 1;
  for (int64_t d = 0; d < g.rank; ++d)
    size *= g.dims[d];
  withElement(g.type, [&](auto e) {
    using E = decltype(e);
    auto *x = static_cast<const typename E::Store *>(g.x);
    for (int64_t i = 0; i < size; ++i)
      if (E::get(x[i]) != 0)
        f(i);
  });
}

} // namespace
} // namespace dsk

extern "C" int64_t dsk_count_non_zero(ds_exec *, const dsk_non_zero_args *args) {
  int64_t count = 0;
  dsk::forNonZeros(*args, [&](int64_t) { ++count; });
  return count;
}

extern "C" void dsk_non_zero(ds_exec *, const dsk_non_zero_args *args) {
  const dsk_non_zero_args &g = *args;
  int64_t column = 0;
  dsk::forNonZeros(g, [&](int64_t i) {
    for (int64_t d = g.rank; d-- > 0; i /= g.dims[d])
      g.out[d * g.non_zeros + column] = i % g.dims[d];
    ++column;
  });
}
