// How far a result is from what was expected.
#pragma once
#include "tools/runner/HostTensor.h"

namespace ds::tools {

struct Difference {
  double maxAbs = 0;   // max |a - b|
  double relative = 0; // max |a - b| / max |b|
  double cosine = 1;
  uint64_t wrong = 0;   // elements with |a - b| > atol + rtol |b|
  std::string mismatch; // type or shape differ: nothing else is set
  bool ok() const { return mismatch.empty() && !wrong; }
};

/// NaN equals NaN, and an infinity itself.
Difference compare(const HostTensor &actual, const HostTensor &expected, double rtol, double atol);

} // namespace ds::tools
