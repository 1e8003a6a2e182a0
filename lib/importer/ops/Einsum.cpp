// Einsum: operands are joined from left to right, each pair as one matrix product.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A tensor whose axes are named by letters. "..." has become upper-case letters that the equation does not use.
struct Term {
  Value value;
  std::string axes;
};

bool contains(StringRef axes, char c) { return axes.contains(c); }

// The equation with blanks removed and ellipses replaced, one string per operand, then the result.
struct Equation {
  SmallVector<std::string> operands;
  std::string result;
};

FailureOr<Equation> parseEquation(Node &n, ArrayRef<Value> values) {
  std::string text = n.s("equation", "");
  llvm::erase(text, ' ');
  auto [left, right] = StringRef(text).split("->");
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != values.size())
    return n.error() << "the equation has " << parts.size() << " terms for " << values.size() << " operands";
  // Letters for ellipses, aligned at their last axis.
  std::string spare;
  for (char c = 1; c < 32; ++c)
    spare.push_back(c);
  size_t longest = 0;
  auto expand = [&](StringRef part, size_t hidden) {
    auto [head, tail] = part.split("...");
    return part.contains("...") ? (head + spare.substr(spare.size() - hidden) + tail).str() : part.str();
  };
  Equation equation;
  for (auto [part, value] : llvm::zip_equal(parts, values)) {
    int64_t letters = part.size() - (part.contains("...") ? 3 : 0), hidden = n.rank(value) - letters;
    if (hidden < 0 || (hidden > 0 && !part.contains("...")) || hidden >= static_cast<int64_t>(spare.size()))
      return n.error() << "the term '" << part << "' does not fit rank " << n.rank(value);
    longest = std::max<size_t>(longest, hidden);
    equation.operands.push_back(expand(part, hidden));
  }
  if (StringRef(text).contains("->")) {
    equation.result = expand(right, longest);
    return equation;
  }
  // Without a result: the ellipsis, then every letter that occurs once, sorted.
  std::string all = left.str();
  equation.result = spare.substr(spare.size() - longest);
  for (char c = 'A'; c <= 'z'; ++c)
    if (isalpha(c) && llvm::count(all, c) == 1)
      equation.result.push_back(c);
  return equation;
}

// Sums over the axes that neither the result nor other terms need.
Term dropAxes(Node &n, Term t, StringRef needed) {
  SmallVector<int64_t> axes;
  std::string kept;
  for (auto [i, c] : llvm::enumerate(t.axes)) {
    if (contains(needed, c))
      kept.push_back(c);
    else
      axes.push_back(i);
  }
  if (!axes.empty())
    t = {n.reduce(ReduceKind::sum, t.value, axes, false), kept};
  return t;
}

// The diagonal of axes with one letter: what lies off it becomes zero, then one of the axes is summed away.
Term diagonal(Node &n, Term t) {
  for (size_t i = 0; i < t.axes.size(); ++i) {
    size_t j = t.axes.find(t.axes[i], i + 1);
    if (j == std::string::npos)
      continue;
    int64_t rank = t.axes.size();
    Type type = t.value ? getElementTypeOrSelf(t.value.getType()) : n.f32();
    Value rows = n.unsqueezeTo(n.iota(n.dim(t.value, i), n.i64()), 0, rank - i);
    Value columns = n.unsqueezeTo(n.iota(n.dim(t.value, j), n.i64()), 0, rank - j);
    Value onDiagonal = n.make<EqualOp>(n.i1(), rows, columns);
    Value masked = n.make<SelectOp>(type, onDiagonal, t.value, n.scalar(type, 0));
    t.value = n.reduce(ReduceKind::sum, masked, {static_cast<int64_t>(j)}, false);
    t.axes.erase(j, 1);
    --i;
  }
  return t;
}

Value arrange(Node &n, const Term &t, StringRef order) {
  SmallVector<int64_t> permutation;
  for (char c : order)
    permutation.push_back(t.axes.find(c));
  return n.transpose(t.value, permutation);
}

// [batch, rows, inner] x [batch, inner, columns]; rows, inner and columns are products of axes.
Term joinPair(Node &n, Term a, Term b, StringRef needed) {
  std::string both = needed.str();
  a = dropAxes(n, a, both + b.axes);
  b = dropAxes(n, b, both + a.axes);
  std::string batch, inner, rows, columns;
  for (char c : a.axes)
    (contains(b.axes, c) ? (contains(needed, c) ? batch : inner) : rows).push_back(c);
  for (char c : b.axes)
    if (!contains(a.axes, c))
      columns.push_back(c);
  auto sizesOf = [&](const Term &t, StringRef letters) {
    return llvm::map_to_vector(letters, [&](char c) { return n.dim(t.value, t.axes.find(c)); });
  };
  auto matrix = [&](const Term &t, StringRef left, StringRef right) {
    SmallVector<AffineExpr> sizes = sizesOf(t, batch);
    AffineExpr l = n.shapes.product(sizesOf(t, left)), r = n.shapes.product(sizesOf(t, right));
    if (!l || !r)
      return Value();
    sizes.append({l, r});
    return n.reshape(arrange(n, t, (batch + left + right).str()), sizes);
  };
  Value product = n.same<MatmulOp>(matrix(a, rows, inner), matrix(b, inner, columns), UnitAttr(), UnitAttr());
  Dims sizes(n.dims(product));
  if (sizes.size() < 2)
    return {};
  sizes.truncate(sizes.size() - 2);
  sizes.append(sizesOf(a, rows));
  sizes.append(sizesOf(b, columns));
  return {n.reshape(product, sizes), batch + rows + columns};
}

LogicalResult importEinsum(Node &n) {
  SmallVector<Value> values = n.ins();
  if (n.isFailed || values.empty())
    return failure();
  FailureOr<Equation> equation = parseEquation(n, values);
  if (failed(equation))
    return failure();
  for (char c : equation->result)
    if (llvm::none_of(equation->operands, [&](StringRef axes) { return contains(axes, c); }) || llvm::count(equation->result, c) != 1)
      return n.error() << "the result of the equation has a letter that its terms do not have, or twice";
  Term result;
  for (auto [i, value] : llvm::enumerate(values)) {
    std::string needed = equation->result;
    for (StringRef later : ArrayRef(equation->operands).drop_front(i + 1))
      needed += later;
    Term term = diagonal(n, {value, equation->operands[i]});
    result = i == 0 ? term : joinPair(n, result, term, needed);
    if (!result.value)
      return failure();
    result = dropAxes(n, result, needed);
  }
  return n.result(arrange(n, result, equation->result));
}

const OpEntry kOps[] = {{"Einsum", 1, importEinsum}};
} // namespace

ArrayRef<OpEntry> mlir::ds::einsumOps() { return kOps; }
