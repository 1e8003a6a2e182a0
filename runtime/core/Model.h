// A model: a checked package and, once a session wants to run it, its code.
#pragma once
#include "runtime/core/Image.h"
#include "runtime/core/Package.h"
#include <atomic>
#include <pthread.h>

/// Shared by its owner and its sessions.
struct ds_model {
  ds::Package package;
  ds::Image image;
  const char *isa = nullptr; // of `image`, once it is loaded
  pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<int64_t> references{1};

  /// Loads the strongest image that runs here, the first time.
  ds_result load();

private:
  int bestImage() const;
  ds_result checkImage() const;
};

namespace ds {

struct Lock {
  explicit Lock(pthread_mutex_t &mutex) : mutex(mutex) { pthread_mutex_lock(&mutex); }
  ~Lock() { pthread_mutex_unlock(&mutex); }
  pthread_mutex_t &mutex;
};

} // namespace ds
