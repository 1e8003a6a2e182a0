// Images are loaded from anonymous memory files: nothing is left on disk, and the dynamic linker keeps their code
// pages shared and named in profiles.
#include "runtime/core/Image.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace ds;

Image::~Image() {
  if (handle)
    dlclose(handle);
  if (fd >= 0)
    close(fd);
}

static ds_result writeAll(int fd, const void *data, uint64_t bytes) {
  auto *at = static_cast<const char *>(data);
  while (bytes) {
    ssize_t written = write(fd, at, bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail(DS_ERR_MEMORY, "cannot store a code image: %s", strerror(errno));
    at += written, bytes -= uint64_t(written);
  }
  return DS_SUCCESS;
}

// The file stays open: the dynamic linker identifies libraries by their path first, and a number used again would
// give it an older image.
ds_result Image::load(const void *elf, uint64_t bytes) {
  fd = memfd_create("ds-image", MFD_CLOEXEC);
  if (fd < 0)
    return fail(DS_ERR_MEMORY, "cannot create a memory file for code: %s", strerror(errno));
  if (ds_result r = writeAll(fd, elf, bytes))
    return r;
  // Images call the mathematics library and may not name it; a host in C need not have loaded it.
  dlopen("libm.so.6", RTLD_LAZY | RTLD_GLOBAL);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(DS_ERR_FORMAT, "cannot load the code image: %s", dlerror());
  model = static_cast<const ds_model_image *>(dlsym(handle, "ds_model"));
  if (!model)
    return fail(DS_ERR_FORMAT, "the code image has no symbol 'ds_model'");
  if (model->abi != DS_MODEL_ABI)
    return fail(DS_ERR_VERSION, "the code image has ABI %u, this runtime has %u: compile the model again", model->abi,
                DS_MODEL_ABI);
  return DS_SUCCESS;
}
