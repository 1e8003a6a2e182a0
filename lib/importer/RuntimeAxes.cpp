// An axis of size n that may be reduced is seen as [n, 1] or [1, n]; the second part is reduced always.
#include "lib/importer/RuntimeAxes.h"

using namespace mlir;
using namespace mlir::ds;

static Value isEqual(Node &n, Value a, AffineExpr b) {
  return n.b.createOrFold<arith::CmpIOp>(n.loc, arith::CmpIPredicate::eq, a, n.shapes.value(b, n.loc));
}

static AffineExpr select(Node &n, Value flag, AffineExpr a, AffineExpr b) {
  Value v = n.b.createOrFold<arith::SelectOp>(n.loc, flag, n.shapes.value(a, n.loc), n.shapes.value(b, n.loc));
  return n.shapes.symbol(v, n.shapes.isNonNegative(a) && n.shapes.isNonNegative(b));
}

FailureOr<RuntimeAxes> mlir::ds::runtimeAxes(Node &n, unsigned input, int64_t rank) {
  RuntimeAxes result;
  SmallVector<AffineExpr> given;
  if (n.hasAttr("axes")) {
    given = llvm::map_to_vector(n.ints("axes"), [&](int64_t a) { return n.shapes.constant(a); });
  } else if (n.has(input)) {
    auto sizes = n.sizes(input);
    if (failed(sizes))
      return failure();
    given = *sizes;
  }
  result.count = given.size();
  if (llvm::all_of(given, [](AffineExpr e) { return constantOf(e).has_value(); })) {
    auto axes = n.axes(llvm::map_to_vector(given, [](AffineExpr e) { return *constantOf(e); }), rank);
    if (failed(axes))
      return failure();
    result.fixed = *axes;
    llvm::sort(result.fixed);
    return result;
  }
  if (result.count > rank)
    return n.error() << result.count << " axes for rank " << rank;
  for (int64_t axis = 0; axis < rank; ++axis) {
    Value flag;
    for (AffineExpr e : given)
      for (int64_t name : {axis, axis - rank}) {
        Value same = isEqual(n, n.shapes.value(e, n.loc), n.shapes.constant(name));
        flag = flag ? n.b.createOrFold<arith::OrIOp>(n.loc, flag, same) : same;
      }
    result.flags.push_back(flag);
  }
  return result;
}

// How many axes before each are not flagged.
static SmallVector<AffineExpr> positions(Node &n, ArrayRef<Value> flags) {
  AffineExpr before = n.shapes.constant(0);
  SmallVector<AffineExpr> result;
  for (Value flag : flags) {
    result.push_back(before);
    before = before + select(n, flag, n.shapes.constant(0), n.shapes.constant(1));
  }
  return result;
}

SmallVector<AffineExpr> mlir::ds::withoutAxes(Node &n, ArrayRef<AffineExpr> dims, const RuntimeAxes &axes) {
  SmallVector<AffineExpr> result;
  if (axes.flags.empty()) {
    for (auto [i, dim] : llvm::enumerate(dims))
      if (!llvm::is_contained(axes.fixed, static_cast<int64_t>(i)))
        result.push_back(dim);
    return result;
  }
  SmallVector<AffineExpr> places = positions(n, axes.flags);
  for (int64_t j = 0; j < static_cast<int64_t>(dims.size()) - axes.count; ++j) {
    AffineExpr size = n.shapes.constant(1);
    // From the last axis on, so that the first one at this place that is kept wins.
    for (size_t i = dims.size(); i-- > 0;)
      size = select(n, isEqual(n, n.shapes.value(places[i], n.loc), n.shapes.constant(j)), select(n, axes.flags[i], size, dims[i]), size);
    result.push_back(size);
  }
  return result;
}

SmallVector<AffineExpr> mlir::ds::withOnes(Node &n, ArrayRef<AffineExpr> dims, const RuntimeAxes &axes) {
  SmallVector<AffineExpr> result;
  int64_t rank = dims.size() + axes.count;
  if (axes.flags.empty()) {
    for (int64_t axis = 0, next = 0; axis < rank; ++axis)
      result.push_back(llvm::is_contained(axes.fixed, axis) ? n.shapes.constant(1) : dims[next++]);
    return result;
  }
  SmallVector<AffineExpr> places = positions(n, axes.flags);
  for (int64_t axis = 0; axis < rank; ++axis) {
    AffineExpr size = n.shapes.constant(1);
    for (auto [i, dim] : llvm::enumerate(dims))
      size = select(n, isEqual(n, n.shapes.value(places[axis], n.loc), n.shapes.constant(i)), dim, size);
    result.push_back(select(n, axes.flags[axis], n.shapes.constant(1), size));
  }
  return result;
}

Value mlir::ds::reduceAlong(Node &n, ReduceKind kind, Value x, const RuntimeAxes &axes, AffineExpr *count) {
  if (!x)
    return {};
  Dims d = n.dims(x);
  SmallVector<AffineExpr> taken, split;
  if (axes.flags.empty()) {
    for (int64_t axis : axes.fixed)
      taken.push_back(d[axis]);
  } else {
    SmallVector<int64_t> odd;
    for (auto [dim, flag] : llvm::zip_equal(d, axes.flags)) {
      AffineExpr one = n.shapes.constant(1), inside = select(n, flag, dim, one);
      split.append({select(n, flag, one, dim), inside});
      taken.push_back(inside);
      odd.push_back(split.size() - 1);
    }
    x = n.reduce(kind, n.reshape(x, split), odd, false);
  }
  if (count && !(*count = n.shapes.product(taken)))
    return n.error() << "the number of elements overflows 64 bits", Value();
  return axes.flags.empty() ? n.reduce(kind, x, axes.fixed, true) : x;
}
