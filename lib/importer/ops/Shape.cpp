// Operators that move elements.
#include "lib/importer/RuntimeAxes.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
LogicalResult reshapeTo(Node &n, SmallVector<AffineExpr> sizes, bool allowZero) {
  Value x = n.in(0);
  Dims from = n.dims(x);
  int64_t inferred = -1;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    auto c = constantOf(size);
    if (c == 0 && !allowZero) {
      if (i >= from.size())
        return n.error() << "size 0 of axis " << i << " asks for an operand axis that does not exist";
      size = from[i];
    } else if (c == -1) {
      if (inferred >= 0)
        return n.error() << "two sizes are -1";
      inferred = i;
    } else if (c && *c < 0) {
      return n.error() << "size " << *c << " is negative";
    }
  }
  if (inferred >= 0) {
    SmallVector<AffineExpr> others(sizes);
    others.erase(others.begin() + inferred);
    sizes[inferred] = n.shapes.quotient(from, others);
    if (!sizes[inferred])
      return n.error() << "the size for -1 cannot be computed";
  }
  return n.result(n.reshape(x, sizes));
}

// A size that only run time knows may still be 0 or -1.
FailureOr<SmallVector<AffineExpr>> resolveSizes(Node &n, ArrayRef<AffineExpr> sizes, bool allowZero) {
  Dims from = n.dims(n.in(0));
  SmallVector<AffineExpr> result(sizes);
  SmallVector<unsigned> maybe;
  for (auto [i, size] : llvm::enumerate(sizes))
    if (!n.shapes.isNonNegative(size) && !constantOf(size))
      maybe.push_back(i);
  if (maybe.empty())
    return result;
  auto select = [&](AffineExpr size, int64_t special, AffineExpr instead) {
    Value v = n.shapes.value(size, n.loc);
    Value is = arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::eq, v, n.shapes.value(n.shapes.constant(special), n.loc));
    return n.shapes.symbol(arith::SelectOp::create(n.b, n.loc, is, n.shapes.value(instead, n.loc), v), true);
  };
  for (unsigned i : maybe)
    if (!allowZero && i < from.size())
      result[i] = select(result[i], 0, from[i]);
  if (llvm::any_of(sizes, [](AffineExpr s) { return constantOf(s) == -1; }))
    return result;
  // The product of all sizes is minus the product of the others, if one of them is -1.
  for (unsigned i : maybe) {
    SmallVector<AffineExpr> others(result);
    others.erase(others.begin() + i);
    AffineExpr size = n.shapes.quotient(from, others);
    if (size)
      result[i] = select(result[i], -1, size);
  }
  return result;
}

LogicalResult importReshape(Node &n) {
  FailureOr<SmallVector<AffineExpr>> sizes = n.sizes(1);
  if (failed(sizes))
    return failure();
  bool allowZero = n.i("allowzero", 0) != 0;
  sizes = resolveSizes(n, *sizes, allowZero);
  return failed(sizes) ? failure() : reshapeTo(n, *sizes, allowZero);
}
LogicalResult importReshapeAttr(Node &n) {
  return reshapeTo(n, llvm::map_to_vector(n.ints("shape"), [&](int64_t s) { return n.shapes.constant(s); }), false);
}

LogicalResult importTranspose(Node &n) {
  Value x = n.in(0);
  SmallVector<int64_t> permutation = n.ints("perm");
  if (permutation.empty())
    for (int64_t axis = n.rank(x) - 1; axis >= 0; --axis)
      permutation.push_back(axis);
  return n.result(n.transpose(x, permutation));
}

LogicalResult importFlatten(Node &n) {
  Value x = n.in(0);
  int64_t axis = n.i("axis", 1), rank = n.rank(x);
  if (axis < -rank || axis > rank)
    return n.error() << "axis " << axis << " is out of range for rank " << rank;
  Dims d = n.dims(x);
  ArrayRef<AffineExpr> all(d);
  axis = axis < 0 ? axis + rank : axis;
  AffineExpr before = n.shapes.product(all.take_front(axis)), behind = n.shapes.product(all.drop_front(axis));
  if (!before || !behind)
    return n.error() << "the number of elements overflows 64 bits";
  return n.result(n.reshape(x, {before, behind}));
}

LogicalResult importSqueeze(Node &n) {
  Value x = n.in(0);
  Dims d = n.dims(x);
  auto axes = runtimeAxes(n, 1, n.rank(x));
  if (failed(axes))
    return failure();
  if (axes->count == 0)
    for (auto [i, dim] : llvm::enumerate(d))
      if (constantOf(dim) == 1)
        axes->fixed.push_back(i);
  for (int64_t axis : axes->fixed)
    if (constantOf(d[axis]).value_or(1) != 1)
      return n.error() << "axis " << axis << " of size " << *constantOf(d[axis]) << " cannot be squeezed";
  return n.result(n.reshape(x, withoutAxes(n, d, *axes)));
}

LogicalResult importUnsqueeze(Node &n) {
  Value x = n.in(0);
  // The axes count in the result, whose rank needs their number.
  auto given = n.hasAttr("axes") ? FailureOr<SmallVector<AffineExpr>>(SmallVector<AffineExpr>(n.ints("axes").size())) : n.sizes(1);
  auto axes = failed(given) ? FailureOr<RuntimeAxes>(failure()) : runtimeAxes(n, 1, n.rank(x) + given->size());
  return failed(axes) ? failure() : n.result(n.reshape(x, withOnes(n, n.dims(x), *axes)));
}

