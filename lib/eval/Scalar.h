// Scalar ops (arith, math, affine): decoded once into a function and its constants, then run on numbers. Serves both
// the index arithmetic between tensor ops and the bodies of regions.
#pragma once
#include "lib/analysis/TensorValue.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Operation.h"

namespace mlir::ds::eval {

// A float as a double that its type can hold; an integer sign-extended (bools are 0 and 1).
union Scalar {
  int64_t i;
  double f;
};

struct ScalarOp {
  // Computes from `args`, one per operand of the op.
  Scalar (*compute)(const ScalarOp &self, const Scalar *args);
  Type from, to;        // element types of the first operand and of the result
  int64_t constant = 0; // a predicate, or a constant's bits
  AffineMap map;
};

// Null when the op is no scalar op that is known here.
std::optional<ScalarOp> decodeScalar(Operation *op);

// The one element of a tensor, and a rank-0 tensor of one element.
Scalar scalarOf(const Tensor &tensor);
FailureOr<Tensor> tensorOf(Type type, Scalar scalar);
// A scalar op on rank-0 tensors; nullopt when it is none.
std::optional<FailureOr<Tensor>> evaluateScalar(Operation *op, ArrayRef<Tensor> operands);

} // namespace mlir::ds::eval
