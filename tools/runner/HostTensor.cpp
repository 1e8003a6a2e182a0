// See HostTensor.h.
#include "tools/runner/HostTensor.h"
#include <cstdlib>
#include <cstring>

using namespace ds::tools;

bool HostTensor::allocate(ds_type newType, std::vector<int64_t> newDims, std::string &error) {
  uint64_t size = ds_type_bytes(newType);
  bool empty = false, tooLarge = newDims.size() > DS_MAX_RANK;
  for (int64_t dim : newDims) {
    empty |= dim == 0;
    tooLarge |= dim < 0 || (dim && __builtin_mul_overflow(size, uint64_t(dim), &size)) || size > uint64_t(1) << 46;
  }
  if (tooLarge) {
    error = "a tensor of these dims is out of range";
    return false;
  }
  type = newType, dims = std::move(newDims), bytes = empty ? 0 : size;
  data.reset(static_cast<char *>(std::aligned_alloc(64, (bytes + 127) & ~uint64_t(63))), std::free);
  if (!data)
    error = "no memory for a tensor of " + std::to_string(bytes) + " bytes";
  return data != nullptr;
}

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static double fromHalf(uint16_t half) {
  int exponent = half >> 10 & 31;
  double fraction = half & 1023;
  double value = exponent == 31  ? fromBits(0x7f800000u | uint32_t(half & 1023) << 13)
                 : exponent == 0 ? fraction / 16777216.0
                                 : (1024 + fraction) / 33554432.0 * double(1u << exponent);
  return half & 0x8000 ? -value : value;
}

template <typename T> static T load(const char *data, uint64_t i) {
  T value;
  std::memcpy(&value, data + i * sizeof(T), sizeof(T));
  return value;
}

double HostTensor::at(uint64_t i) const {
  switch (type) {
  case DS_F32:
    return load<float>(data.get(), i);
  case DS_F64:
    return load<double>(data.get(), i);
  case DS_F16:
    return fromHalf(load<uint16_t>(data.get(), i));
  case DS_BF16:
    return fromBits(uint32_t(load<uint16_t>(data.get(), i)) << 16);
  case DS_I8:
    return load<int8_t>(data.get(), i);
  case DS_I16:
    return load<int16_t>(data.get(), i);
  case DS_I32:
    return load<int32_t>(data.get(), i);
  case DS_I64:
    return double(load<int64_t>(data.get(), i));
  case DS_BOOL:
  case DS_U8:
    return load<uint8_t>(data.get(), i);
  case DS_U16:
    return load<uint16_t>(data.get(), i);
  case DS_U32:
    return load<uint32_t>(data.get(), i);
  case DS_U64:
    return double(load<uint64_t>(data.get(), i));
  }
  return 0;
}

std::string HostTensor::typeText() const {
  std::string text = std::string(ds_type_name(type)) + "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? "x" : "") + std::to_string(dims[i]);
  return text + "]";
}

ds_tensor HostTensor::view() const {
  ds_tensor t = {};
  t.type = type, t.rank = uint32_t(dims.size()), t.data = data.get(), t.bytes = bytes;
  std::copy(dims.begin(), dims.end(), t.dims);
  return t;
}

HostTensor HostTensor::copyOf(const ds_tensor &tensor, const std::string &name) {
  HostTensor copy;
  std::string error;
  copy.name = name;
  if (copy.allocate(tensor.type, {tensor.dims, tensor.dims + tensor.rank}, error) && copy.bytes)
    std::memcpy(copy.data.get(), tensor.data, copy.bytes);
  return copy;
}
