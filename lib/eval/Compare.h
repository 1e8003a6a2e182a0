// How far two tensors are apart.
#pragma once
#include "lib/analysis/TensorValue.h"
#include <string>

namespace mlir::ds {

struct Difference {
  // max|a - b| / max|b| of floats; 0 or infinity for other types, and infinity where shapes, types, NaNs or infinities
  // differ.
  double error = 0;
  // Why the error is infinite, or where it is largest.
  std::string reason;
};
Difference compare(const Tensor &a, const Tensor &b);

// Whether a tensor has a finite element (or no element at all).
bool hasFinite(const Tensor &tensor);

} // namespace mlir::ds
