// Shape arithmetic at import: operators on small integer tensors whose elements are known as expressions.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
using Folded = std::optional<Elements>;
using FoldFn = Folded (*)(Node &);
constexpr int64_t kMaxFolded = 128;

int64_t count(ArrayRef<int64_t> shape) {
  int64_t total = 1;
  for (int64_t size : shape)
    if (size < 0 || llvm::MulOverflow(total, size, total) || total > kMaxFolded)
      return -1;
  return total;
}

// Result element i is `x`'s element at index map(multi-index of i); `map` gives -1 to decline.
Folded pick(const Elements &x, ArrayRef<int64_t> shape, function_ref<int64_t(ArrayRef<int64_t>)> map) {
  int64_t total = count(shape);
  if (total < 0)
    return std::nullopt;
  Elements result{{}, llvm::to_vector(shape), x.type};
  SmallVector<int64_t> at(shape.size(), 0);
  for (int64_t i = 0; i < total; ++i) {
    int64_t from = map(at);
    if (from < 0 || from >= static_cast<int64_t>(x.values.size()))
      return std::nullopt;
    result.values.push_back(x.values[from]);
    for (size_t axis = shape.size(); axis-- > 0 && ++at[axis] == shape[axis];)
      at[axis] = 0;
  }
  return result;
}

int64_t linear(ArrayRef<int64_t> at, ArrayRef<int64_t> shape) {
  int64_t index = 0;
  for (auto [i, size] : llvm::zip_equal(at, shape))
    index = index * size + i;
  return index;
}

Folded reshaped(const Elements *x, ArrayRef<int64_t> shape) {
  if (!x || count(shape) != static_cast<int64_t>(x->values.size()))
    return std::nullopt;
  return Elements{x->values, llvm::to_vector(shape), x->type};
}

Folded foldReshape(Node &n) {
  const Elements *x = n.elements(0);
  auto shape = n.constInts(1);
  if (!x || !shape)
    return std::nullopt;
  int64_t known = 1, unknown = -1;
  for (auto [i, size] : llvm::enumerate(*shape)) {
    if (size == 0 && i < x->shape.size())
      size = x->shape[i];
    if (size == -1)
      unknown = i;
    else if (size < 0 || llvm::MulOverflow(known, size, known))
      return std::nullopt;
  }
  if (unknown >= 0 && known > 0)
    (*shape)[unknown] = static_cast<int64_t>(x->values.size()) / known;
  return reshaped(x, *shape);
}

std::optional<SmallVector<int64_t>> axesOf(Node &n) {
  return n.hasAttr("axes") ? std::optional(n.ints("axes")) : n.has(1) ? n.constInts(1) : std::optional(SmallVector<int64_t>());
}

Folded foldSqueeze(Node &n) {
  const Elements *x = n.elements(0);
  auto axes = axesOf(n);
  if (!x || !axes)
    return std::nullopt;
  int64_t rank = x->shape.size();
  SmallVector<int64_t> shape;
  for (auto [i, size] : llvm::enumerate(x->shape)) {
    int64_t axis = i;
    bool drop = axes->empty() ? size == 1 : llvm::is_contained(*axes, axis) || llvm::is_contained(*axes, axis - rank);
    if (!drop)
      shape.push_back(size);
  }
  return reshaped(x, shape);
}

Folded foldUnsqueeze(Node &n) {
  const Elements *x = n.elements(0);
  auto axes = axesOf(n);
  if (!x || !axes)
    return std::nullopt;
  int64_t rank = x->shape.size() + axes->size();
  SmallVector<int64_t> shape;
  for (int64_t axis = 0, next = 0; axis < rank; ++axis) {
    bool added = llvm::is_contained(*axes, axis) || llvm::is_contained(*axes, axis - rank);
    if (!added && next >= static_cast<int64_t>(x->shape.size()))
      return std::nullopt;
    shape.push_back(added ? 1 : x->shape[next++]);
  }
  return reshaped(x, shape);
}

