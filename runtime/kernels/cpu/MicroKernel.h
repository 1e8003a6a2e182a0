// The register tile: C[m, 16*panels] (+)= A[m, k] * B[k, 16*panels], everything else is built around it.
#pragma once
#include "runtime/kernels/cpu/Simd.h"

namespace dsk {

inline constexpr int kPanel = 16; // columns of a packed panel, for every ISA
inline constexpr int kPanelVecs = kPanel / W;
#if defined(__AVX512F__)
inline constexpr int kTileRows = 14, kTilePanels = 2; // 28 accumulators of 32 registers
#else
inline constexpr int kTileRows = 6, kTilePanels = 1; // 12 accumulators of 16 registers
#endif
inline constexpr int kTileCols = kTilePanels * kPanel;
inline constexpr int kMaxDepth = 384; // of K in one block of A
// Row stride of copied A blocks: constant, so that rows are displacements; not a power of two, so that they use
// different cache sets.
inline constexpr int kBlockLd = kMaxDepth + kPanel;

// Row strides of A: constant for copied blocks, or any. B of whole blocks is read ahead, since the next columns are
// known and far; long single passes over B are what hardware reads ahead by itself.
struct BlockRows {
  static constexpr bool readAhead = true;
  static constexpr int64_t ld = kBlockLd;
};
struct AnyRows {
  static constexpr bool readAhead = false;
  int64_t ld;
};

// Where B is: element (k, j) of panel p at b[p*panel + k*row + j].
struct BView {
  const float *b;
  int64_t panel, row;
};

// acc += column k of A times row k of B.
template <int M, int V, typename Rows>
DSK_INLINE void multiplyAdd(Vec (&acc)[M][V], const float *a, Rows rows, const float *b, int64_t bPanel) {
  Vec bv[V];
#pragma unroll
  for (int v = 0; v < V; ++v)
    bv[v] = load(b + (v / kPanelVecs) * bPanel + (v % kPanelVecs) * W);
#pragma unroll
  for (int i = 0; i < M; ++i) {
    Vec av = Vec(a[i * rows.ld]);
#pragma unroll
    for (int v = 0; v < V; ++v)
      acc[i][v] = fma(av, bv[v], acc[i][v]);
  }
}

// Meanwhile as much of B from `ahead` on, at the same strides, is brought to L2.
template <int M, int Panels, typename Rows>
DSK_INLINE void microKernel(int64_t depth, const float *a, Rows rows, BView b, const float *ahead, float *c,
                            int64_t ldc, bool add) {
  constexpr int V = Panels * kPanelVecs;
  Vec acc[M][V];
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int v = 0; v < V; ++v)
      acc[i][v] = add ? load(c + i * ldc + v * W) : Vec(0.0f);
  const float *bk = b.b;
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4, ahead += 4 * kPanel) {
    if constexpr (Rows::readAhead) {
#pragma unroll
      for (int line = 0; line < 4 * Panels; ++line)
        _mm_prefetch(reinterpret_cast<const char *>(ahead + line / 4 * b.panel + line % 4 * kPanel), _MM_HINT_T1);
    }
#pragma unroll
    for (int u = 0; u < 4; ++u, bk += b.row)
      multiplyAdd(acc, a + k + u, rows, bk, b.panel);
  }
#pragma clang loop unroll(disable)
  for (; k < depth; ++k, bk += b.row)
    multiplyAdd(acc, a + k, rows, bk, b.panel);
#pragma unroll
  for (int i = 0; i < M; ++i)
#pragma unroll
    for (int v = 0; v < V; ++v)
      store(c + i * ldc + v * W, acc[i][v]);
}

// B in pieces: a structure would travel through memory, and reading it back at once stalls on the stores.
typedef void (*TileFn)(int64_t depth, const float *a, const float *b, int64_t bPanel, int64_t bRow, const float *ahead,
                       float *c, int64_t ldc, bool add);

template <int M, int Panels>
__attribute__((noinline)) void blockTile(int64_t depth, const float *a, const float *b, int64_t bPanel, int64_t bRow,
                                         const float *ahead, float *c, int64_t ldc, bool add) {
  microKernel<M, Panels>(depth, a, BlockRows(), {b, bPanel, bRow}, ahead, c, ldc, add);
}

struct TileTable {
  TileFn fn[kTileRows][kTilePanels];
};
template <size_t... M> constexpr TileTable makeTileTable(std::index_sequence<M...>) {
  if constexpr (kTilePanels == 2)
    return {{{blockTile<M + 1, 1>, blockTile<M + 1, kTilePanels>}...}};
  else
    return {{{blockTile<M + 1, 1>}...}};
}
inline constexpr TileTable kTiles = makeTileTable(std::make_index_sequence<kTileRows>());

// C[m, 16*panels] (+)= A[m, depth] * B, A a copied block, m <= kTileRows, panels <= kTilePanels; `ahead` is read soon.
DSK_INLINE void tile(int64_t m, int64_t panels, int64_t depth, const float *a, BView b, float *c, int64_t ldc, bool add,
                     const float *ahead) {
  kTiles.fn[m - 1][panels - 1](depth, a, b.b, b.panel, b.row, ahead, c, ldc, add);
}

// `count` things in `parts` parts that differ by at most one: the first thing of part i.
DSK_INLINE int64_t evenPart(int64_t count, int64_t parts, int64_t i) {
  return i * (count / parts) + min(i, count % parts);
}

} // namespace dsk
