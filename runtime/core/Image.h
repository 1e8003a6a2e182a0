// A code image in this process.
#pragma once
#include "runtime/core/Support.h"

namespace ds {

struct Image {
  const ds_model_image *model = nullptr;

  Image() = default;
  Image(const Image &) = delete;
  ~Image();

  /// Loads the ELF image; this runs code of it. Errors: DS_ERR_FORMAT, DS_ERR_VERSION, DS_ERR_MEMORY.
  ds_result load(const void *elf, uint64_t bytes);

private:
  void *handle = nullptr;
  int fd = -1;
};

} // namespace ds
