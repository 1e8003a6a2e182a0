// Where the elements of a tensor come from: two spellings of moving and counting are the same if they give the same
// elements.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"
#include "lib/analysis/WeightData.h"

namespace mlir::ds {

// Element `at` of a value that no movement made: an argument, a constant, a matmul, ...
struct Element {
  Value base;
  SmallVector<Polynomial> at;
};

// Elements at symbolic positions. Positions and integers are polynomials over atoms (variables, and elements of integer
// tensors about which nothing more is known); equal polynomials are equal numbers. Claims hold for elements that exist:
// nothing is said about sizes. Answers stay valid while ops are added.
class Provenance {
public:
  Provenance(SymbolicShapes &shapes, WeightData &data) : shapes(shapes), data(data) {}

  // A new position, of which only the range is known.
  Polynomial variable(Interval range = {0, kMaxSize});
  // Any position along an axis, and any element.
  Polynomial along(Value tensor, int64_t axis);
  SmallVector<Polynomial> anywhere(Value tensor);
  // Values that `trace` does not look behind.
  void stopAt(Value v) { stops.insert(v); }
  // The element of `v` followed back through reshapes, transposes, broadcasts, slices, concatenations and gathers.
  Element trace(Value v, ArrayRef<Polynomial> at);
  // The element of operand `i` that an elementwise op's element at `at` is made of.
  std::optional<Element> operand(Operation *op, unsigned i, ArrayRef<Polynomial> at);
  // An element of an integer or bool tensor (bools: 0 or 1) as a number.
  Polynomial integer(Value v, ArrayRef<Polynomial> at);
  // Of an operand, as `operand`.
  std::optional<Polynomial> operandInteger(Operation *op, unsigned i, const Element &e);
  Polynomial index(Value v);
  Polynomial size(Value tensor, int64_t axis);

  Interval range(const Polynomial &p);
  // Whether the numbers are the same: also where one is written as what has only one value.
  bool equal(const Polynomial &a, const Polynomial &b) const;
  bool equal(ArrayRef<Polynomial> a, ArrayRef<Polynomial> b) const;
  // The element that `p` is, if it is a single one.
  std::optional<Element> elementOf(const Polynomial &p) const;
  // Whether both are the same element, perhaps of two views of a tensor.
  bool same(const Element &a, const Element &b);
  // The row-major position, if sizes behind a position that is not 0 are static.
  std::optional<Polynomial> linear(const Element &e);
  // The op whose result `v` is a sort, smallest first, of the whole of a vector (or the places that its elements had).
  TopKOp sortOf(Value v);
  // Whether the op's element e is how often e is among its indices.
  bool isCount(ScatterElementsOp op);

  static constexpr int64_t kMaxSize = INT32_MAX;

private:
  struct Atom {
    Element element; // no base: a variable
    Interval range;
  };
  using Number = std::optional<Polynomial>;
  using Position = ArrayRef<Polynomial>;

  Polynomial atom(const Element &element, std::optional<Interval> range = std::nullopt);
  Interval rangeOf(const Element &element);
  std::optional<Interval> rangeOfDifference(const Polynomial &p);
  std::optional<SmallVector<Polynomial>> operandPosition(Value operand, Value result, Position at);

  // One movement back, in place; false where there is none.
  bool step(Element &e);
  bool stepReshape(ReshapeOp op, Element &e);
  bool stepSlice(SliceOp op, Element &e);
  bool stepConcat(ConcatOp op, Element &e);
  bool stepGather(GatherOp op, Element &e);
  bool stepGatherNd(GatherNdOp op, Element &e);
  bool stepGatherElements(GatherElementsOp op, Element &e);
  Number position(Value indices, Position at);
  Number linear(ArrayRef<int64_t> shape, Position at);

  // What an op's element is as a number; nullopt: nothing more than that it is this element.
  Number compute(const Element &e);
  Number computeData(const Element &e);
  Number computeCast(CastOp op, const Element &e);
  Number computeArithmetic(Operation *op, const Element &e);
  Number computeExtremum(Operation *op, const Element &e);
  Number computeComparison(Operation *op, const Element &e);
  Number computeLogic(Operation *op, const Element &e);
  Number computeSelect(SelectOp op, const Element &e);
  Number computeInverse(const Element &e);
  bool isInverse(ScatterNdOp op, TopKOp sort);
  Number computeIndex(Operation *op);
  Number computeAffine(AffineExpr expr, ArrayRef<Polynomial> operands, unsigned dims);
  Number computeSize(Value tensor, int64_t axis);
  // Arithmetic in floats on an integer of small range, if it gives that integer back (torch.histc's bins).
  Number tabulate(const Element &e);
  Number integerBelow(const Element &e, unsigned depth);
  std::optional<double> evaluate(const Element &e, const Polynomial &integer, double value, unsigned depth);

  SymbolicShapes &shapes;
  WeightData &data;
  std::vector<Atom> atoms;
  llvm::DenseMap<Value, SmallVector<unsigned>> atomsOf;
  llvm::DenseMap<Value, Interval> rangeOfAny;
  llvm::DenseSet<Value> stops;
  unsigned depth = 0;
};

// Whether `to` is `from`, or the larger of `from` and something that is at most 1: then broadcasting repeats no element (and of none
// there are none).
bool isSameExtent(SymbolicShapes &shapes, AffineExpr from, AffineExpr to);
// q and r with p = divisor * q + r, if r is proved to be in [0, divisor).
std::optional<std::pair<Polynomial, Polynomial>> divide(Provenance &provenance, const Polynomial &p, int64_t divisor);

} // namespace mlir::ds
