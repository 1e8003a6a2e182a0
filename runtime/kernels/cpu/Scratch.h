// A worker's memory from the runtime.
#pragma once
#include "ds/model_abi.h"

namespace dsk {

// NULL when there is no memory; the run has failed then.
inline void *getScratch(ds_exec *exec, int32_t worker, int64_t bytes) {
  void *p = exec->services->scratch(exec, worker, bytes);
  if (!p)
    exec->services->fail(exec, DS_E_MEMORY, -1, bytes, 0);
  return p;
}
inline float *getFloats(ds_exec *exec, int32_t worker, int64_t count) {
  return static_cast<float *>(getScratch(exec, worker, count * sizeof(float)));
}

} // namespace dsk
