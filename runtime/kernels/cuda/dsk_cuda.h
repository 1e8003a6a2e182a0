// The GPU kernels' interface: the structs a launch passes by value, the same for nvcc, NVRTC, clang and the simulator.
// A kernel's whole argument is one of these followed by its epilogue (Epilogue.h), see the instances in the .cu files.
// Sizes and strides are in elements. Pointers are to device memory; results depend neither on the grid nor on the GPU.
//
// Weights: one layout for all kernels but gated matvec: rows of K, output feature after output feature, [n, k], each
// row padded to a multiple of 16 bytes (`b_row`). mma.sync's B operand, decode's dot products and Hopper's TMA boxes
// all read along K; the CPU's panels of 16 columns would cost ldmatrix its use (4 loads for 1). Gated matvec skips rows
// of K, so its weights are [k, n], as on the CPU.
#pragma once

typedef long long dsk_i64;

// C[z,i,j] = sum_k A[z,i,k] B[z,k,j] for z < batch, i < m, j < n. Per instance: K-contiguous A (a_row: between rows) or
// M-contiguous A (a_row: between k), K-contiguous B (b_row: between columns j) or N-contiguous B (b_row: between k).
// Blocks: x = ceil(m/BM) * ceil(n/BN), z = batch (batch strides may be 0).
typedef struct dsk_cuda_matmul_args {
  const void *a, *b;
  dsk_i64 m, n, k;
  dsk_i64 a_batch, a_row, b_batch, b_row;
} dsk_cuda_matmul_args;

// For each expert e, rows i in [offsets[e], offsets[e+1]): C[i,j] = sum_k A[row(i),k] B[e,k,j], with
// row(i) = permutation[i] / per_row, or i where permutation is null (ds.route, ds.experts). B is K-contiguous per
// expert. Contiguous: blocks x = ceil(n/BN), y = ceil(rows/BM) + experts (those beyond the work end at once). Masked,
// for few rows: x = ceil(n/BN), y = experts; a block takes all rows of its expert and ends at once where there is none.
typedef struct dsk_cuda_grouped_matmul_args {
  const void *a, *b;
  const dsk_i64 *permutation, *offsets;
  dsk_i64 rows, experts, n, k, per_row;
  dsk_i64 a_row, b_expert, b_row;
} dsk_cuda_grouped_matmul_args;

// Channels last: x[n,h,w,c], contiguous; weights [groups][o/groups][kh*kw*c/groups], rows padded to w_row elements.
// C is [n*oh*ow, o]. Padding reads as 0. Blocks: x = ceil(n*oh*ow/BM) * ceil(o/groups/BN), z = groups.
typedef struct dsk_cuda_conv_args {
  const void *x, *w;
  dsk_i64 n, h, wd, c, o, groups, oh, ow, kh, kw;
  dsk_i64 stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, w_row;
} dsk_cuda_conv_args;

// out[b,h,i,:] = softmax_j(scale * q[b,h,i,:].k[b,g,j,:] + mask[b,h,i,j]) v[b,g,j,:], g = h / (heads / kv_heads).
// Features are contiguous; the other axes have strides. causal: j > i + kv_len - q_len is excluded. A row whose keys
// are all excluded gives NaN, as the formula does. mask_type: what `mask` points to, strides may be 0. Blocks: x =
// ceil(q_len * heads / kv_heads / rows of a tile), y = kv_heads, z = batch.
enum { DSK_MASK_NONE = 0, DSK_MASK_F32 = 1, DSK_MASK_SAME = 2 /* as q */, DSK_MASK_BOOL = 3 /* a byte, 0 excludes */ };
typedef struct dsk_cuda_attention_args {
  const void *q, *k, *v, *mask;
  void *out;
  float *partial;
  dsk_i64 batch, splits, heads, kv_heads, q_len, kv_len, head_dim, v_dim;
  dsk_i64 q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row;
  dsk_i64 m_batch, m_head, m_row, m_col, o_batch, o_head, o_row;
  float scale;
  int causal, mask_type;
} dsk_cuda_attention_args;

// y[i,j] = sum_k x[i,k] W[j,k] for few rows i < m (blocks y = m), W [n, k] by rows: blocks x = ceil(n/8).
// Gated: W is [k, n] by rows (w_row), terms with x[i,k] == 0 are neither read nor added: blocks x = ceil(n/64).
typedef struct dsk_cuda_matvec_args {
  const void *x, *w;
  dsk_i64 n, k, x_row, w_row;
} dsk_cuda_matvec_args;
