// Reads the signature section (Format.h): names, types and sizes of inputs and outputs, and the names of ONNX nodes.
#pragma once
#include "runtime/core/Package.h"

namespace ds {

class SignatureReader {
public:
  enum Status { Ok, Bad, NoMemory };
  SignatureReader(const uint8_t *at, uint64_t size) : at(at), end(at + size) {}
  /// Fills model, dims, values, counts and nodes of `package`; strings point into the section.
  Status read(Package &package);
  const char *what = "signature"; // what is wrong, if Bad

private:
  bool number(void *value, uint64_t size);
  bool string(const char *&value);
  Status value(Package &package);
  Status dim(Package &package);
  const uint8_t *at, *end;
};

} // namespace ds
