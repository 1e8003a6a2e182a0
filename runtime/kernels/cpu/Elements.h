// Element types for the kernels that take any: how each is stored, and the type that it is computed in.
#pragma once
#include "ds/model_abi.h"
#include "runtime/kernels/cpu/Simd.h"

namespace dsk {

struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

// Integers are added and multiplied without sign, so that they wrap around.
template <typename T> struct Element {
  using Store = T;
  using Value = T;
  static Value get(T x) { return x; }
  static T put(Value v) { return v; }
  static Value add(Value a, Value b) { return Value(uint64_t(a) + uint64_t(b)); }
  static Value mul(Value a, Value b) { return Value(uint64_t(a) * uint64_t(b)); }
};
template <typename T> struct FloatElement {
  using Store = T;
  using Value = T;
  static Value get(T x) { return x; }
  static T put(Value v) { return v; }
  static Value add(Value a, Value b) { return a + b; }
  static Value mul(Value a, Value b) { return a * b; }
};
template <> struct Element<float> : FloatElement<float> {};
template <> struct Element<double> : FloatElement<double> {};
template <> struct Element<Half> : FloatElement<float> {
  using Store = Half;
  static float get(Half x) { return _cvtsh_ss(x.bits); }
  static Half put(float v) { return {uint16_t(_cvtss_sh(v, _MM_FROUND_TO_NEAREST_INT))}; }
};
template <> struct Element<BFloat> : FloatElement<float> {
  using Store = BFloat;
  static float get(BFloat x) { return __builtin_bit_cast(float, uint32_t(x.bits) << 16); }
  static BFloat put(float v) {
    uint32_t bits = __builtin_bit_cast(uint32_t, v);
    if (v != v)
      return {uint16_t((bits >> 16) | 0x40)};
    return {uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
  }
};

template <typename T> DSK_INLINE bool isNan(T v) { return v != v; }

// Calls f(Element<T>()) for the ds_type.
template <typename F> DSK_INLINE void withElement(int64_t type, F f) {
  switch (type) {
  case DS_F32:
    return f(Element<float>());
  case DS_F64:
    return f(Element<double>());
  case DS_F16:
    return f(Element<Half>());
  case DS_BF16:
    return f(Element<BFloat>());
  case DS_I8:
    return f(Element<int8_t>());
  case DS_I16:
    return f(Element<int16_t>());
  case DS_I32:
    return f(Element<int32_t>());
  case DS_I64:
    return f(Element<int64_t>());
  case DS_BOOL:
  case DS_U8:
    return f(Element<uint8_t>());
  case DS_U16:
    return f(Element<uint16_t>());
  case DS_U32:
    return f(Element<uint32_t>());
  case DS_U64:
    return f(Element<uint64_t>());
  }
}

} // namespace dsk
