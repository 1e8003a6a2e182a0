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
// its strides may be 0. causal: j > i + kv - q is excluded. A row whose keys are all -inf gives NaN, as the formula does.
typedef struct dsk_attention_args {
  const float *q, *k, *v, *mask;
  float *out;
  int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, v_dim;
  int64_t q_batch, q_head, q_row, k_batch, k_head, k_row, k_col, v_batch, v_head, v_row, v_col;
  int64_t m_batch, m_head, m_row, m_col, o_batch, o_head, o_row;
  float scale;
  int32_t causal;
} dsk_attention_args;
void dsk_attention_f32(ds_exec *, const dsk_attention_args *);
}
