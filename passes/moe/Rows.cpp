// Experts on routed rows: see Rows.h.
#include "passes/moe/Rows.h"
#include "passes/moe/Experts.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

using Positions = SmallVector<Polynomial>;

LogicalResult RowContext::failAt(Stage stage, Value v, const Twine &why) {
  Operation *op = v.getDefiningOp();
  return fail(stage, op ? op : v.getParentBlock()->getParentOp(), why);
}

static ArrayRef<int64_t> typeShape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

namespace {
// y[row, column] = sum over `inner` of input[row, inner] * matrix[inner, column]
struct RowProduct {
  Element input;
  SmallVector<Element> matrices;
};
} // namespace

static FailureOr<RowProduct> matchMatmul(const Element &y, std::optional<Inner> &inner, RowContext &context) {
  auto op = y.base.getDefiningOp<MatmulOp>();
  if (!op)
    return context.failAt(Stage::experts, y.base, "not a product of routed rows with an expert's matrix");
  int64_t size = typeShape(op.getLhs()).back();
  if (op.getTransposeA() || ShapedType::isDynamic(size) || (inner && inner->size != size))
    return context.fail(Stage::experts, op, "rows of another length than the other experts', or stored transposed");
  if (!inner)
    inner = Inner{context.elements.variable({0, size - 1}), size};
  RowProduct product;
  Positions lhs(ArrayRef(y.at).take_back(typeShape(op.getLhs()).size())),
      rhs(ArrayRef(y.at).take_back(typeShape(op.getRhs()).size()));
  lhs.back() = inner->at;
  rhs[rhs.size() - 2] = inner->at;
  if (op.getTransposeB())
    std::swap(rhs[rhs.size() - 2], rhs.back());
  for (auto [own, shape] : {std::pair(&lhs, typeShape(op.getLhs())), std::pair(&rhs, typeShape(op.getRhs()))})
    for (int64_t axis = 0; axis + 2 < static_cast<int64_t>(shape.size()); ++axis)
      if (shape[axis] == 1)
        (*own)[axis] = Polynomial();
  product.input = context.elements.trace(op.getLhs(), lhs);
  product.matrices.push_back(context.elements.trace(op.getRhs(), rhs));
  return product;
}

// The sort, smallest first, of every row's expert, if the op sums up how often its values are 0, 1, ...
static FailureOr<TopKOp> matchEnds(ScanOp scan, RowContext &context) {
  Provenance &elements = context.elements;
  SymbolicShapes &shapes = context.match.shapes;
  Polynomial expert = elements.along(scan.getInput(), 0);
  auto count = elements.elementOf(elements.integer(scan.getInput(), expert));
  auto scatter = count ? count->base.getDefiningOp<ScatterElementsOp>() : nullptr;
  if (!scatter || !elements.equal(count->at, expert) || !elements.isCount(scatter))
    return context.fail(Stage::dispatch, scan, "what is summed up is not the number of rows per expert");
  Polynomial row = elements.along(scatter.getIndices(), 0);
  auto counted = elements.elementOf(elements.integer(scatter.getIndices(), row));
  TopKOp sort = counted ? elements.sortOf(counted->base) : nullptr;
  if (!sort || counted->base != sort.getValues() || !elements.equal(counted->at, row) ||
      !shapes.proveEqual(shapes.dims(scatter.getIndices())[0], shapes.dims(sort.getValues())[0]))
    return context.fail(Stage::dispatch, scatter, "what is counted is not every row's expert, sorted, smallest first");
  return sort;
}

// Whether a segment ends at the running sum of the rows per expert.
static LogicalResult checkEnd(const Polynomial &end, int64_t segment, Operation *op, RowContext &context) {
  auto sum = context.elements.elementOf(end);
  auto scan = sum ? sum->base.getDefiningOp<ScanOp>() : nullptr;
  if (!scan || scan.getKind() != ReduceKind::sum || scan.getExclusive() || scan.getReverse() ||
      !context.elements.equal(sum->at, Polynomial(segment)))
    return context.fail(Stage::dispatch, op, "segment " + Twine(segment) + " does not end at the running sum of the rows per expert");
  if (context.ends)
    return context.ends == scan ? success() : context.fail(Stage::dispatch, scan, "segments end at different running sums");
  auto sort = matchEnds(scan, context);
  if (failed(sort))
    return failure();
  context.ends = scan, context.sort = *sort;
  return success();
}

// Rows end(e - 1) .. end(e) - 1 of the concatenation are those of expert e.
static FailureOr<RowProduct> matchSegments(ConcatOp op, const Element &y, std::optional<Inner> &inner, RowContext &context) {
  if (op.getAxis() != 0 || y.at.size() != 2)
    return context.fail(Stage::experts, op, "not rows after rows");
  std::optional<RowProduct> all;
  Polynomial begin;
  for (auto [segment, piece] : llvm::enumerate(op.getInputs())) {
    auto row = y.at[0].plus(begin, -1), end = begin.plus(context.elements.size(piece, 0));
    if (!row || !end || failed(checkEnd(*end, segment, piece.getDefiningOp() ? piece.getDefiningOp() : op, context)))
      return failure();
    auto product = matchMatmul(context.elements.trace(piece, {*row, y.at[1]}), inner, context);
    if (failed(product))
      return failure();
    if (!all)
      all = *product;
    else if (!context.elements.same(all->input, product->input))
      return context.failAt(Stage::dispatch, piece, "segment " + Twine(segment) + " does not multiply the rows that it holds");
    else
      all->matrices.push_back(product->matrices[0]);
    begin = *end;
  }
  // Every row is in a segment.
  int64_t count = op.getInputs().size();
  if (typeShape(context.elements.elementOf(begin)->base)[0] != count)
    return context.fail(Stage::experts, op, "there are " + Twine(count) + " segments, but another number of experts");
  if (context.segments && context.segments != count)
    return context.fail(Stage::experts, op, "the experts' matrices have different numbers of segments");
  context.segments = count;
  return *all;
}

