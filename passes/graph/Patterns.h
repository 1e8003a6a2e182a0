// Rewrites that several passes of the room share, by theme; `normalize` is the form that raising passes start from.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::ds {

// x + 0, x * 1, pairs of casts, powers written out, reciprocal square roots.
void populateArithmeticPatterns(RewritePatternSet &patterns);
// Transposes, reshapes, broadcasts and slices merged, cancelled or dropped.
void populateMovementPatterns(RewritePatternSet &patterns);
// Transposes into flags of matmul and layouts of attention, reshapes from above a matmul or an elementwise op to below it.
void populateMatmulPatterns(RewritePatternSet &patterns);

// Chains of reshapes and transposes in their shortest form; slices above them, matmuls by a matrix above them too, so that they meet
// what undoes them. Leaves dead ops behind. Tells whether anything changed.
bool simplifyMovementChains(Operation *root);

// Patterns above, common subexpressions and dead code, to a fixed point.
LogicalResult normalize(Operation *root);
// `patterns` to a fixed point. Nothing but them (and folds) runs.
LogicalResult rewriteGreedily(Operation *root, RewritePatternSet &&patterns);

// The size of each axis of `v`, static where the type tells, else a `tensor.dim`.
SmallVector<OpFoldResult> mixedSizes(OpBuilder &b, Location loc, Value v);
// A reshape, or `v` itself when nothing changes.
Value reshapeTo(OpBuilder &b, Location loc, Value v, ArrayRef<OpFoldResult> sizes);
Value transposeBy(OpBuilder &b, Location loc, Value v, ArrayRef<int64_t> permutation);

} // namespace mlir::ds
