// What each axis of a tensor is about: labels (tokens, slots, experts, features) followed backwards through the graph.
#pragma once
#include "lib/analysis/SymbolicShapes.h"

namespace mlir::ds::moe {

using Label = unsigned;
using LabelList = SmallVector<Label, 4>;

// A value and, per axis, the labels whose row-major product it is; an axis of size 1 has none, and neither has a value the labels
// that it does not depend on.
struct Labelled {
  Value value;
  SmallVector<LabelList> axes;
  LabelList flat() const;
};

class Grid {
public:
  explicit Grid(SymbolicShapes &shapes) : shapes(shapes) {}

  Label add(AffineExpr size);
  // Every axis of `v` gets a label of its own.
  Labelled fresh(Value v);
  AffineExpr size(Label label) const { return labels[label].size; }
  bool isOne(Label label) { return shapes.isOne(size(label)); }

  // The operand of reshape, transpose, broadcast or slice that `v` is the result of. Fails where labels would have to be split.
  FailureOr<Labelled> back(const Labelled &v);
  // As often as possible, until `stop` says so.
  Labelled through(Labelled v, llvm::function_ref<bool(const Labelled &)> stop);
  // An operand that broadcasts to `v`, the result of an elementwise op.
  FailureOr<Labelled> operand(const Labelled &v, Value operand);
  // Both operands of the product that `v` is, and the label that it sums over.
  struct Factors {
    Labelled lhs, rhs;
    Label inner;
  };
  FailureOr<Factors> product(const Labelled &v);

  // Where a slice was crossed: index i of `label` is index offset + i * stride of `whole`.
  struct Part {
    Label whole;
    int64_t offset = 0, stride = 1;
  };
  Part wholeOf(Label label) const;

private:
  struct Info {
    AffineExpr size;
    std::optional<Part> part;
  };
  std::optional<SmallVector<LabelList>> regroup(ArrayRef<Label> flat, ArrayRef<AffineExpr> dims);
  FailureOr<Labelled> slice(const Labelled &v, Operation *op);
  // Labels of an axis of `operand` that lines up with one of size `dim`.
  FailureOr<LabelList> aligned(const LabelList &labels, AffineExpr dim, AffineExpr operand);

  SymbolicShapes &shapes;
  SmallVector<Info> labels;
};

} // namespace mlir::ds::moe
