// What becomes of a finished element: the kernels hand each one to a functor, once. The compiler prints such functors
// from the scalar body of a group; Store is the one that the shipped instances and the tests use.
//   bool vector() const              whether apply<8> may be called at columns j that are multiples of 8
//   template <int V> void apply(z, i, j, v)   receives C[z,i,j..j+V), V = 1 or 8, all inside
#pragma once
#include "runtime/kernels/cuda/Tile.h"

namespace dsk {
using namespace gpu;

enum Activation { identity, relu, silu, gelu, geluTanh };

GPU_FN float activate(int kind, float x) {
  switch (kind) {
  case relu:
    return x < 0 ? 0.0f : x;
  case silu:
    return x * sigmoid(x);
  case gelu:
    return 0.5f * x * (1.0f + gpu::erf(x * 0.7071067811865476f));
  case geluTanh:
    return 0.5f * x * (1.0f + gpu::tanh(0.7978845608028654f * (x + 0.044715f * x * x * x)));
  }
  return x;
}

template <class T> struct Elements {
  GPU_FN static void load(const T *p, float (&v)[8]) {
    if constexpr (sizeof(T) == 4) {
      Vec128 low = load128(p), high = load128(p + 4);
      GPU_FOR (int i = 0; i < 4; ++i)
        v[i] = asFloat(low.w[i]), v[i + 4] = asFloat(high.w[i]);
    } else {
      Vec128 all = load128(p);
      GPU_FOR (int i = 0; i < 4; ++i)
        v[2 * i] = toFloat(T{u16(all.w[i])}), v[2 * i + 1] = toFloat(T{u16(all.w[i] >> 16)});
    }
  }
  GPU_FN static void store(T *p, const float (&v)[8]) {
    if constexpr (sizeof(T) == 4) {
      store128(p, {{asBits(v[0]), asBits(v[1]), asBits(v[2]), asBits(v[3])}});
      store128(p + 4, {{asBits(v[4]), asBits(v[5]), asBits(v[6]), asBits(v[7])}});
    } else {
      Same<T> type;
      store128(p, {{pack(type, v[0], v[1]), pack(type, v[2], v[3]), pack(type, v[4], v[5]), pack(type, v[6], v[7])}});
    }
  }
};

// out[z,i,j] = activation(C + bias[j]) + residual[z,i,j], times multiplier[z,i,j]; null operands are left out.
template <class T> struct Store {
  T *out;
  const T *bias, *residual, *multiplier; // the latter two laid out as out
  i64 batch, row;                        // strides
  int activation;

  GPU_FN bool vector() const {
    return aligned16(out, row) && aligned16(out, batch) && (!bias || aligned16(bias, 0)) && aligned16(residual, 0) &&
           aligned16(multiplier, 0);
  }
  template <int V> GPU_FN void apply(i64 z, i64 i, i64 j, const float (&v)[V]) const {
    i64 at = z * batch + i * row + j;
    float r[V], other[V];
    read(bias, j, other, 0.0f);
    GPU_FOR (int e = 0; e < V; ++e)
      r[e] = activate(activation, v[e] + other[e]);
    read(residual, at, other, 0.0f);
    GPU_FOR (int e = 0; e < V; ++e)
      r[e] += other[e];
    read(multiplier, at, other, 1.0f);
    GPU_FOR (int e = 0; e < V; ++e)
      r[e] *= other[e];
    if constexpr (V == 8)
      Elements<T>::store(out + at, r);
    else
      out[at] = fromFloat<T>(r[0]);
  }

private:
  template <int V> GPU_FN static void read(const T *p, i64 at, float (&v)[V], float otherwise) {
    if (!p) {
      GPU_FOR (int e = 0; e < V; ++e)
        v[e] = otherwise;
    } else if constexpr (V == 8) {
      Elements<T>::load(p + at, v);
    } else {
      v[0] = toFloat(p[at]);
    }
  }
};
} // namespace dsk
