// Convolution by implicit GEMM, channels last: C[pixel, o] = sum over (kh, kw, c) of the image under the window times
// the weights. The matrix of windows is never stored; A's loader finds each chunk in the image.
#pragma once
#include "runtime/kernels/cuda/Epilogue.h"
#include "runtime/kernels/cuda/Gemm.h"
#include "runtime/kernels/cuda/dsk_cuda.h"

namespace dsk {

template <class Epilogue> struct ConvArgs {
  dsk_cuda_conv_args problem;
  Epilogue epilogue;
};

// Rows are output pixels, K runs over (kh, kw, c): one position in the window and run of channels per thread and tile.
template <class T, int tileRows, int tileK, int threads> struct Windows {
  static constexpr int per = 16 / sizeof(T), rowBytes = tileK * sizeof(T), chunks = tileK / per;
  static constexpr int mine = tileRows * chunks / threads, bytes = tileRows * rowBytes;
  static constexpr bool words = false, kContiguous = true;
  static_assert(tileRows * chunks % threads == 0 && threads % chunks == 0, "equal work for all threads");
  const dsk_cuda_conv_args &p;
  const T *base; // first channel of the group
  // Per output pixel: the number of its image's first pixel, and where its window begins; far outside if there is no
  // such pixel.
  int image[mine], top[mine], left[mine];
  int channels, k;
  bool vector;

  GPU_FN Windows(const dsk_cuda_conv_args &p, i64 group, i64 pixel0) : p(p) {
    channels = int(p.c / p.groups), k = int(p.kh * p.kw) * channels;
    base = static_cast<const T *>(p.x) + group * channels;
    vector = aligned16(base, p.c) && channels % per == 0;
    i64 pixels = p.n * p.oh * p.ow;
    GPU_FOR (int i = 0; i < mine; ++i) {
      i64 pixel = pixel0 + int(threadIndex()) / chunks + i * (threads / chunks);
      int x = int(pixel % p.ow), y = int(pixel / p.ow % p.oh);
      image[i] = int(pixel / (p.ow * p.oh) * p.h * p.wd);
      top[i] = pixel < pixels ? y * int(p.stride_h) - int(p.pad_top) : -(1 << 30);
      left[i] = x * int(p.stride_w) - int(p.pad_left);
    }
  }

  // A place in the window, relative to the window's first pixel.
  struct Place {
    int y, x, channel;
  };
  GPU_FN Place place(int at) const {
    int position = at / channels, kw = int(p.kw);
    return {position / kw * int(p.dilation_h), position % kw * int(p.dilation_w), at % channels};
  }
  // The element there; null outside the image.
  GPU_FN const T *find(int i, Place in) const {
    int y = top[i] + in.y, x = left[i] + in.x, w = int(p.wd);
    if (y < 0 || y >= int(p.h) || x < 0 || x >= w)
      return nullptr;
    return base + i64(image[i] + y * w + x) * int(p.c) + in.channel;
  }
  GPU_FN void load(unsigned char *tile, int k0) const {
    int chunk = int(threadIndex()) % chunks, at = k0 + chunk * per;
    if (vector) {
      Place in = place(at);
      GPU_FOR (int i = 0; i < mine; ++i) {
        const T *source = at < k ? find(i, in) : nullptr;
        copyAsync16(tile + target(i, chunk), source ? source : base, source ? 16 : 0);
      }
      return;
    }
    GPU_FOR (int i = 0; i < mine; ++i) {
      T elements[per];
      GPU_FOR (int e = 0; e < per; ++e) {
        const T *source = at + e < k ? find(i, place(at + e)) : nullptr;
        elements[e] = source ? *source : T{};
      }
      store128(tile + target(i, chunk), packChunk(elements));
    }
  }
  GPU_FN static int target(int i, int chunk) {
    return chunkAt<rowBytes>(int(threadIndex()) / chunks + i * (threads / chunks), chunk);
  }
};

template <class S, class Epilogue> GPU_FN void conv2d(const ConvArgs<Epilogue> &args) {
  using T = typename S::T;
  const dsk_cuda_conv_args &p = args.problem;
  i64 group = blockZ(), outputs = p.o / p.groups, pixels = p.n * p.oh * p.ow;
  TileIndex tile = tileOf(blockX(), ceilDiv(pixels, S::m), ceilDiv(outputs, S::n));
  i64 i0 = i64(tile.m) * S::m, j0 = i64(tile.n) * S::n;
  int columns = int(minimum<i64>(outputs - j0, S::n));
  Windows<T, S::m, S::k, S::threads> a(p, group, i0);
  const T *weights = static_cast<const T *>(p.w) + group * outputs * p.w_row;
  KContiguous<T, S::n, S::k, S::threads> b(weights, aligned16(weights, p.w_row), columns, a.k,
                                           [&](int r) { return (j0 + r) * p.w_row; });
  const float *c = multiplyTiles<S>(a, b, a.k);
  drain<S>(c, args.epilogue, 0, i0, group * outputs + j0, int(minimum<i64>(pixels - i0, S::m)), columns);
}
} // namespace dsk
