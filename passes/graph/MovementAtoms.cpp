// Reshapes and transposes as splits, permutations and merges of sizes.
#include "passes/graph/MovementAtoms.h"
#include "dialects/ds/ir/DsOps.h"
#include "passes/graph/Patterns.h"

using namespace mlir;
using namespace mlir::ds;

MovementAtoms::MovementAtoms(SymbolicShapes &shapes, ArrayRef<AffineExpr> dims) : shapes(shapes) {
  for (AffineExpr dim : dims) {
    source.emplace_back();
    if (shapes.isOne(dim))
      continue;
    source.back().push_back(sizes.size());
    sizes.push_back(shapes.normal(dim));
  }
  result = source;
}

MovementAtoms MovementAtoms::with(ArrayRef<Axis> from, ArrayRef<Axis> to) const {
  MovementAtoms other = *this;
  other.source.assign(from.begin(), from.end());
  other.result.assign(to.begin(), to.end());
  return other;
}

SmallVector<unsigned> MovementAtoms::flatten(ArrayRef<Axis> axes) {
  SmallVector<unsigned> order;
  for (const Axis &axis : axes)
    llvm::append_range(order, axis);
  return order;
}

AffineExpr MovementAtoms::size(const Axis &axis) const {
  AffineExpr product = shapes.constant(1);
  for (unsigned atom : axis)
    product = product * sizes[atom];
  return shapes.normal(product);
}

// a / b where it is exact, else null.
AffineExpr MovementAtoms::quotient(AffineExpr a, AffineExpr b) const {
  auto x = Polynomial::get(a), y = Polynomial::get(b);
  if (!x || !y || y->isZero())
    return nullptr;
  auto q = x->exactQuotient(*y);
  return q ? shapes.normal(q->toExpr(a.getContext())) : AffineExpr();
}

void MovementAtoms::transpose(ArrayRef<int64_t> permutation) {
  SmallVector<Axis> next;
  for (int64_t axis : permutation)
    next.push_back(result[axis]);
  result = std::move(next);
}

void MovementAtoms::split(unsigned atom, AffineExpr first, AffineExpr second) {
  unsigned rest = sizes.size();
  sizes[atom] = first;
  sizes.push_back(second);
  for (SmallVector<Axis> *axes : {&source, &result})
    for (Axis &axis : *axes)
      if (auto *it = llvm::find(axis, atom); it != axis.end())
        axis.insert(it + 1, rest);
}

bool MovementAtoms::reshape(ArrayRef<AffineExpr> dims) {
  SmallVector<Axis> next;
  size_t position = 0;
  for (AffineExpr dim : dims) {
    next.emplace_back();
    AffineExpr left = shapes.normal(dim);
    while (constantOf(left) != 1) {
      SmallVector<unsigned> order = resultOrder();
      if (position >= order.size())
        return false;
      unsigned atom = order[position];
      if (AffineExpr rest = quotient(left, sizes[atom])) {
        left = rest;
      } else if (AffineExpr rest = quotient(sizes[atom], left)) {
        split(atom, left, rest);
        left = shapes.constant(1);
      } else {
        return false;
      }
      next.back().push_back(atom);
      ++position;
    }
  }
  if (position != resultOrder().size())
    return false;
  result = std::move(next);
  return true;
}

bool MovementAtoms::apply(Operation *op) {
  if (auto transposeOp = dyn_cast<TransposeOp>(op)) {
    transpose(transposeOp.getPermutation());
    return true;
  }
  return isa<ReshapeOp>(op) && reshape(shapes.dims(op->getResult(0)));
}

// Whether each axis' atoms follow each other in `order`.
bool MovementAtoms::areContiguous(ArrayRef<Axis> axes, ArrayRef<unsigned> order) const {
  return llvm::all_of(axes, [&](const Axis &axis) {
    if (axis.empty())
      return true;
    const unsigned *first = llvm::find(order, axis.front());
    return static_cast<size_t>(order.end() - first) >= axis.size() && std::equal(axis.begin(), axis.end(), first);
  });
}

MovementAtoms::Form MovementAtoms::form() const {
  SmallVector<unsigned> from = sourceOrder(), to = resultOrder();
  if (from == to)
    return Form::reshape;
  if (areContiguous(result, from))
    return Form::reshapeTranspose;
  return areContiguous(source, to) ? Form::transposeReshape : Form::reshapeTransposeReshape;
}

