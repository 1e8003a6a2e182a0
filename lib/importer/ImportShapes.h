// Sizes while a graph is imported: every dim of every value as an expression over the entry's symbols.
#pragma once
#include "dialects/ds/ir/DsOps.h"

namespace mlir::ds {

// Each symbol stands for an `index` value: a dim of an argument or result, or an element of an integer tensor.
class ImportShapes : public ShapeContext {
public:
  ImportShapes(OpBuilder &builder) : ShapeContext(builder.getContext()), builder(builder) {}

  Dims dims(Value tensor) override;
  AffineExpr index(Value value) override;
  AffineExpr unknown(Operation *op, unsigned ordinal) override;

  // Infers the result shapes of `op`, records them and sets the result types. Emits an error on failure.
  LogicalResult infer(Operation *op);
  // Declares the dims of an argument; null entries are symbols of their own.
  void declare(Value tensor, Dims dims);
  // A new symbol for an index value, possibly known not to be negative.
  AffineExpr symbol(Value value, bool nonNegative);

  // The expression as an `index` value (arith ops at the insertion point), each computed once.
  Value value(AffineExpr expr, Location loc);
  // Static sizes with kDynamic, and the values of the others.
  std::pair<SmallVector<Value>, SmallVector<int64_t>> split(ArrayRef<AffineExpr> exprs, Location loc);

  // a - b with equal terms cancelled.
  AffineExpr difference(AffineExpr a, AffineExpr b) const { return simplifyAffineExpr(a - b, 0, symbols.size()); }
  bool isNonNegative(AffineExpr expr) const;
  // Whether a = b (true), a != b (false) is certain.
  std::optional<bool> equal(AffineExpr a, AffineExpr b) const;
  AffineExpr product(ArrayRef<AffineExpr> factors);
  // a / b for a that b divides, common factors cancelled; null where only run time can tell.
  AffineExpr quotient(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b);
  AffineExpr max(AffineExpr a, AffineExpr b, Location loc);
  AffineExpr min(AffineExpr a, AffineExpr b, Location loc);

private:
  struct Symbol {
    Value value; // null: `axis` of `tensor`, its tensor.dim not yet made
    Value tensor;
    unsigned axis = 0;
    bool nonNegative = true;
  };
  AffineExpr fresh(Symbol symbol);
  Value symbolValue(unsigned position, Location loc);

  OpBuilder &builder;
  std::vector<Symbol> symbols;
  DenseMap<Value, Dims> known;
  DenseMap<Value, AffineExpr> indices;
  DenseMap<AffineExpr, Value> values;
};

} // namespace mlir::ds
