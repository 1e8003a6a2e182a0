// Products of few rows: B is streamed once, a few panels at a time.
#pragma once
#include "runtime/kernels/cpu/MicroKernel.h"

namespace dsk {

#if defined(__AVX512F__)
inline constexpr int kFewRows = 7; // x 4 panels = 28 accumulators
inline constexpr int wideFor(int) { return 4; }
#else
inline constexpr int kFewRows = 3; // x 2 panels = 12 accumulators
inline constexpr int wideFor(int m) { return m == 1 ? 4 : 2; }
#endif
inline constexpr int64_t kWide = wideFor(1); // panels of one step of work

typedef void (*FewRowsFn)(int64_t depth, const float *a, int64_t lda, const float *b, int64_t bPanel, int64_t bRow,
                          float *c);

template <int M, int Panels>
__attribute__((noinline)) void fewRows(int64_t depth, const float *a, int64_t lda, const float *b, int64_t bPanel,
                                       int64_t bRow, float *c) {
  microKernel<M, Panels>(depth, a, AnyRows{lda}, {b, bPanel, bRow}, b, c, kWide * kPanel, false);
}

template <int M> void fewRowsPanels(int64_t panels, int64_t depth, const float *a, int64_t lda, BView b, float *c) {
  constexpr int wide = wideFor(M);
  while (panels > 0) {
    int64_t step = panels >= wide ? wide : panels >= 2 ? 2 : 1;
    FewRowsFn fn = step == wide ? fewRows<M, wide> : step == 2 ? fewRows<M, 2> : fewRows<M, 1>;
    fn(depth, a, lda, b.b, b.panel, b.row, c);
    panels -= step;
    b.b += step * b.panel;
    c += step * kPanel;
  }
}

template <size_t... M>
DSK_INLINE void fewRowsSwitch(std::index_sequence<M...>, int64_t m, int64_t panels, int64_t depth, const float *a,
                              int64_t lda, BView b, float *c) {
  (void)((m == M + 1 && (fewRowsPanels<M + 1>(panels, depth, a, lda, b, c), true)) || ...);
}

} // namespace dsk
