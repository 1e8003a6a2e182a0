// See SignatureReader.h. Strings are stored with a zero at the end, so that they can be used where they are.
#include "runtime/core/SignatureReader.h"
#include <string.h>

using namespace ds;

bool SignatureReader::number(void *value, uint64_t size) {
  if (uint64_t(end - at) < size)
    return false;
  memcpy(value, at, size);
  at += size;
  return true;
}

bool SignatureReader::string(const char *&value) {
  uint32_t length;
  if (!number(&length, sizeof(length)) || uint64_t(end - at) <= length)
    return false;
  value = reinterpret_cast<const char *>(at);
  if (at[length] || memchr(at, 0, length))
    return false;
  at += uint64_t(length) + 1;
  return true;
}

SignatureReader::Status SignatureReader::dim(Package &package) {
  ds_dim_info d;
  what = "an axis of the signature";
  if (!number(&d.size, 8) || !number(&d.lo, 8) || !number(&d.hi, 8) || !string(d.symbol))
    return Bad;
  if (d.size < -1 || d.lo < 0 || d.hi < d.lo)
    return Bad;
  return package.dims.push(d) ? Ok : NoMemory;
}

SignatureReader::Status SignatureReader::value(Package &package) {
  ds_value_info v = {};
  uint32_t type;
  if (!string(v.name) || !number(&type, 4) || !number(&v.rank, 4) || v.rank > format::maxRank) {
    what = "a value of the signature";
    return Bad;
  }
  if (!elementBytes(type)) {
    what = "an element type of the signature";
    return Bad;
  }
  v.type = ds_type(type);
  for (uint32_t i = 0; i < v.rank; ++i)
    if (Status status = dim(package))
      return status;
  return package.values.push(v) ? Ok : NoMemory;
}

SignatureReader::Status SignatureReader::read(Package &package) {
  uint32_t names;
  if (!string(package.model) || !number(&package.inputCount, 4) || !number(&package.outputCount, 4))
    return Bad;
  // Each value takes at least 13 bytes, so a lying count ends the loop, not the memory.
  for (uint64_t i = 0; i < uint64_t(package.inputCount) + package.outputCount; ++i)
    if (Status status = value(package))
      return status;
  uint64_t dim = 0;
  for (ds_value_info &v : package.values) {
    v.dims = package.dims.data() + dim;
    dim += v.rank;
  }
  what = "the table of node names";
  if (!number(&names, 4))
    return Bad;
  for (uint32_t i = 0; i < names; ++i) {
    const char *name;
    if (!string(name))
      return Bad;
    if (!package.nodes.push(name))
      return NoMemory;
  }
  return at == end ? Ok : Bad;
}