// Axes in the order of their first atoms in `order`; those of size 1 stay behind the axis they follow.
static SmallVector<int64_t> sortedBy(ArrayRef<MovementAtoms::Axis> axes, ArrayRef<unsigned> order) {
  SmallVector<std::pair<int64_t, int64_t>> keys;
  int64_t key = -1;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (!axis.empty())
      key = llvm::find(order, axis.front()) - order.begin();
    keys.push_back({key, i});
  }
  llvm::sort(keys);
  return llvm::map_to_vector(keys, [](auto pair) { return pair.second; });
}

// Longest runs of atoms that follow each other in source and result, in the source's order.
SmallVector<MovementAtoms::Axis> MovementAtoms::commonRuns() const {
  SmallVector<unsigned> from = sourceOrder(), to = resultOrder();
  SmallVector<Axis> runs;
  for (unsigned atom : from) {
    const unsigned *at = llvm::find(to, atom);
    if (!runs.empty() && at != to.begin() && *(at - 1) == runs.back().back())
      runs.back().push_back(atom);
    else
      runs.push_back({atom});
  }
  return runs;
}

bool MovementAtoms::hasSizes(ArrayRef<Axis> a, ArrayRef<Axis> b) const {
  return a.size() == b.size() && llvm::all_of(llvm::zip_equal(a, b), [&](auto pair) {
    return shapes.proveEqual(size(std::get<0>(pair)), size(std::get<1>(pair)));
  });
}

std::pair<unsigned, unsigned> MovementAtoms::cost() const {
  auto inOrder = [](ArrayRef<Axis> axes, ArrayRef<int64_t> order) {
    return llvm::map_to_vector(order, [&](int64_t axis) { return axes[axis]; });
  };
  switch (form()) {
  case Form::reshape:
    return {0, hasSizes(source, result) ? 0 : 1};
  case Form::reshapeTranspose:
    return {1, hasSizes(source, inOrder(result, sortedBy(result, sourceOrder()))) ? 1 : 2};
  case Form::transposeReshape:
    return {1, hasSizes(inOrder(source, sortedBy(source, resultOrder())), result) ? 1 : 2};
  case Form::reshapeTransposeReshape:
    return {1, 3};
  }
}

Value MovementAtoms::reshapeTo(OpBuilder &b, DimBuilder &dims, Location loc, Value v, ArrayRef<Axis> axes) const {
  SmallVector<OpFoldResult> mixed;
  SmallVector<AffineExpr> target;
  for (const Axis &axis : axes) {
    target.push_back(size(axis));
    auto constant = constantOf(target.back());
    Value dynamic = constant ? Value() : dims.build(loc, target.back());
    if (!constant && !dynamic)
      return nullptr;
    mixed.push_back(constant ? OpFoldResult(b.getIndexAttr(*constant)) : OpFoldResult(dynamic));
  }
  Dims have = shapes.dims(v);
  if (have.size() == target.size() && shapes.proveEqual(ArrayRef<AffineExpr>(have), target))
    return v;
  return ds::reshapeTo(b, loc, v, mixed);
}

Value MovementAtoms::build(OpBuilder &b, DimBuilder &dims, Location loc, Value v) const {
  SmallVector<unsigned> from = sourceOrder(), to = resultOrder();
  if (form() == Form::reshape)
    return reshapeTo(b, dims, loc, v, result);
  if (form() == Form::reshapeTranspose) {
    SmallVector<int64_t> order = sortedBy(result, from);
    auto between = llvm::map_to_vector(order, [&](int64_t axis) { return result[axis]; });
    Value split = reshapeTo(b, dims, loc, v, between);
    return split ? transposeBy(b, loc, split, invertPermutationVector(order)) : Value();
  }
  if (form() == Form::transposeReshape)
    return reshapeTo(b, dims, loc, transposeBy(b, loc, v, sortedBy(source, to)), result);
  SmallVector<Axis> runs = commonRuns();
  Value split = reshapeTo(b, dims, loc, v, runs);
  return split ? reshapeTo(b, dims, loc, transposeBy(b, loc, split, sortedBy(runs, to)), result) : Value();
}