LogicalResult importConcat(Node &n) {
  SmallVector<Value> values = n.ins();
  if (n.isFailed || values.empty())
    return failure();
  FailureOr<int64_t> axis = n.axis(n.i("axis", 1), n.rank(values.front()));
  return failed(axis) ? failure() : n.result(n.concat(values, *axis));
}

LogicalResult importSplit(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", 0), n.rank(x));
  if (failed(axis))
    return failure();
  AffineExpr whole = n.dim(x, *axis);
  SmallVector<AffineExpr> sizes;
  if (n.hasAttr("split")) {
    sizes = llvm::map_to_vector(n.ints("split"), [&](int64_t s) { return n.shapes.constant(s); });
  } else if (n.has(1)) {
    auto given = n.sizes(1);
    if (failed(given))
      return failure();
    sizes = *given;
  } else {
    // Equal parts, the last one smaller.
    int64_t parts = n.numOutputs();
    AffineExpr part = whole.ceilDiv(parts);
    sizes.assign(parts - 1, part);
    sizes.push_back(whole - part * (parts - 1));
  }
  if (sizes.size() < n.numOutputs())
    return n.error() << sizes.size() << " sizes for " << n.numOutputs() << " outputs";
  AffineExpr offset = n.shapes.constant(0);
  for (unsigned i = 0; i < n.numOutputs(); ++i) {
    if (n.wants(i) && failed(n.result(n.sliceAxis(x, *axis, offset, sizes[i]), i)))
      return failure();
    offset = offset + sizes[i];
  }
  return success();
}

LogicalResult importExpand(Node &n) {
  auto sizes = n.sizes(1);
  if (failed(sizes))
    return failure();
  Value x = n.in(0);
  // The target broadcasts with the operand, as in NumPy.
  Dims from = n.dims(x), to(*sizes);
  if (to.size() < from.size())
    to.insert(to.begin(), from.size() - to.size(), n.shapes.constant(1));
  for (size_t i = 0; i < from.size(); ++i) {
    AffineExpr &target = to[to.size() - from.size() + i];
    if (constantOf(target) == 1)
      target = from[i];
    else if (!constantOf(target) && constantOf(from[i]) && constantOf(from[i]) != 1)
      target = from[i];
    else if (!constantOf(from[i]) && !constantOf(target) && from[i] != target)
      target = n.shapes.max(target, from[i], n.loc);
  }
  return n.result(n.broadcast(x, to));
}

// [a, b] -> [1, a, 1, b] -> [r, a, s, b] -> [r * a, s * b]
LogicalResult importTile(Node &n) {
  auto repeats = n.sizes(1);
  Value x = n.in(0);
  Dims from = n.dims(x);
  if (failed(repeats) || n.isFailed)
    return failure();
  if (repeats->size() != from.size())
    return n.error() << repeats->size() << " repeats for rank " << from.size();
  SmallVector<AffineExpr> spread, tiled, merged;
  for (auto [dim, repeat] : llvm::zip_equal(from, *repeats)) {
    spread.append({n.shapes.constant(1), dim});
    tiled.append({repeat, dim});
    merged.push_back(dim * repeat);
  }
  return n.result(n.reshape(n.broadcast(n.reshape(x, spread), tiled), merged));
}

// [N, C * b * b, H, W] <-> [N, C, H * b, W * b]
LogicalResult importDepthToSpace(Node &n) {
  Value x = n.in(0);
  int64_t block = n.i("blocksize", 0);
  Dims d = n.dims(x);
  if (d.size() != 4 || block <= 0 || block > INT16_MAX)
    return n.error() << "needs four axes and a positive blocksize";
  AffineExpr c = n.shapes.quotient(d[1], n.shapes.constant(block * block)), k = n.shapes.constant(block);
  bool columns = n.s("mode", "DCR") == "CRD";
  Value split = columns ? n.reshape(x, {d[0], c, k, k, d[2], d[3]}) : n.reshape(x, {d[0], k, k, c, d[2], d[3]});
  Value moved = n.transpose(split, columns ? ArrayRef<int64_t>{0, 1, 4, 2, 5, 3} : ArrayRef<int64_t>{0, 3, 4, 1, 5, 2});
  return n.result(n.reshape(moved, {d[0], c, d[2] * block, d[3] * block}));
}
LogicalResult importSpaceToDepth(Node &n) {
  Value x = n.in(0);
  int64_t block = n.i("blocksize", 0);
  Dims d = n.dims(x);
  if (d.size() != 4 || block <= 0 || block > INT16_MAX)
    return n.error() << "needs four axes and a positive blocksize";
  AffineExpr k = n.shapes.constant(block), h = n.shapes.quotient(d[2], k), w = n.shapes.quotient(d[3], k);
  bool columns = n.s("mode", "DCR") == "CRD";
  Value moved = n.transpose(n.reshape(x, {d[0], d[1], h, k, w, k}),
                            columns ? ArrayRef<int64_t>{0, 1, 3, 5, 2, 4} : ArrayRef<int64_t>{0, 3, 5, 1, 2, 4});
  return n.result(n.reshape(moved, {d[0], d[1] * (block * block), h, w}));
}

const OpEntry kOps[] = {
    {"Concat", 1, importConcat},
    {"DepthToSpace", 1, importDepthToSpace},
    {"Expand", 1, importExpand},
    {"Flatten", 1, importFlatten},
    {"Reshape", 1, importReshapeAttr},
    {"Reshape", 5, importReshape},
    {"SpaceToDepth", 1, importSpaceToDepth},
    {"Split", 1, importSplit},
    {"Squeeze", 1, importSqueeze},
    {"Tile", 6, importTile},
    {"Transpose", 1, importTranspose},
    {"Unsqueeze", 1, importUnsqueeze},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::shapeOps() { return kOps; }
