// Labels of axes, followed backwards: see Grid.h.
#include "passes/moe/Grid.h"
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

LabelList Labelled::flat() const {
  LabelList all;
  for (const LabelList &axis : axes)
    llvm::append_range(all, axis);
  return all;
}

Label Grid::add(AffineExpr size) {
  labels.push_back({shapes.normal(size), std::nullopt});
  return labels.size() - 1;
}

Labelled Grid::fresh(Value v) {
  Labelled result{v, {}};
  for (AffineExpr dim : shapes.dims(v)) {
    result.axes.emplace_back();
    if (!shapes.isOne(dim))
      result.axes.back().push_back(add(dim));
  }
  return result;
}

std::optional<SmallVector<LabelList>> Grid::regroup(ArrayRef<Label> flat, ArrayRef<AffineExpr> dims) {
  SmallVector<LabelList> axes;
  for (AffineExpr dim : dims) {
    axes.emplace_back();
    AffineExpr left = shapes.normal(dim);
    while (constantOf(left) != 1) {
      if (flat.empty())
        return std::nullopt;
      auto whole = Polynomial::get(left), part = Polynomial::get(size(flat.front()));
      auto rest = whole && part && !part->isZero() ? whole->exactQuotient(*part) : std::nullopt;
      if (!rest)
        return std::nullopt;
      left = shapes.normal(rest->toExpr(shapes.getContext()));
      axes.back().push_back(flat.front());
      flat = flat.drop_front();
    }
  }
  return flat.empty() ? std::optional(axes) : std::nullopt;
}

FailureOr<LabelList> Grid::aligned(const LabelList &labels, AffineExpr dim, AffineExpr operand) {
  if (shapes.proveEqual(dim, operand))
    return labels;
  if (!shapes.isOne(operand))
    return failure();
  return LabelList();
}

FailureOr<Labelled> Grid::operand(const Labelled &v, Value operand) {
  Dims to = shapes.dims(v.value), from = shapes.dims(operand);
  if (from.size() > to.size())
    return failure();
  size_t missing = to.size() - from.size();
  Labelled result{operand, {}};
  for (auto [axis, dim] : llvm::enumerate(from)) {
    FailureOr<LabelList> labels = aligned(v.axes[missing + axis], to[missing + axis], dim);
    if (failed(labels))
      return failure();
    result.axes.push_back(*labels);
  }
  return result;
}

// A slice keeps an axis, or takes equally spaced indices of one that has one label.
FailureOr<Labelled> Grid::slice(const Labelled &v, Operation *op) {
  auto slice = cast<SliceOp>(op);
  Dims to = shapes.dims(v.value), from = shapes.dims(slice.getInput());
  Labelled result{slice.getInput(), v.axes};
  for (size_t axis = 0; axis < from.size(); ++axis) {
    int64_t offset = slice.getStaticOffsets()[axis], stride = slice.getStrides()[axis];
    if (stride == 1 && shapes.proveEqual(to[axis], from[axis]))
      continue;
    if (ShapedType::isDynamic(offset) || stride < 1 || v.axes[axis].size() != 1)
      return failure();
    Label whole = add(from[axis]);
    labels[v.axes[axis][0]].part = Part{whole, offset, stride};
    result.axes[axis] = {whole};
  }
  return result;
}

FailureOr<Labelled> Grid::back(const Labelled &v) {
  Operation *op = v.value.getDefiningOp();
  if (auto reshape = dyn_cast_or_null<ReshapeOp>(op)) {
    auto axes = regroup(v.flat(), shapes.dims(reshape.getInput()));
    if (!axes)
      return failure();
    return Labelled{reshape.getInput(), *axes};
  }
  if (auto transpose = dyn_cast_or_null<TransposeOp>(op)) {
    Labelled result{transpose.getInput(), v.axes};
    for (auto [axis, from] : llvm::enumerate(transpose.getPermutation()))
      result.axes[from] = v.axes[axis];
    return result;
  }
  if (auto broadcast = dyn_cast_or_null<BroadcastOp>(op))
    return operand(v, broadcast.getInput());
  if (isa_and_nonnull<SliceOp>(op))
    return slice(v, op);
  return failure();
}

Labelled Grid::through(Labelled v, llvm::function_ref<bool(const Labelled &)> stop) {
  while (!stop(v)) {
    FailureOr<Labelled> inner = back(v);
    if (failed(inner))
      break;
    v = *inner;
  }
  return v;
}

FailureOr<Grid::Factors> Grid::product(const Labelled &v) {
  auto op = v.value.getDefiningOp<MatmulOp>();
  if (!op)
    return failure();
  Dims result = shapes.dims(v.value);
  size_t rank = result.size();
  Dims lhsDims = shapes.dims(op.getLhs());
  Factors factors{{op.getLhs(), {}}, {op.getRhs(), {}}, 0};
  factors.inner = add(lhsDims[lhsDims.size() - (op.getTransposeA() ? 2 : 1)]);
  bool isInnerOne = isOne(factors.inner);
  for (Labelled *side : {&factors.lhs, &factors.rhs}) {
    Dims dims = shapes.dims(side->value);
    size_t batches = dims.size() - 2;
    for (size_t axis = 0; axis < batches; ++axis) {
      size_t at = axis + rank - dims.size();
      FailureOr<LabelList> labels = aligned(v.axes[at], result[at], dims[axis]);
      if (failed(labels))
        return failure();
      side->axes.push_back(*labels);
    }
    bool isLhs = side == &factors.lhs;
    LabelList outer = v.axes[isLhs ? rank - 2 : rank - 1], inner;
    if (!isInnerOne)
      inner.push_back(factors.inner);
    bool isInnerLast = isLhs != (isLhs ? op.getTransposeA() : op.getTransposeB());
    side->axes.push_back(isInnerLast ? outer : inner);
    side->axes.push_back(isInnerLast ? inner : outer);
  }
  return factors;
}

Grid::Part Grid::wholeOf(Label label) const {
  Part part{label};
  while (auto next = labels[part.whole].part) {
    part.offset = next->offset + part.offset * next->stride;
    part.stride *= next->stride;
    part.whole = next->whole;
  }
  return part;
}
