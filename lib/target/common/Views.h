// Operands of kernels as strided views of buffers.
#pragma once
#include "lib/target/common/Emitter.h"

namespace mlir::ds {

struct StridedView {
  Value base;             // a bound tensor
  Value offset;           // elements
  Emitter::Indices strides; // elements, one per axis of the viewed tensor
  bool contiguous = false;
};

// The view that `tensor` is of a bound tensor, through dsk.reshape of contiguous ones, tensor.extract_slice and generics
// that only permute axes. Fails with an error if it is no view.
FailureOr<StridedView> viewOf(Emitter &emitter, Value tensor);
// Whether the generic only permutes the axes of its one operand.
bool isTransposition(linalg::GenericOp op);

} // namespace mlir::ds
