// Where the matrices of experts lie in the weights that they are stacked from; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A strided part of `base`, in its elements.
struct View {
  Value base;
  int64_t offset = 0;
  SmallVector<int64_t> sizes, strides;
};
} // namespace

static bool hasKnownShape(Value value) { return cast<RankedTensorType>(value.getType()).hasStaticShape(); }

static View wholeOf(Value value) {
  View view{value, 0, SmallVector<int64_t>(cast<RankedTensorType>(value.getType()).getShape()), {}};
  int64_t stride = 1;
  view.strides.resize(view.sizes.size());
  for (size_t axis = view.sizes.size(); axis-- > 0; stride *= view.sizes[axis])
    view.strides[axis] = stride;
  return view;
}

static View permuted(const View &from, ArrayRef<int64_t> permutation) {
  View view{from.base, from.offset, {}, {}};
  for (int64_t axis : permutation) {
    view.sizes.push_back(from.sizes[axis]);
    view.strides.push_back(from.strides[axis]);
  }
  return view;
}

// A slice of known position; false where steps are backwards.
static bool slice(View &view, SliceOp op, unsigned firstAxis) {
  for (auto [axis, size] : llvm::enumerate(view.sizes)) {
    int64_t offset = op.getStaticOffsets()[firstAxis + axis], step = op.getStrides()[firstAxis + axis];
    if (ShapedType::isDynamic(offset) || step < 1)
      return false;
    view.offset += offset * view.strides[axis];
    view.strides[axis] *= step;
    size = op.getType().getDimSize(firstAxis + axis);
  }
  return true;
}

// Sizes that differ in ones alone.
static std::optional<View> reshaped(const View &from, ArrayRef<int64_t> sizes) {
  View view{from.base, from.offset, SmallVector<int64_t>(sizes), SmallVector<int64_t>(sizes.size(), 1)};
  size_t next = 0;
  for (auto [axis, size] : llvm::enumerate(sizes)) {
    while (next < from.sizes.size() && from.sizes[next] == 1 && size != 1)
      ++next;
    if (size == 1)
      continue;
    if (next == from.sizes.size() || from.sizes[next] != size)
      return std::nullopt;
    view.strides[axis] = from.strides[next++];
  }
  return view;
}

// The value as a part of the tensor that it was moved out of, or of itself.
static View viewOf(Value value) {
  Operation *op = value.getDefiningOp();
  auto known = [&]() { return hasKnownShape(op->getOperand(0)); };
  if (auto transpose = dyn_cast_or_null<TransposeOp>(op); transpose && known())
    return permuted(viewOf(transpose.getInput()), transpose.getPermutation());
  if (auto part = dyn_cast_or_null<SliceOp>(op); part && known()) {
    View view = viewOf(part.getInput());
    return slice(view, part, 0) ? view : wholeOf(value);
  }
  if (auto reshape = dyn_cast_or_null<ReshapeOp>(op); reshape && known()) {
    View from = viewOf(reshape.getInput());
    if (from.strides == wholeOf(reshape.getInput()).strides) {
      View view = wholeOf(value);
      view.base = from.base;
      view.offset = from.offset;
      return view;
    }
    return reshaped(from, reshape.getType().getShape()).value_or(wholeOf(value));
  }
  return wholeOf(value);
}

// The matrices of a value [E, K, N].
static SmallVector<View> matricesOf(Value value) {
  Operation *op = value.getDefiningOp();
  SmallVector<View> matrices;
  auto concat = dyn_cast_or_null<ConcatOp>(op);
  if (concat && concat.getAxis() == 0 && llvm::all_of(concat.getInputs(), hasKnownShape)) {
    for (Value part : concat.getInputs())
      llvm::append_range(matrices, matricesOf(part));
    return matrices;
  }
  auto transpose = dyn_cast_or_null<TransposeOp>(op);
  if (transpose && transpose.getPermutation()[0] == 0 && hasKnownShape(transpose.getInput())) {
    for (const View &view : matricesOf(transpose.getInput()))
      matrices.push_back(permuted(view, {transpose.getPermutation()[1] - 1, transpose.getPermutation()[2] - 1}));
    return matrices;
  }
  auto part = dyn_cast_or_null<SliceOp>(op);
  if (part && hasKnownShape(part.getInput()) && part.getStaticOffsets()[0] == 0 && part.getStrides()[0] == 1 &&
      part.getInput().getType().getDimSize(0) == part.getType().getDimSize(0)) {
    matrices = matricesOf(part.getInput());
    if (llvm::all_of(matrices, [&](View &view) { return slice(view, part, 1); }))
      return matrices;
    matrices.clear();
  }
  View all = viewOf(value);
  for (int64_t e = 0; e < all.sizes[0]; ++e)
    matrices.push_back({all.base, all.offset + e * all.strides[0], {all.sizes[1], all.sizes[2]}, {all.strides[1], all.strides[2]}});
  return matrices;
}

Value mlir::ds::packExperts(DsRewriter &r, ValueRange stacks) {
  auto shape = cast<RankedTensorType>(stacks[0].getType()).getShape();
  SmallVector<SmallVector<View>> views = llvm::map_to_vector(stacks, [](Value v) { return matricesOf(v); });
  llvm::SetVector<Value> bases;
  SmallVector<int64_t> sources, offsets, rows, columns;
  for (int64_t e = 0; e < shape[0]; ++e)
    for (ArrayRef<View> matrices : views) {
      const View &view = matrices[e];
      bases.insert(view.base);
      sources.push_back(llvm::find(bases, view.base) - bases.begin());
      offsets.push_back(view.offset);
      rows.push_back(view.strides[0]);
      columns.push_back(view.strides[1]);
    }
  int64_t panels = llvm::divideCeil(shape[2], dsk::kPanel) * stacks.size();
  auto type = RankedTensorType::get({shape[0], panels, shape[1], dsk::kPanel}, r.b.getF32Type());
  return dsk::PackPanelsOp::create(r.b, type, bases.getArrayRef(), shape[2], stacks.size() > 1, sources, offsets, rows, columns);
}
