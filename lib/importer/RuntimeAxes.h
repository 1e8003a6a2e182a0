// Axes that a model gives as data: constant as a rule, else turned into sizes that are selected at run time.
#pragma once
#include "lib/importer/Node.h"

namespace mlir::ds {

struct RuntimeAxes {
  SmallVector<int64_t> fixed; // sorted; meant only if `flags` is empty
  SmallVector<Value> flags;   // per axis of the tensor that they belong to, whether it is one of them (i1)
  int64_t count = 0;
};

// Attribute `axes`, or operand `input`, as axes of a tensor of rank `rank`. Without either: none.
FailureOr<RuntimeAxes> runtimeAxes(Node &n, unsigned input, int64_t rank);

// `dims` without those axes.
SmallVector<AffineExpr> withoutAxes(Node &n, ArrayRef<AffineExpr> dims, const RuntimeAxes &axes);
// `dims` with 1 at those axes, which count in the result.
SmallVector<AffineExpr> withOnes(Node &n, ArrayRef<AffineExpr> dims, const RuntimeAxes &axes);

// Reduces along the axes, which stay with size 1. `count`, if given, becomes the number of elements that went into one.
Value reduceAlong(Node &n, ReduceKind kind, Value x, const RuntimeAxes &axes, AffineExpr *count = nullptr);

} // namespace mlir::ds
