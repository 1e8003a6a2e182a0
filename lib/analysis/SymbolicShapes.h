// Sizes as expressions over the entry arguments' named dimensions: the analysis behind every shape decision.
#pragma once
#include "dialects/ds/ir/DsShape.h"
#include "lib/analysis/Polynomial.h"
#include "llvm/ADT/DenseMap.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::ds {

class ReshapeOp;

// What a symbol stands for. Every expression that the analysis gives is a polynomial over symbols in normal form, so equal
// pointers are equal sizes.
struct Symbol {
  enum class Kind {
    entryDim,  // size of axis `at` of the entry argument `value`
    resultDim, // size of axis `at` of the op result `value`, about which no rule says more
    index,     // the integer SSA value `value`
    element,   // element `at` (row-major) of the integer tensor `value`
    floorDiv,  // floor(lhs / rhs)
    max,
    min,
    broadcast, // lhs, or rhs where lhs is 1
  };
  Kind kind;
  Value value;
  int64_t at = 0;
  AffineExpr lhs, rhs;
  Interval range;
  std::string name;
  bool sizesOnly = false; // made of sizes of entry arguments alone
};

// How an entry dimension is declared in `ds.dims`: "name", "name:lo..hi" or "".
struct DimDeclaration {
  std::string name;
  Interval range{0, INT32_MAX};
  static DimDeclaration parse(StringRef text);
  std::string str() const;
};

// The values of an integer type (of `index`: any), and whether all of `range` are among them.
Interval rangeOf(Type type);
bool fits(Interval range, Type type);

// Dims of every tensor value of a function, elements of its small integer tensors and values of its integers as expressions.
// Answers stay valid while ops are added; `forget` a value before it is erased or its type or operands change.
class SymbolicShapes : public ShapeContext {
public:
  explicit SymbolicShapes(func::FuncOp func);

  Dims dims(Value tensor) override;
  AffineExpr index(Value value) override;
  AffineExpr unknown(Operation *op, unsigned ordinal) override;
  AffineExpr broadcast(Operation *op, unsigned ordinal, AffineExpr a, AffineExpr b) override;

  // Row-major elements of an integer or bool tensor of static shape and at most `maxElements`; nullopt for others.
  static constexpr int64_t maxElements = 64;
  std::optional<SmallVector<AffineExpr>> elements(Value tensor);
  // Whether constants and sizes of entry arguments alone give the expression.
  bool dependsOnSizesOnly(AffineExpr expr);

  // The expression in normal form: floordiv, ceildiv and mod become symbols of their own where they do not divide.
  AffineExpr normal(AffineExpr expr);
  AffineExpr floorDiv(AffineExpr a, AffineExpr b);
  AffineExpr ceilDiv(AffineExpr a, AffineExpr b);
  AffineExpr max(AffineExpr a, AffineExpr b) { return extremum(Symbol::Kind::max, a, b); }
  AffineExpr min(AffineExpr a, AffineExpr b) { return extremum(Symbol::Kind::min, a, b); }

  Interval range(AffineExpr expr);
  bool proveEqual(AffineExpr a, AffineExpr b) { return a == b || constantOf(normal(a - b)) == 0; }
  // The same sizes, axis by axis.
  bool proveEqual(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b);
  bool isOne(AffineExpr expr) { return constantOf(normal(expr)) == 1; }
  bool proveNotOne(AffineExpr expr);
  // True or false where that is proved.
  std::optional<bool> less(AffineExpr a, AffineExpr b);
  std::optional<bool> equal(AffineExpr a, AffineExpr b);

  const Symbol &symbol(unsigned position) const { return symbols[position]; }
  // How an entry argument's axis is to be declared, with the sizes that the model can take: a kernel has to fit into an image,
  // a sequence into a table of positions. Nullopt for static axes.
  std::optional<DimDeclaration> declaration(BlockArgument arg, int64_t axis);
  void forget(Value value);
  // For messages and tests: "batch * seq + 1".
  std::string str(AffineExpr expr);

private:
  using Elements = SmallVector<AffineExpr>;
  AffineExpr make(Symbol symbol);
  AffineExpr opaqueDiv(AffineExpr a, AffineExpr b);
  AffineExpr remainderDiv(const Polynomial &rest, int64_t divisor);
  AffineExpr extremum(Symbol::Kind kind, AffineExpr a, AffineExpr b);
  void declareEntry(func::FuncOp func);
  void analyse(func::FuncOp func);
  // Takes from here on that the entry dim `expr` (others are left alone) is in `range`, or the run fails.
  void assume(AffineExpr expr, Interval range);
  void assumeWindowsFit(Operation *op);
  void completeReshape(ReshapeOp op, Dims &result);
  Dims computeDims(Value tensor);
  AffineExpr computeIndex(Value value);
  AffineExpr computeArith(Operation *op);
  SmallVector<AffineExpr> affineResults(AffineMap map, ValueRange values);
  template <typename OpTy>
  AffineExpr affineExtremum(OpTy op, Symbol::Kind kind);
  AffineExpr truncDiv(AffineExpr a, AffineExpr b);
  // Elements by op; null ones (or no answer) are what the op does not tell.
  std::optional<Elements> computeElements(Value tensor, ArrayRef<int64_t> shape);
  std::optional<Elements> moveElements(Operation *op, ArrayRef<int64_t> shape);
  std::optional<Elements> reduceElements(Operation *op, ArrayRef<int64_t> shape);
  std::optional<Elements> elementwise(Operation *op, ArrayRef<int64_t> shape);
  AffineExpr combine(Operation *op, ArrayRef<AffineExpr> operands);
  AffineExpr truth(std::optional<bool> value) { return value ? constant(*value) : AffineExpr(); }

  std::vector<Symbol> symbols;
  std::map<std::tuple<int, const void *, int64_t, const void *, const void *>, unsigned> symbolIds;
  llvm::DenseMap<Value, Dims> dimsOf;
  llvm::DenseMap<Value, AffineExpr> indexOf;
  llvm::DenseMap<Value, std::optional<Elements>> elementsOf;
  llvm::DenseMap<AffineExpr, AffineExpr> normalOf;
  // Entry dims come first among the symbols; by argument and axis.
  unsigned entryCount = 0;
  bool isTightened = false;
  llvm::DenseMap<std::pair<Value, int64_t>, AffineExpr> entryDims;
};

} // namespace mlir::ds
