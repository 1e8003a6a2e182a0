// Chains of reshapes and transposes in their shortest form, above slices and below matmuls where that frees them.
#include "passes/graph/MovementAtoms.h"
#include "passes/graph/Patterns.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
class MovementChains {
public:
  explicit MovementChains(func::FuncOp func) : func(func), shapes(func), dims(shapes, func), b(func.getContext()) {}

  bool run() {
    for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
      b.setInsertionPoint(&op);
      if (isMovement(&op))
        shorten(&op);
      else if (auto slice = dyn_cast<SliceOp>(op))
        raiseSlice(slice);
      else if (auto matmul = dyn_cast<MatmulOp>(op))
        sinkBelowMatmul(matmul);
    }
    return changed;
  }

private:
  struct Chain {
    Value source;
    SmallVector<Operation *> ops; // from the source on
  };

  static bool isMovement(Operation *op) { return op && isa<ReshapeOp, TransposeOp>(op); }

  // Up from `v`; a transpose that others use too would be done twice, so the chain starts below it.
  static Chain chainOf(Value v) {
    Chain chain{v, {}};
    while (isMovement(chain.source.getDefiningOp())) {
      Operation *op = chain.source.getDefiningOp();
      if (!chain.ops.empty() && isa<TransposeOp>(op) && !op->hasOneUse())
        break;
      chain.ops.push_back(op);
      chain.source = op->getOperand(0);
    }
    std::reverse(chain.ops.begin(), chain.ops.end());
    return chain;
  }

  // What the chain does; nullopt when a reshape's sizes do not split.
  std::optional<MovementAtoms> atomsOf(const Chain &chain) {
    MovementAtoms atoms(shapes, shapes.dims(chain.source));
    for (Operation *op : chain.ops)
      if (!atoms.apply(op))
        return std::nullopt;
    return atoms;
  }

  Location fused(const Chain &chain) {
    return FusedLoc::get(b.getContext(), llvm::map_to_vector(chain.ops, [](Operation *op) { return op->getLoc(); }));
  }

  void replace(Operation *op, Value by) {
    op->getResult(0).replaceAllUsesWith(by);
    changed = true;
  }

  // reshape(transpose(reshape(x))) and the like -> the fewest ops, when they are fewer
  void shorten(Operation *op) {
    Value v = op->getResult(0);
    if (v.use_empty() || llvm::all_of(v.getUsers(), isMovement))
      return;
    Chain chain = chainOf(v);
    auto atoms = chain.ops.size() < 2 ? std::nullopt : atomsOf(chain);
    if (!atoms)
      return;
    std::pair<unsigned, unsigned> old{llvm::count_if(chain.ops, [](Operation *o) { return isa<TransposeOp>(o); }), chain.ops.size()};
    if (atoms->cost() >= old)
      return;
    Value shorter = atoms->build(b, dims, fused(chain), chain.source);
    if (shorter && shorter.getType() == v.getType())
      replace(op, shorter);
  }

  bool isWhole(SliceOp slice, Dims &from, Dims &to, size_t axis) {
    return slice.getStaticOffsets()[axis] == 0 && slice.getStrides()[axis] == 1 && shapes.proveEqual(from[axis], to[axis]);
  }

  // slice(reshape(x)) -> reshape(slice(x)) and slice(transpose(x)) -> transpose(slice(x)), when one axis is cut, at a static place
  void raiseSlice(SliceOp slice) {
    Operation *moved = slice.getInput().getDefiningOp();
    // Where the whole is needed too, its parts come from it.
    if (!isMovement(moved) || !llvm::all_of(moved->getUsers(), [](Operation *user) { return isa<SliceOp>(user); }))
      return;
    Value x = moved->getOperand(0);
    Dims from = shapes.dims(slice.getInput()), to = shapes.dims(slice.getResult()), in = shapes.dims(x);
    int64_t cut = -1;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      if (isWhole(slice, from, to, axis))
        continue;
      if (cut >= 0 || slice.getStrides()[axis] != 1)
        return;
      cut = axis;
    }
    if (cut < 0 || ShapedType::isDynamic(slice.getStaticOffsets()[cut]) || ShapedType::isDynamic(slice.getStaticSizes()[cut]))
      return;
    MovementAtoms atoms(shapes, in);
    if (!atoms.apply(moved) || atoms.result[cut].empty())
      return;
    // The cut axis must be the outer part of one axis of x.
    const MovementAtoms::Axis &outer = atoms.result[cut];
    for (auto [axis, list] : llvm::enumerate(atoms.source)) {
      if (list.size() < outer.size() || !std::equal(outer.begin(), outer.end(), list.begin()))
        continue;
      auto inner = constantOf(atoms.size(MovementAtoms::Axis(list.begin() + outer.size(), list.end())));
      if (inner)
        sliceSource(slice, moved, x, in, axis, *inner, cut);
      return;
    }
  }

  void sliceSource(SliceOp slice, Operation *moved, Value x, Dims &in, int64_t axis, int64_t inner, int64_t cut) {
    Location loc = slice.getLoc();
    int64_t offset, size;
    if (llvm::MulOverflow(slice.getStaticOffsets()[cut], inner, offset) || llvm::MulOverflow(slice.getStaticSizes()[cut], inner, size))
      return;
    SmallVector<OpFoldResult> sizes = mixedSizesOf(loc, in);
    if (sizes.empty())
      return;
    sizes[axis] = b.getIndexAttr(size);
    SmallVector<Value> dynamic;
    SmallVector<int64_t> statics, offsets(in.size(), 0), strides(in.size(), 1);
    dispatchIndexOpFoldResults(sizes, dynamic, statics);
    offsets[axis] = offset;
    Value part = SliceOp::create(b, loc, RankedTensorType::get(statics, slice.getType().getElementType()), x, ValueRange(), dynamic,
                                 offsets, statics, strides);
    Value result;
    if (auto transpose = dyn_cast<TransposeOp>(moved)) {
      result = transposeBy(b, moved->getLoc(), part, transpose.getPermutation());
    } else {
      SmallVector<OpFoldResult> target = mixedSizesOf(loc, shapes.dims(slice.getResult()));
      result = target.empty() ? Value() : reshapeTo(b, moved->getLoc(), part, target);
    }
    if (result && result.getType() == slice.getType())
      replace(slice, result);
  }

  // Sizes as attributes and index values; empty when one cannot be computed.
  SmallVector<OpFoldResult> mixedSizesOf(Location loc, ArrayRef<AffineExpr> of) {
    SmallVector<OpFoldResult> sizes;
    for (AffineExpr dim : of) {
      auto constant = constantOf(shapes.normal(dim));
      Value dynamic = constant ? Value() : dims.build(loc, shapes.normal(dim));
      if (!constant && !dynamic)
        return {};
      sizes.push_back(constant ? OpFoldResult(b.getIndexAttr(*constant)) : OpFoldResult(dynamic));
    }
    return sizes;
  }

  // matmul(move(x), w) -> move(matmul(x, w)) for a matrix w, where rows are merged or change places: only the rows' places depend on it
  void sinkBelowMatmul(MatmulOp matmul) {
    Chain chain = chainOf(matmul.getLhs());
    if (matmul.getRhs().getType().getRank() != 2 || matmul.getTransposeA() || chain.ops.empty())
      return;
    auto atoms = atomsOf(chain);
    if (!atoms || atoms->result.back().empty())
      return;
    const MovementAtoms::Axis inner = atoms->result.back();
    SmallVector<MovementAtoms::Axis> rows, wanted(ArrayRef(atoms->result).drop_back());
    for (unsigned atom : atoms->sourceOrder())
      if (!llvm::is_contained(inner, atom))
        rows.push_back({atom});
    auto isUnit = [](const MovementAtoms::Axis &axis) { return axis.empty(); };
    SmallVector<MovementAtoms::Axis> dense(wanted);
    llvm::erase_if(dense, isUnit);
    if (rows.empty() || dense == rows)
      return;
    SmallVector<MovementAtoms::Axis> lhs(rows);
    lhs.push_back(inner);
    Value x = atoms->with(atoms->source, lhs).build(b, dims, fused(chain), chain.source);
    if (!x)
      return;
    SmallVector<int64_t> shape(cast<RankedTensorType>(x.getType()).getShape());
    shape.back() = matmul.getType().getShape().back();
    auto product = MatmulOp::create(b, matmul.getLoc(), RankedTensorType::get(shape, matmul.getType().getElementType()), x,
                                    matmul.getRhs(), false, matmul.getTransposeB());
    // The columns are one atom more, as large as the matrix has them.
    Dims productDims = shapes.dims(product);
    MovementAtoms back(shapes, productDims);
    SmallVector<MovementAtoms::Axis> named(back.source);
    llvm::DenseMap<unsigned, unsigned> atomOf;
    for (auto [row, axis] : llvm::zip(rows, named))
      if (!axis.empty())
        atomOf[row.front()] = axis.front();
    SmallVector<MovementAtoms::Axis> target;
    for (const MovementAtoms::Axis &axis : wanted)
      target.push_back(MovementAtoms::Axis(llvm::map_range(axis, [&](unsigned atom) { return atomOf[atom]; })));
    target.push_back(named.back());
    Value result = back.with(named, target).build(b, dims, fused(chain), product);
    if (result && result.getType() == matmul.getType())
      replace(matmul, result);
  }

  func::FuncOp func;
  SymbolicShapes shapes;
  DimBuilder dims;
  OpBuilder b;
  bool changed = false;
};
} // namespace

bool mlir::ds::simplifyMovementChains(Operation *root) {
  bool changed = false;
  root->walk([&](func::FuncOp func) {
    if (func.getBody().hasOneBlock())
      changed |= MovementChains(func).run();
  });
  return changed;
}
