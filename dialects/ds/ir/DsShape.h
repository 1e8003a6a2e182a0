// Shapes as expressions: one rule per op serves verifier, type inference and the analysis of symbolic shapes.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace mlir::ds {

// The dims of a tensor: constants, or (semi-affine) expressions over symbols. Equal expressions are equal sizes;
// different ones may still be.
using Dims = SmallVector<AffineExpr>;

// Where a rule gets the dims of operands and the values of index operands from.
class ShapeContext {
public:
  explicit ShapeContext(MLIRContext *context) : context(context) {}
  virtual ~ShapeContext() = default;
  // Dims of a ranked tensor value.
  virtual Dims dims(Value tensor) = 0;
  // An `index` value as an expression.
  virtual AffineExpr index(Value value) = 0;
  // A size about which nothing is known, the `ordinal`-th one that `op` introduces.
  virtual AffineExpr unknown(Operation *op, unsigned ordinal) = 0;
  // What two different symbolic sizes broadcast to.
  virtual AffineExpr broadcast(Operation *op, unsigned ordinal, AffineExpr a, AffineExpr b) { return unknown(op, ordinal); }

  AffineExpr constant(int64_t value) { return getAffineConstantExpr(value, context); }
  // Static sizes with kDynamic replaced by the operands in order.
  Dims mixed(ValueRange dynamic, ArrayRef<int64_t> statics);
  MLIRContext *getContext() { return context; }

private:
  MLIRContext *context;
};

// What types alone tell: constants, and a symbol of its own for every `?`.
class TypeShapeContext : public ShapeContext {
public:
  using ShapeContext::ShapeContext;
  Dims dims(Value tensor) override;
  AffineExpr index(Value value) override;
  AffineExpr unknown(Operation *op, unsigned ordinal) override;

private:
  unsigned nextSymbol = 0;
};

// The value of a constant expression, or nullopt.
std::optional<int64_t> constantOf(AffineExpr expr);
// Dims as a type's shape: kDynamic for what is not constant.
SmallVector<int64_t> shapeOf(ArrayRef<AffineExpr> dims);
// NumPy broadcasting of shapes aligned at the last axis. Fails (emitting `label` at `op`) when two constants clash. Of two different
// symbolic sizes the result takes the one that is not 1 as far as known, else an unknown one.
FailureOr<Dims> broadcastDims(Operation *op, ShapeContext &shapes, ArrayRef<Dims> operands, StringRef label);
// Fails (emitting `message`) when both are constant and differ.
LogicalResult checkEqual(Operation *op, AffineExpr a, AffineExpr b, const Twine &message);
// The interface's verifier: the declared result types fit what `inferShapes` says.
LogicalResult verifyShapes(Operation *op);
// Sets the result types of `op` from its operands, keeping element types. Emits an error on failure.
LogicalResult refineResultTypes(Operation *op);

} // namespace mlir::ds
