// Messages, memory and the facts about element types.
#include "runtime/core/Support.h"
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

namespace ds {
namespace {

thread_local char message[1024];

struct TypeInfo {
  ds_type type;
  const char *name;
  uint32_t bytes;
};
constexpr TypeInfo types[] = {{DS_F32, "f32", 4},  {DS_U8, "u8", 1},   {DS_I8, "i8", 1},     {DS_U16, "u16", 2},
                              {DS_I16, "i16", 2},  {DS_I32, "i32", 4}, {DS_I64, "i64", 8},   {DS_F16, "f16", 2},
                              {DS_F64, "f64", 8},  {DS_U32, "u32", 4}, {DS_BOOL, "bool", 1}, {DS_U64, "u64", 8},
                              {DS_BF16, "bf16", 2}};

const TypeInfo *find(uint32_t type) {
  for (const TypeInfo &info : types)
    if (uint32_t(info.type) == type)
      return &info;
  return nullptr;
}

constexpr uint64_t hugePage = 2u << 20;

} // namespace

ds_result fail(ds_result code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof(message), format, args);
  va_end(args);
  return code;
}

void *alignedAlloc(uint64_t bytes) {
  uint64_t align = bytes >= 2 * hugePage ? hugePage : 64;
  uint64_t size = (bytes + align - 1) & ~(align - 1);
  if (size < bytes)
    return nullptr;
  void *memory = aligned_alloc(align, size ? size : align);
  if (memory && align == hugePage)
    madvise(memory, size, MADV_HUGEPAGE);
  return memory;
}

uint32_t elementBytes(uint32_t type) {
  const TypeInfo *info = find(type);
  return info ? info->bytes : 0;
}

bool tensorBytes(const int64_t *dims, uint32_t rank, uint32_t element, uint64_t &bytes) {
  int64_t product = element;
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0)
      return false;
    empty |= dims[i] == 0;
    if (dims[i] && __builtin_mul_overflow(product, dims[i], &product))
      return false;
  }
  bytes = empty ? 0 : uint64_t(product);
  return true;
}

} // namespace ds

using namespace ds;

const char *ds_last_error(void) { return message; }
const char *ds_version(void) { return "0.1.0"; }

const char *ds_type_name(ds_type type) {
  const TypeInfo *info = find(uint32_t(type));
  return info ? info->name : "?";
}

uint32_t ds_type_bytes(ds_type type) { return elementBytes(uint32_t(type)); }
