// What ds-run and ds-bench share: tensors from and to files, the cache of compiled models, comparing. This file: a
// tensor that owns its data.
#pragma once
#include "ds/runtime.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ds::tools {

struct HostTensor {
  std::string name;
  ds_type type = DS_F32;
  std::vector<int64_t> dims;
  uint64_t bytes = 0;
  std::shared_ptr<char> data; // aligned to 64 bytes

  /// Room for `type` and `dims`; false if they are out of range or there is no memory.
  bool allocate(ds_type newType, std::vector<int64_t> newDims, std::string &error);
  uint64_t count() const { return bytes / ds_type_bytes(type); }
  /// Element i as a number (exact but for large 64-bit integers).
  double at(uint64_t i) const;
  /// "f32[1x3]"
  std::string typeText() const;

  ds_tensor view() const;
  static HostTensor copyOf(const ds_tensor &tensor, const std::string &name);
};

} // namespace ds::tools