static FailureOr<RowProduct> matchProduct(const Element &y, std::optional<Inner> &inner, RowContext &context) {
  auto concat = y.base.getDefiningOp<ConcatOp>();
  return concat ? matchSegments(concat, y, inner, context) : matchMatmul(y, inner, context);
}

FailureOr<RowExperts> moe::matchRowExperts(const Element &y, RowContext &context) {
  auto down = matchProduct(y, context.hidden, context);
  if (failed(down))
    return failure();
  auto hidden = matchHidden(down->input.base, context.match);
  if (failed(hidden))
    return failure();
  // The rows of both factors are the product's: none is repeated.
  if (auto mul = down->input.base.getDefiningOp<MulOp>())
    for (Value factor : mul->getOperands())
      if (!context.match.shapes.proveEqual(context.match.shapes.dims(factor), context.match.shapes.dims(mul)))
        return context.fail(Stage::experts, mul, "gate and up are not proved to have the same rows");
  auto up = matchProduct(context.elements.trace(hidden->up, down->input.at), context.input, context);
  if (failed(up))
    return failure();
  RowExperts experts{up->input, hidden->activation, hidden->gate != nullptr, {}, up->matrices, down->matrices};
  if (!experts.isGated)
    return experts;
  auto gate = matchProduct(context.elements.trace(hidden->gate, down->input.at), context.input, context);
  if (failed(gate))
    return failure();
  if (!context.elements.same(gate->input, up->input))
    return context.failAt(Stage::experts, hidden->gate, "gate and up have different inputs");
  experts.gate = gate->matrices;
  return experts;
}

// The matrices as a stack: element [inner, column * stride + offset], or transposed, of each, or of a common one behind
// the expert.
static FailureOr<Stack> stackOf(ArrayRef<Element> matrices, const Inner &inner, const Polynomial &column, int64_t columns,
                                RowContext &context) {
  const Element &first = matrices.front();
  size_t rank = first.at.size();
  bool isJoined = rank == 3;
  if (rank != 2 && !isJoined)
    return context.failAt(Stage::experts, first.base, "an expert's matrix is no matrix");
  Stack stack;
  stack.size = columns;
  stack.transposed = context.elements.equal(first.at[rank - 1], inner.at);
  for (const auto &[monomial, coefficient] : first.at[stack.transposed ? rank - 2 : rank - 1].getTerms())
    (monomial.empty() ? stack.offset : stack.stride) = coefficient;
  auto used = Polynomial(stack.offset).plus(column, stack.stride);
  for (auto [e, matrix] : llvm::enumerate(matrices)) {
    Positions at{inner.at, used.value_or(Polynomial())};
    if (stack.transposed)
      std::swap(at[0], at[1]);
    if (isJoined)
      at.insert(at.begin(), Polynomial(e));
    if (!context.elements.equal(matrix.at, at) || (isJoined && matrix.base != first.base) ||
        matrix.base.getType() != first.base.getType())
      return context.failAt(Stage::experts, matrix.base, "expert " + Twine(e) + "'s matrix is not used as the others are");
    if (!isJoined || e == 0)
      stack.parts.push_back(matrix.base);
  }
  return stack;
}

LogicalResult moe::stackExperts(const RowExperts &experts, const Polynomial &feature, LayerMatch &match, RowContext &context) {
  if (experts.up.size() != experts.down.size() || (experts.isGated && experts.gate.size() != experts.down.size()))
    return context.failAt(Stage::experts, match.result, "not every expert has all its matrices");
  int64_t width = context.elements.range(feature).hi + 1;
  auto up = stackOf(experts.up, *context.input, context.hidden->at, context.hidden->size, context);
  auto down = stackOf(experts.down, *context.hidden, feature, width, context);
  if (failed(up) || failed(down))
    return failure();
  match.up = *up, match.down = *down, match.activation = experts.activation;
  if (experts.isGated) {
    auto gate = stackOf(experts.gate, *context.input, context.hidden->at, context.hidden->size, context);
    if (failed(gate))
      return failure();
    match.gate = *gate;
  }
  return success();
}

Value moe::viewOf(const Element &e, const Polynomial &row, const Polynomial &column, int64_t width, RowContext &context) {
  auto at = context.elements.linear(e);
  auto expected = column.plus(row, width);
  if (!at || !expected || !context.elements.equal(*at, *expected))
    return {};
  Value v = e.base;
  while (typeShape(v).empty() || typeShape(v).back() != width) {
    auto reshape = v.getDefiningOp<ReshapeOp>();
    if (!reshape)
      return {};
    v = reshape.getInput();
  }
  return v;
}

bool moe::hasRows(Value v, AffineExpr rows, RowContext &context) {
  AffineExpr product = getAffineConstantExpr(1, v.getContext());
  Dims dims = context.match.shapes.dims(v);
  for (AffineExpr dim : ArrayRef(dims).drop_back())
    product = product * dim;
  return context.match.shapes.proveEqual(context.match.shapes.normal(product), rows);
}