Folded foldGather(Node &n) {
  const Elements *x = n.elements(0), *indices = n.elements(1);
  auto at = n.constInts(1);
  if (!x || !at || x->shape.size() != 1 || n.i("axis", 0) > 0 || n.i("axis", 0) < -1)
    return std::nullopt;
  int64_t size = x->shape[0];
  return pick(*x, indices->shape, [&](ArrayRef<int64_t> i) {
    int64_t k = (*at)[linear(i, indices->shape)];
    return k < 0 ? k + size : k;
  });
}

Folded foldTranspose(Node &n) {
  const Elements *x = n.elements(0);
  if (!x)
    return std::nullopt;
  SmallVector<int64_t> permutation = n.ints("perm");
  if (permutation.empty())
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x->shape.size())));
  if (permutation.size() != x->shape.size() || !isPermutationVector(permutation))
    return std::nullopt;
  auto shape = llvm::map_to_vector(permutation, [&](int64_t axis) { return x->shape[axis]; });
  return pick(*x, shape, [&](ArrayRef<int64_t> at) {
    SmallVector<int64_t> from(at.size());
    for (auto [i, axis] : llvm::enumerate(permutation))
      from[axis] = at[i];
    return linear(from, x->shape);
  });
}

Folded foldSlice(Node &n) {
  const Elements *x = n.elements(0);
  bool attrs = n.hasAttr("starts");
  auto starts = attrs ? std::optional(n.ints("starts")) : n.constInts(1), ends = attrs ? std::optional(n.ints("ends")) : n.constInts(2);
  auto axes = attrs ? std::optional(n.ints("axes")) : n.has(3) ? n.constInts(3) : std::optional(SmallVector<int64_t>());
  auto steps = n.has(4) ? n.constInts(4) : std::optional(SmallVector<int64_t>());
  if (!x || !starts || !ends || !axes || !steps || ends->size() != starts->size())
    return std::nullopt;
  if (axes->empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  if (steps->empty())
    steps->assign(starts->size(), 1);
  int64_t rank = x->shape.size();
  SmallVector<int64_t> first(rank, 0), step(rank, 1), shape = x->shape;
  if (axes->size() != starts->size() || steps->size() != starts->size())
    return std::nullopt;
  for (auto [i, a] : llvm::enumerate(*axes)) {
    int64_t axis = a < 0 ? a + rank : a, s = (*steps)[i];
    if (axis < 0 || axis >= rank || s == 0 || std::abs(static_cast<double>(s)) > 1e9)
      return std::nullopt;
    int64_t size = x->shape[axis], low = s < 0 ? -1 : 0, high = s < 0 ? size - 1 : size;
    auto place = [&](int64_t v) { return std::clamp(v < 0 ? v + size : v, low, high); };
    int64_t from = place((*starts)[i]), to = place((*ends)[i]);
    shape[axis] = std::max<int64_t>(0, s > 0 ? (to - from + s - 1) / s : (from - to - s - 1) / -s);
    first[axis] = from;
    step[axis] = s;
  }
  return pick(*x, shape, [&](ArrayRef<int64_t> at) {
    SmallVector<int64_t> from;
    for (auto [i, f, s] : llvm::zip_equal(at, first, step))
      from.push_back(f + i * s);
    return linear(from, x->shape);
  });
}

// Vectors, where at least one holds sizes; elements of the others are taken out of their tensors.
Folded foldConcat(Node &n) {
  bool any = false;
  for (unsigned i = 0; i < n.numInputs(); ++i)
    any |= n.elements(i) != nullptr;
  if (!any || n.i("axis", 0) > 0 || n.i("axis", 0) < -1)
    return std::nullopt;
  Elements result{{}, {0}, Type()};
  for (unsigned i = 0; i < n.numInputs(); ++i) {
    const Elements *e = n.elements(i);
    if (!e) {
      Value v = n.in(i);
      auto type = v ? cast<RankedTensorType>(v.getType()) : RankedTensorType();
      if (!type || !type.hasStaticShape() || type.getRank() != 1 || type.getNumElements() > 8 || !type.getElementType().isSignlessInteger() ||
          type.getElementType().isInteger(1) || failed(n.sizes(i)))
        return std::nullopt;
      e = n.elements(i);
    }
    if (e->shape.size() != 1 || (result.type && result.type != e->type))
      return std::nullopt;
    result.type = e->type;
    llvm::append_range(result.values, e->values);
  }
  result.shape[0] = result.values.size();
  return count(result.shape) < 0 ? std::nullopt : Folded(result);
}

Folded foldCast(Node &n) {
  const Elements *x = n.elements(0);
  Type type = elementTypeOf(static_cast<int>(n.i("to", 0)), n.ctx());
  if (!x || !type || !(type.isSignlessInteger(64) || type.isSignlessInteger(32) || type.isInteger(1)))
    return std::nullopt;
  Elements result{x->values, x->shape, type};
  if (!type.isInteger(1))
    return result;
  for (AffineExpr &v : result.values) {
    auto isZero = n.shapes.equal(v, n.shapes.constant(0));
    if (!isZero)
      return std::nullopt;
    v = n.shapes.constant(!*isZero);
  }
  return result;
}

// Elementwise, shapes equal or one operand of a single element.
template <typename F>
Folded zip(Node &n, Type type, F f) {
  const Elements *a = n.elements(0), *b = n.elements(1);
  if (!a || !b)
    return std::nullopt;
  bool spreadA = a->values.size() == 1 && a->shape.size() <= b->shape.size(), spreadB = b->values.size() == 1 && b->shape.size() <= a->shape.size();
  if (a->shape != b->shape && !spreadA && !spreadB)
    return std::nullopt;
  bool useB = a->shape != b->shape && !spreadB;
  Elements result{{}, useB ? b->shape : a->shape, type ? type : a->type};
  for (size_t i = 0, size = (useB ? b : a)->values.size(); i < size; ++i) {
    AffineExpr e = f(n, a->values[a->values.size() == 1 ? 0 : i], b->values[b->values.size() == 1 ? 0 : i]);
    if (!e)
      return std::nullopt;
    result.values.push_back(e);
  }
  return result;
}

template <AffineExpr (*f)(Node &, AffineExpr, AffineExpr)>
Folded arithmetic(Node &n) {
  return zip(n, Type(), f);
}
template <AffineExpr (*f)(Node &, AffineExpr, AffineExpr)>
Folded comparison(Node &n) {
  return zip(n, n.i1(), f);
}

AffineExpr add(Node &n, AffineExpr a, AffineExpr b) { return a + b; }
AffineExpr sub(Node &n, AffineExpr a, AffineExpr b) { return n.shapes.difference(a, b); }
AffineExpr mul(Node &n, AffineExpr a, AffineExpr b) { return a * b; }
// ONNX divides towards zero: the same as floor for what is not negative.
AffineExpr divide(Node &n, AffineExpr a, AffineExpr b) {
  auto x = constantOf(a), y = constantOf(b);
  if (x && y)
    return *y == 0 || (*y == -1 && *x == INT64_MIN) ? AffineExpr() : n.shapes.constant(*x / *y);
  return y && *y > 0 && n.shapes.isNonNegative(a) ? a.floorDiv(*y) : AffineExpr();
}
AffineExpr modulo(Node &n, AffineExpr a, AffineExpr b) {
  auto y = constantOf(b);
  return y && *y > 0 && (n.shapes.isNonNegative(a) || (constantOf(a) && !n.i("fmod", 0))) ? a % *y : AffineExpr();
}
AffineExpr maximum(Node &n, AffineExpr a, AffineExpr b) { return n.shapes.max(a, b, n.loc); }
AffineExpr minimum(Node &n, AffineExpr a, AffineExpr b) { return n.shapes.min(a, b, n.loc); }
AffineExpr truth(Node &n, std::optional<bool> known) { return known ? n.shapes.constant(*known) : AffineExpr(); }
AffineExpr equal(Node &n, AffineExpr a, AffineExpr b) { return truth(n, n.shapes.equal(a, b)); }
// a < b where the sign of the difference is certain.
std::optional<bool> isLess(Node &n, AffineExpr a, AffineExpr b) {
  if (n.shapes.isNonNegative(n.shapes.difference(b, a + 1)))
    return true;
  return n.shapes.isNonNegative(n.shapes.difference(a, b)) ? std::optional(false) : std::nullopt;
}
AffineExpr less(Node &n, AffineExpr a, AffineExpr b) { return truth(n, isLess(n, a, b)); }
AffineExpr greater(Node &n, AffineExpr a, AffineExpr b) { return truth(n, isLess(n, b, a)); }
AffineExpr lessEqual(Node &n, AffineExpr a, AffineExpr b) {
  auto no = isLess(n, b, a);
  return no ? truth(n, !*no) : AffineExpr();
}
AffineExpr greaterEqual(Node &n, AffineExpr a, AffineExpr b) { return lessEqual(n, b, a); }
AffineExpr both(Node &n, AffineExpr a, AffineExpr b) {
  auto x = constantOf(a), y = constantOf(b);
  return x && y ? n.shapes.constant(*x && *y) : AffineExpr();
}
AffineExpr either(Node &n, AffineExpr a, AffineExpr b) {
  auto x = constantOf(a), y = constantOf(b);
  return x && y ? n.shapes.constant(*x || *y) : AffineExpr();
}

Folded foldNeg(Node &n) {
  const Elements *x = n.elements(0);
  return x ? Folded(Elements{llvm::map_to_vector(x->values, [](AffineExpr e) { return -e; }), x->shape, x->type}) : std::nullopt;
}
Folded foldNot(Node &n) {
  auto x = n.constInts(0);
  if (!x)
    return std::nullopt;
  return Elements{llvm::map_to_vector(*x, [&](int64_t v) { return n.shapes.constant(!v); }), n.elements(0)->shape, n.i1()};
}

Folded foldWhere(Node &n) {
  auto condition = n.constInts(0);
  const Elements *a = n.elements(1), *b = n.elements(2);
  if (!condition || !a || !b)
    return std::nullopt;
  const Elements *longest = n.elements(0);
  for (const Elements *e : {a, b})
    if (e->values.size() > longest->values.size() || e->shape.size() > longest->shape.size())
      longest = e;
  size_t size = longest->values.size();
  auto fits = [&](size_t s, ArrayRef<int64_t> shape) { return s == 1 || shape == ArrayRef(longest->shape); };
  if (!fits(condition->size(), n.elements(0)->shape) || !fits(a->values.size(), a->shape) || !fits(b->values.size(), b->shape))
    return std::nullopt;
  Elements result{{}, longest->shape, a->type};
  for (size_t i = 0; i < size; ++i) {
    const Elements *from = (*condition)[condition->size() == 1 ? 0 : i] ? a : b;
    result.values.push_back(from->values[from->values.size() == 1 ? 0 : i]);
  }
  return result;
}

Folded foldConstantOfShape(Node &n) {
  auto shape = n.constInts(0);
  if (!shape || count(*shape) < 0 || !n.tensor("value"))
    return std::nullopt;
  DenseElementsAttr attr;
  Value v = n.tensorValue("value");
  if (!v || !matchPattern(v, m_Constant(&attr)) || !attr.getElementType().isSignlessInteger() || attr.getNumElements() != 1)
    return std::nullopt;
  APInt value = *attr.getValues<APInt>().begin();
  AffineExpr fill = n.shapes.constant(attr.getElementType().isInteger(1) ? value.getZExtValue() : value.getSExtValue());
  return Elements{SmallVector<AffineExpr>(count(*shape), fill), *shape, attr.getElementType()};
}

Folded foldReduceProd(Node &n) {
  const Elements *x = n.elements(0);
  auto axes = axesOf(n);
  if (!x || x->shape.size() > 1 || !axes)
    return std::nullopt;
  AffineExpr product = n.shapes.product(x->values);
  return product ? Folded(Elements{{product}, SmallVector<int64_t>(n.i("keepdims", 1) ? x->shape.size() : 0, 1), x->type}) : std::nullopt;
}

Folded foldExpand(Node &n) {
  const Elements *x = n.elements(0);
  auto shape = n.constInts(1);
  if (!x || !shape || x->values.size() != 1 || x->shape.size() > shape->size())
    return std::nullopt;
  return pick(*x, *shape, [](ArrayRef<int64_t>) { return 0; });
}

Folded foldRange(Node &n) {
  auto start = n.constInts(0), limit = n.constInts(1), delta = n.constInts(2);
  if (!start || !limit || !delta || start->size() != 1 || limit->size() != 1 || delta->size() != 1 || delta->front() == 0)
    return std::nullopt;
  Elements result{{}, {0}, n.elements(0)->type};
  for (int64_t v = start->front(); delta->front() > 0 ? v < limit->front() : v > limit->front();) {
    if (result.values.size() == kMaxFolded)
      return std::nullopt;
    result.values.push_back(n.shapes.constant(v));
    if (llvm::AddOverflow(v, delta->front(), v))
      break;
  }
  result.shape[0] = result.values.size();
  return result;
}

struct FoldEntry {
  const char *op;
  FoldFn fold;
};
const FoldEntry kFolds[] = {
    {"Add", arithmetic<add>},
    {"And", comparison<both>},
    {"Cast", foldCast},
    {"Concat", foldConcat},
    {"ConstantOfShape", foldConstantOfShape},
    {"Div", arithmetic<divide>},
    {"Equal", comparison<equal>},
    {"Expand", foldExpand},
    {"Gather", foldGather},
    {"Greater", comparison<greater>},
    {"GreaterOrEqual", comparison<greaterEqual>},
    {"Less", comparison<less>},
    {"LessOrEqual", comparison<lessEqual>},
    {"Max", arithmetic<maximum>},
    {"Min", arithmetic<minimum>},
    {"Mod", arithmetic<modulo>},
    {"Mul", arithmetic<mul>},
    {"Neg", foldNeg},
    {"Not", foldNot},
    {"Or", comparison<either>},
    {"Range", foldRange},
    {"ReduceProd", foldReduceProd},
    {"Reshape", foldReshape},
    {"Slice", foldSlice},
    {"Squeeze", foldSqueeze},
    {"Sub", arithmetic<sub>},
    {"Transpose", foldTranspose},
    {"Unsqueeze", foldUnsqueeze},
    {"Where", foldWhere},
};
} // namespace

std::optional<LogicalResult> mlir::ds::foldElements(Node &n, StringRef op) {
  const FoldEntry *entry = llvm::find_if(kFolds, [&](const FoldEntry &e) { return op == e.op; });
  if (entry == std::end(kFolds) || n.numInputs() == 0 || n.numInputs() > 8 || !n.has(0))
    return std::nullopt;
  // Narrow and unsigned integers would wrap differently.
  for (unsigned i = 0; i < n.numInputs(); ++i)
    if (const Elements *e = n.has(i) ? n.elements(i) : nullptr; e && !e->type.isSignlessInteger(64) && !e->type.isSignlessInteger(32) && !e->type.isInteger(1))
      return std::nullopt;
  Folded folded = entry->fold(n);
  if (n.isFailed)
    return failure();
  if (!folded)
    return std::nullopt;
  if (folded->type.isSignlessInteger(32))
    for (AffineExpr e : folded->values)
      if (auto c = constantOf(e); c && !llvm::isInt<32>(*c))
        return std::nullopt;
  return n.result(std::move(*folded));
}
