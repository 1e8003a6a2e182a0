// A chain of reshapes and transposes as what it does: sizes of the source split into atoms, in another order, merged again.
#pragma once
#include "lib/analysis/DimBuilder.h"
#include "lib/analysis/SymbolicShapes.h"

namespace mlir::ds {

class MovementAtoms {
public:
  using Axis = SmallVector<unsigned, 4>;

  MovementAtoms(SymbolicShapes &shapes, ArrayRef<AffineExpr> dims);

  void transpose(ArrayRef<int64_t> permutation);
  // False when the sizes do not split, as far as is known.
  bool reshape(ArrayRef<AffineExpr> dims);
  // Any reshape or transpose.
  bool apply(Operation *op);

  // Axes of the source and of the result, as lists of atoms; an axis of size 1 has none.
  SmallVector<Axis> source, result;
  AffineExpr size(const Axis &axis) const;
  AffineExpr size(unsigned atom) const { return sizes[atom]; }
  SmallVector<unsigned> sourceOrder() const { return flatten(source); }
  SmallVector<unsigned> resultOrder() const { return flatten(result); }

  // The chain built anew on `v`, in the fewest ops: a reshape, a transpose before or behind one, or one between two.
  Value build(OpBuilder &b, DimBuilder &dims, Location loc, Value v) const;
  // How many transposes and how many ops in all `build` makes.
  std::pair<unsigned, unsigned> cost() const;
  // The same atoms with other axes.
  MovementAtoms with(ArrayRef<Axis> source, ArrayRef<Axis> result) const;

private:
  enum class Form { reshape, reshapeTranspose, transposeReshape, reshapeTransposeReshape };
  Form form() const;
  static SmallVector<unsigned> flatten(ArrayRef<Axis> axes);
  bool areContiguous(ArrayRef<Axis> axes, ArrayRef<unsigned> order) const;
  bool hasSizes(ArrayRef<Axis> a, ArrayRef<Axis> b) const;
  AffineExpr quotient(AffineExpr a, AffineExpr b) const;
  void split(unsigned atom, AffineExpr first, AffineExpr second);
  SmallVector<Axis> commonRuns() const;
  Value reshapeTo(OpBuilder &b, DimBuilder &dims, Location loc, Value v, ArrayRef<Axis> axes) const;

  SymbolicShapes &shapes;
  SmallVector<AffineExpr> sizes;
};

} // namespace mlir::ds
