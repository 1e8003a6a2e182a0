// Sizes while lowering: every dim of a tensor in a function as an expression, and expressions back as index values.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::ds {

// Knows one function of one block. Symbols stand for index values, for dims of arguments (those of one name in `ds.dims`
// share a symbol) and for sizes that only the run tells. Equal expressions are equal sizes.
class MainShapes : public ShapeContext {
public:
  explicit MainShapes(func::FuncOp func);
  Dims dims(Value tensor) override;
  AffineExpr index(Value value) override;
  AffineExpr unknown(Operation *op, unsigned ordinal) override;

  AffineExpr dim(Value tensor, int64_t axis) { return dims(tensor)[axis]; }
  // Says what a size is that the rules do not know.
  void bind(AffineExpr symbol, Value value);
  void setDims(Value tensor, Dims dims) { known[tensor] = std::move(dims); }

  // The expression as an index value (or attribute), created at the builder's position unless there is one already.
  OpFoldResult fold(OpBuilder &b, Location loc, AffineExpr expr);
  Value value(OpBuilder &b, Location loc, AffineExpr expr);
  SmallVector<Value> dynamicSizes(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<AffineExpr> dims);

private:
  struct Symbol {
    Value value;              // an index value, or null:
    Value tensor;             // dim `ordinal` of an argument, or
    Operation *op = nullptr;  // the `ordinal`-th unknown of an op
    unsigned ordinal = 0;
  };
  AffineExpr newSymbol(Symbol symbol);
  Value symbolValue(OpBuilder &b, Location loc, unsigned position);
  Value broadcastSize(OpBuilder &b, Location loc, Operation *op, unsigned axis);
  Dims infer(OpResult result);
  Dims ofType(Value tensor);
  AffineExpr indexOf(Operation *op);

  func::FuncOp func;
  SmallVector<Symbol> symbols;
  DenseMap<Value, Dims> known;
  DenseMap<Value, AffineExpr> indices;
  DenseMap<AffineExpr, Value> values;
};

// The dims of a kernel op's result from those of its operands.
Dims kernelDims(Operation *op, ShapeContext &shapes);

} // namespace mlir::ds
