// The micro-kernels' interface: what emitted code calls. Compiled once per ISA to bitcode (kernels_<isa>.bc) and
// linked into each code image; every kernel is extern "C", allocates nothing, and gets threads and scratch from
// ds_exec. Results never depend on the number of threads: work is split over outputs only.
#pragma once
#include "ds/model_abi.h"

extern "C" {

// Receives a finished tile of C, rows [i0, i0+m) and columns [j0, j0+n) of batch b, at tile[i*ld + j], 64-byte
// aligned, ld a multiple of 16. Emitted by the compiler: applies the fused epilogue and stores. May be called
// from any worker, on disjoint tiles.
typedef void (*dsk_epilogue)(void *closure, const float *tile, int64_t ld, int64_t b, int64_t i0, int64_t j0,
                             int64_t m, int64_t n);

// C[b,i,j] = sum_k A[b,i,k] * B[b,k,j], f32, for b < batch, i < M, j < N; K may be 0 (C = 0).
// A has element strides (a_batch, a_row, a_col). B, if b_packed: panels of 16 columns, panel p at B + p*K*16,
// element (k, j) at [k*16 + j%16], zero-padded to a multiple of 16 columns; b_batch = stride between batches.
// Otherwise element strides (b_batch, b_row, b_col); the kernel packs it where that pays.
typedef struct dsk_matmul_args {
  const float *a, *b;
  int64_t batch, m, n, k;
  int64_t a_batch, a_row, a_col;
  int64_t b_batch, b_row, b_col;
  int32_t b_packed;
} dsk_matmul_args;
void dsk_matmul_f32(ds_exec *, const dsk_matmul_args *, dsk_epilogue, void *closure);
// The same for an A with many zeros (a gate's): where a column of A is 0 in every row, the row of B is not read, so its
// infinities and NaNs have no effect; else bit for bit the same. Pays for few rows and B in rows (not packed, b_col = 1).
void dsk_gated_matmul_f32(ds_exec *, const dsk_matmul_args *, dsk_epilogue, void *closure);

// 2-D convolution, channels last. x[n,h,w,c], contiguous. Weights: per group g, the matrix [kh*kw*(c/groups), o/groups]
// in panels of 16 columns as above (group g at w + g * group_elems(..) = ceil(o/groups/16)*16*kh*kw*(c/groups)).
// The epilogue sees C as [n*oh*ow, o] (b = 0). Padding reads as 0.
typedef struct dsk_conv_args {
  const float *x, *w;
  int64_t n, h, wd, c, o, groups, oh, ow, kh, kw;
  int64_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w;
} dsk_conv_args;
void dsk_conv2d_f32(ds_exec *, const dsk_conv_args *, dsk_epilogue, void *closure);

// Depthwise (groups = c = o): weights [kh*kw, c] plain. Same epilogue space.
void dsk_depthwise_conv2d_f32(ds_exec *, const dsk_conv_args *, dsk_epilogue, void *closure);

// out[b,h,i,:] = softmax_j(scale * q[b,h,i,:].k[b,hk,j,:] + mask[b,h,i,j]) v[b,hk,j,:], hk = h / (heads / kv_heads).
// All operands have element strides per axis (batch, head, row, feature stride is 1 unless given); mask may be NULL,
// its strides may be 0. Only keys with -left <= j - (i + kv - q) <= right are seen (DSK_UNBOUNDED: all on that side; causal:
// right = 0); the score of others is `excluded`, at most -1e30. Where every row of a tile has a mask of at most -1e30,
// nothing is computed. A row whose keys are all -inf gives NaN, one whose keys are all equally low their mean, as the formula does.
#define DSK_UNBOUNDED (INT64_MAX / 4)
typedef struct dsk_attention_args {
  const float *q, *k, *v, *mask;
  float *out;
  int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, v_dim;
  int64_t q_batch, q_head, q_row, k_batch, k_head, k_row, k_col, v_batch, v_head, v_row, v_col;
  int64_t m_batch, m_head, m_row, m_col, o_batch, o_head, o_row;
  int64_t left, right;
  float scale, excluded;
} dsk_attention_args;
void dsk_attention_f32(ds_exec *, const dsk_attention_args *);

enum { DSK_SCORE_NONE = 0, DSK_SCORE_SOFTMAX = 1, DSK_SCORE_SIGMOID = 2 };
enum { DSK_BALANCE_NONE = 0, DSK_BALANCE_SELECT = 1, DSK_BALANCE_MIX = 2, DSK_BALANCE_BIAS = 3 };

// Routing (ds.route has the formulas): scores, mixing [tokens, experts], bias, load [experts] -> weights, chosen [tokens, k],
// permutation [tokens * k], offsets [experts + 1], new_load [experts]. mixing, bias, load and new_load may be NULL; load is not if
// balance says so, and then new_load is neither. That the numbers fit (k experts may be chosen, ...) is the caller's duty.
typedef struct dsk_route_args {
  const float *scores, *mixing, *bias, *load;
  float *weights;
  int64_t *chosen, *permutation, *offsets;
  float *new_load;
  int64_t tokens, experts, k, groups, top_groups, group_best;
  double epsilon, scale, rate;
  int32_t score, balance, normalize;
} dsk_route_args;
void dsk_route_f32(ds_exec *, const dsk_route_args *);

enum { DSK_ACT_IDENTITY = 0, DSK_ACT_RELU = 1, DSK_ACT_SILU = 2, DSK_ACT_GELU = 3, DSK_ACT_GELU_TANH = 4 };

// One product per expert over its segment of routed rows; permutation [rows] and offsets [experts + 1] as above, rows = tokens * slots.
// panels: per expert, K * 16 * (number of panels) apart, the matrix [k, n] in panels of 16 columns.
// scale == NULL: out[i, :] = activation(x[permutation[i] / slots, :] B_e), x [tokens, k]; gated: panels alternate, gate and up, and
// out[i, :] = activation(x G_e) * (x U_e). Else scatters: out[r, :] = scale[r] * (x[i, :] B_e), r = permutation[i], x [rows, k].
// A permutation or offsets that are not those of a route fail the run (DS_E_VALUE, at exec->node). row_flops > 0: the run records
// the load of the experts, and that many operations per row, at exec->node.
typedef struct dsk_grouped_matmul_args {
  const float *x, *panels, *scale;
  const int64_t *permutation, *offsets;
  float *out;
  int64_t rows, experts, slots, k, n, row_flops;
  int32_t gated, activation;
} dsk_grouped_matmul_args;
void dsk_grouped_matmul_f32(ds_exec *, const dsk_grouped_matmul_args *);

// Packs `matrices` strided matrices [k, n]: element (i, j) of matrix m is sources[which[m]][offsets[m] + i * rows[m] + j * columns[m]]. It goes to
// out + m * ceil(n / 16) * 16 * k, in panels; with pairs, the panels of matrices 2e and 2e + 1 alternate. Sources may have any alignment.
typedef struct dsk_pack_panels_args {
  const float *const *sources;
  float *out;
  const int64_t *which, *offsets, *rows, *columns; // [matrices]
  int64_t matrices, k, n;
  int32_t pairs;
} dsk_pack_panels_args;
void dsk_pack_panels_f32(ds_exec *, const dsk_pack_panels_args *);

// Pooling, channels last: x[n,h,wd,c] -> out[n,oh,ow,c]. maximum: padding never wins (a window of padding alone gives
// -inf). Else the average over the elements inside the image, or, if count_include_pad, over all window positions
// inside the padded image (so pad_bottom and pad_right matter only then).
typedef struct dsk_pool_args {
  const float *x;
  float *out;
  int64_t n, h, wd, c, oh, ow, kh, kw;
  int64_t stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right, dilation_h, dilation_w;
  int32_t maximum, count_include_pad;
} dsk_pool_args;
void dsk_pool2d_f32(ds_exec *, const dsk_pool_args *);

// out[b,j,i] = x[b,i,j] for x[batch,m,n], elements of 1, 2, 4 or 8 bytes; out must not overlap x.
typedef struct dsk_transpose_args {
  const void *x;
  void *out;
  int64_t batch, m, n, element_bytes;
} dsk_transpose_args;
void dsk_transpose(ds_exec *, const dsk_transpose_args *);

// The kernels below take any element type (`type`: a ds_type) and contiguous operands.

// The k best of each row x[rows,n], best first, with their indices [rows,k] (i64). Ties: the lower index first. NaN is
// larger than any number. 0 <= k <= n is the caller's duty.
typedef struct dsk_top_k_args {
  const void *x;
  void *values;
  int64_t *indices;
  int64_t type, rows, n, k;
  int32_t largest;
} dsk_top_k_args;
void dsk_top_k(ds_exec *, const dsk_top_k_args *);

// Running sum (or product) along each row of x[rows,n]; reverse: from the end; exclusive: without the element itself.
// Integers wrap around. out may be x.
typedef struct dsk_scan_args {
  const void *x;
  void *out;
  int64_t type, rows, n;
  int32_t product, exclusive, reverse;
} dsk_scan_args;
void dsk_scan(ds_exec *, const dsk_scan_args *);

enum { DSK_SCATTER_SET = 0, DSK_SCATTER_ADD = 1, DSK_SCATTER_MUL = 2, DSK_SCATTER_MAX = 3, DSK_SCATTER_MIN = 4 };

// out = x; then for u = 0, 1, .. updates-1 in that order: out[indices[u,:], 0..slice) is combined with updates[u,:].
// x and out are [dims[0], .., dims[depth-1], slice]; indices [updates, depth] are i64 or i32 (index_type), negative ones
// count from the end; one out of range fails the run (DS_E_INDEX, node) and is left out. out may be x.
typedef struct dsk_scatter_args {
  const void *x, *indices, *updates;
  void *out;
  const int64_t *dims;
  int64_t type, index_type, depth, slice, count, kind, node;
} dsk_scatter_args;
void dsk_scatter(ds_exec *, const dsk_scatter_args *);

// How many of x[0..count) differ from 0 (-0 does not), and their indices as out[rank, non-zeros] in row-major order.
typedef struct dsk_non_zero_args {
  const void *x;
  int64_t *out;        // NULL for dsk_count_non_zero
  const int64_t *dims; // [rank]
  int64_t type, rank, non_zeros;
} dsk_non_zero_args;
int64_t dsk_count_non_zero(ds_exec *, const dsk_non_zero_args *);
void dsk_non_zero(ds_exec *, const dsk_non_zero_args *);
}
