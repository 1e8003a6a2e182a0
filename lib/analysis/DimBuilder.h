// Expressions of the symbolic shapes as index values: each expression is computed once, as early as its symbols allow.
#pragma once
#include "lib/analysis/SymbolicShapes.h"
#include "mlir/IR/Builders.h"

namespace mlir::ds {

class DimBuilder {
public:
  DimBuilder(SymbolicShapes &shapes, func::FuncOp func) : shapes(shapes), block(&func.getBody().front()), b(func.getContext()) {}

  // An `index` value in the function's entry block equal to `expr`; equal expressions give one value. Null when a symbol stands
  // for a value inside a region. The value dominates every op whose operands the expression was asked of.
  Value build(Location loc, AffineExpr expr);

private:
  // By value: what is asked on the way may add symbols.
  Value buildSymbol(Location loc, Symbol symbol);
  bool isAffineDivision(unsigned position) const;
  // An affine expression over `operands`, which are appended to as needed; null as in `build`.
  AffineExpr toAffine(Location loc, AffineExpr expr, SmallVectorImpl<Value> &operands);
  Value product(Location loc, const Monomial &monomial);
  template <typename OpTy, typename... Args>
  Value create(Location loc, ValueRange after, Args &&...args);
  Value constant(Location loc, int64_t value);

  SymbolicShapes &shapes;
  Block *block;
  OpBuilder b;
  llvm::DenseMap<AffineExpr, Value> built;
};

} // namespace mlir::ds
