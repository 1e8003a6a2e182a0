// What every file of the runtime uses: failures with a message, memory, a growable array. The runtime links neither
// the C++ library nor exceptions, so that a host of any language can load it.
#pragma once
#include "ds/runtime.h"
#include <new>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace ds {

/// Sets this thread's message and returns `code`.
ds_result fail(ds_result code, const char *format, ...) __attribute__((format(printf, 2, 3), cold));

/// Memory aligned to 64 bytes (large blocks to, and advised to use, huge pages), or null. Freed by free().
void *alignedAlloc(uint64_t bytes);

/// A growable array of plain values. push and resize report failure to allocate; elements are not initialised.
template <typename T> class Array {
  static_assert(__is_trivially_copyable(T), "moved by realloc");

public:
  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { free(items); }

  bool resize(size_t newCount) {
    if (newCount > capacity && !grow(newCount))
      return false;
    count = newCount;
    return true;
  }
  bool push(const T &item) {
    if (count == capacity && !grow(count + 1))
      return false;
    items[count++] = item;
    return true;
  }
  size_t size() const { return count; }
  T *data() { return items; }
  const T *data() const { return items; }
  T &operator[](size_t i) { return items[i]; }
  const T &operator[](size_t i) const { return items[i]; }
  T *begin() { return items; }
  T *end() { return items + count; }
  const T *begin() const { return items; }
  const T *end() const { return items + count; }

private:
  bool grow(size_t needed) {
    size_t wanted = needed > 2 * capacity ? needed : 2 * capacity;
    size_t bytes;
    if (__builtin_mul_overflow(wanted, sizeof(T), &bytes))
      return false;
    void *moved = realloc(items, bytes);
    if (!moved)
      return false;
    items = static_cast<T *>(moved), capacity = wanted;
    return true;
  }
  T *items = nullptr;
  size_t count = 0, capacity = 0;
};

/// An object made by malloc; null when there is no memory.
template <typename T> T *make() {
  void *memory = aligned_alloc(64, (sizeof(T) + 63) & ~size_t(63));
  return memory ? new (memory) T() : nullptr;
}
template <typename T> void destroy(T *object) {
  if (object)
    object->~T();
  free(object);
}

/// memcpy that allows null where there is nothing to copy.
inline void copyDims(int64_t *to, const int64_t *from, size_t count) {
  if (count)
    memcpy(to, from, count * sizeof(int64_t));
}

/// Bytes of an element of the type with this number, 0 for no type. For numbers from outside: an enum must not hold
/// them.
uint32_t elementBytes(uint32_t type);

/// Product of dims and `element`; false on overflow or a negative dim.
bool tensorBytes(const int64_t *dims, uint32_t rank, uint32_t element, uint64_t &bytes);

} // namespace ds
