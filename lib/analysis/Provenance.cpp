// Elements followed back through the ops that move them: see Provenance.h.
#include "lib/analysis/Provenance.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::ds;

using Positions = SmallVector<Polynomial>;

std::optional<std::pair<Polynomial, Polynomial>> mlir::ds::divide(Provenance &provenance, const Polynomial &p, int64_t divisor) {
  if (divisor <= 0)
    return std::nullopt;
  auto [q, r] = p.divideCoefficients(divisor);
  Interval range = provenance.range(r);
  if (range.lo < 0 || range.hi >= divisor)
    return std::nullopt;
  return std::pair{q, r};
}

static ArrayRef<int64_t> typeShape(Value v) { return cast<RankedTensorType>(v.getType()).getShape(); }

Polynomial Provenance::variable(Interval range) {
  atoms.push_back({{}, range});
  return Polynomial::symbol(atoms.size() - 1);
}

Polynomial Provenance::along(Value tensor, int64_t axis) {
  int64_t size = typeShape(tensor)[axis];
  return variable({0, ShapedType::isDynamic(size) ? kMaxSize : size - 1});
}

Positions Provenance::anywhere(Value tensor) {
  Positions at;
  for (int64_t axis = 0, rank = typeShape(tensor).size(); axis < rank; ++axis)
    at.push_back(along(tensor, axis));
  return at;
}

bool Provenance::equal(const Polynomial &a, const Polynomial &b) const {
  auto difference = a.plus(b, -1);
  if (!difference)
    return false;
  Polynomial rest;
  for (const auto &[monomial, coefficient] : difference->getTerms()) {
    std::optional<Polynomial> product = Polynomial(coefficient);
    for (unsigned position : monomial) {
      Interval range = atoms[position].range;
      product = product->times(range.lo == range.hi ? Polynomial(range.lo) : Polynomial::symbol(position));
      if (!product)
        return false;
    }
    auto sum = rest.plus(*product);
    if (!sum)
      return false;
    rest = *sum;
  }
  return rest.isZero();
}

bool Provenance::equal(ArrayRef<Polynomial> a, ArrayRef<Polynomial> b) const {
  return a.size() == b.size() &&
         llvm::all_of(llvm::zip_equal(a, b), [&](auto pair) { return equal(std::get<0>(pair), std::get<1>(pair)); });
}

Polynomial Provenance::atom(const Element &element, std::optional<Interval> range) {
  for (unsigned known : atomsOf.lookup(element.base))
    if (equal(atoms[known].element.at, element.at))
      return Polynomial::symbol(known);
  Interval known = range ? *range : rangeOf(element);
  atoms.push_back({element, known});
  atomsOf[element.base].push_back(atoms.size() - 1);
  return Polynomial::symbol(atoms.size() - 1);
}

std::optional<Element> Provenance::elementOf(const Polynomial &p) const {
  if (p.getTerms().size() != 1 || p.getTerms().begin()->second != 1 || p.getTerms().begin()->first.size() != 1)
    return std::nullopt;
  const Atom &atom = atoms[p.getTerms().begin()->first[0]];
  return atom.element.base ? std::optional(atom.element) : std::nullopt;
}

Element Provenance::trace(Value v, ArrayRef<Polynomial> at) {
  Element e{v, Positions(at)};
  while (!stops.contains(e.base) && step(e)) {
  }
  return e;
}

bool Provenance::step(Element &e) {
  Operation *op = e.base.getDefiningOp();
  return op && llvm::TypeSwitch<Operation *, bool>(op)
                   .Case([&](ReshapeOp op) { return stepReshape(op, e); })
                   .Case([&](SliceOp op) { return stepSlice(op, e); })
                   .Case([&](ConcatOp op) { return stepConcat(op, e); })
                   .Case([&](GatherOp op) { return stepGather(op, e); })
                   .Case([&](GatherNdOp op) { return stepGatherNd(op, e); })
                   .Case([&](GatherElementsOp op) { return stepGatherElements(op, e); })
                   .Case([&](TransposeOp op) {
                     Positions at(e.at.size());
                     for (auto [i, axis] : llvm::enumerate(op.getPermutation()))
                       at[axis] = e.at[i];
                     e = {op.getInput(), at};
                     return true;
                   })
                   .Case([&](BroadcastOp op) {
                     auto at = operandPosition(op.getInput(), op, e.at);
                     if (at)
                       e = {op.getInput(), *at};
                     return at.has_value();
                   })
                   .Default(false);
}

bool mlir::ds::isSameExtent(SymbolicShapes &shapes, AffineExpr from, AffineExpr to) {
  if (shapes.proveEqual(from, to))
    return true;
  auto symbol = dyn_cast<AffineSymbolExpr>(to);
  if (!symbol || shapes.symbol(symbol.getPosition()).kind != Symbol::Kind::max)
    return false;
  AffineExpr lhs = shapes.symbol(symbol.getPosition()).lhs, rhs = shapes.symbol(symbol.getPosition()).rhs;
  bool left = isSameExtent(shapes, from, lhs), right = isSameExtent(shapes, from, rhs);
  return (left && right) || (left && shapes.range(rhs).hi <= 1) || (right && shapes.range(lhs).hi <= 1);
}

std::optional<Positions> Provenance::operandPosition(Value operand, Value result, Position at) {
  Positions own(at.take_back(typeShape(operand).size()));
  int64_t offset = at.size() - own.size();
  for (auto [axis, size] : llvm::enumerate(typeShape(operand))) {
    int64_t target = typeShape(result)[offset + axis];
    if (size == 1)
      own[axis] = Polynomial();
    else if (ShapedType::isStatic(size)
                 ? size != target
                 : !isSameExtent(shapes, shapes.dims(operand)[axis], shapes.dims(result)[offset + axis]))
      return std::nullopt;
  }
  return own;
}

std::optional<Element> Provenance::operand(Operation *op, unsigned i, ArrayRef<Polynomial> at) {
  auto own = operandPosition(op->getOperand(i), op->getResult(0), at);
  return own ? std::optional(trace(op->getOperand(i), *own)) : std::nullopt;
}

// The row-major position; sizes behind a position that is not 0 must be static.
Provenance::Number Provenance::linear(ArrayRef<int64_t> shape, Position at) {
  Polynomial sum;
  int64_t stride = 1;
  for (int64_t axis = shape.size() - 1; axis >= 0; --axis) {
    if (!at[axis].isZero()) {
      auto next = stride < 0 ? std::nullopt : sum.plus(at[axis], stride);
      if (!next)
        return std::nullopt;
      sum = *next;
    }
    if (stride >= 0 && (ShapedType::isDynamic(shape[axis]) || llvm::MulOverflow(stride, shape[axis], stride)))
      stride = -1;
  }
  return sum;
}

namespace {
// Axes [begin, end) of one shape that hold the same elements as those of another.
struct Group {
  int64_t inBegin, inEnd, outBegin, outEnd;
};
} // namespace

static AffineExpr productOf(SymbolicShapes &shapes, ArrayRef<AffineExpr> dims, int64_t begin, int64_t end, MLIRContext *context) {
  AffineExpr product = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims.slice(begin, end - begin))
    product = product * dim;
  return shapes.normal(product);
}

// The smallest groups of axes of a reshape, from the left; nullopt where sizes do not tell.
static std::optional<SmallVector<Group>> groupsOf(SymbolicShapes &shapes, ReshapeOp op) {
  SmallVector<AffineExpr> in(shapes.dims(op.getInput())), out(shapes.dims(op.getResult()));
  int64_t i = 0, j = 0, inRank = in.size(), outRank = out.size();
  SmallVector<Group> groups;
  auto grow = [&]() -> bool {
    for (int64_t count = 2; count <= inRank - i + outRank - j; ++count)
      for (int64_t n = std::max<int64_t>(1, count - (outRank - j)); n < count && n <= inRank - i; ++n)
        if (productOf(shapes, in, i, i + n, op.getContext()) == productOf(shapes, out, j, j + count - n, op.getContext())) {
          groups.push_back({i, i + n, j, j + count - n});
          i += n, j += count - n;
          return true;
        }
    return false;
  };
  while (i < inRank || j < outRank) {
    bool bothLeft = i < inRank && j < outRank;
    if (i < inRank && shapes.isOne(in[i]))
      ++i;
    else if (j < outRank && shapes.isOne(out[j]))
      ++j;
    else if (bothLeft && shapes.proveEqual(in[i], out[j]))
      groups.push_back({i, i + 1, j, j + 1}), ++i, ++j;
    else if (!bothLeft || !grow())
      return std::nullopt;
  }
  return groups;
}

bool Provenance::stepReshape(ReshapeOp op, Element &e) {
  auto groups = groupsOf(shapes, op);
  if (!groups)
    return false;
  ArrayRef<int64_t> in = op.getInput().getType().getShape(), out = op.getType().getShape();
  Positions at(in.size());
  for (const Group &g : *groups) {
    auto rest = linear(out.slice(g.outBegin, g.outEnd - g.outBegin), Position(e.at).slice(g.outBegin, g.outEnd - g.outBegin));
    if (!rest)
      return false;
    for (int64_t axis = g.inEnd - 1; axis > g.inBegin; --axis) {
      auto divided = ShapedType::isDynamic(in[axis]) ? std::nullopt : divide(*this, *rest, in[axis]);
      if (!divided)
        return false;
      std::tie(*rest, at[axis]) = *divided;
    }
    at[g.inBegin] = *rest;
  }
  e = {op.getInput(), at};
  return true;
}

bool Provenance::stepSlice(SliceOp op, Element &e) {
  Positions at;
  auto offsets = getMixedValues(op.getStaticOffsets(), op.getOffsets(), op.getContext());
  for (auto [axis, offset] : llvm::enumerate(offsets)) {
    auto constant = getConstantIntValue(offset);
    Polynomial start = constant ? Polynomial(*constant) : index(cast<Value>(offset));
    auto own = start.plus(e.at[axis], op.getStrides()[axis]);
    if (!own)
      return false;
    at.push_back(*own);
  }
  e = {op.getInput(), at};
  return true;
}

// The operand whose static extent holds the position.
bool Provenance::stepConcat(ConcatOp op, Element &e) {
  int64_t axis = op.getAxis(), begin = 0;
  Interval where = range(e.at[axis]);
  for (Value input : op.getInputs()) {
    int64_t size = typeShape(input)[axis];
    if (ShapedType::isDynamic(size) || where.lo < begin)
      return false;
    if (where.hi < begin + size) {
      auto own = e.at[axis].plus(Polynomial(-begin));
      if (!own)
        return false;
      e.base = input;
      e.at[axis] = *own;
      return true;
    }
    begin += size;
  }
  return false;
}

// An index; negative ones, which count from the end, are not followed.
Provenance::Number Provenance::position(Value indices, Position at) {
  Polynomial p = integer(indices, at);
  return range(p).lo >= 0 ? Number(p) : std::nullopt;
}

bool Provenance::stepGather(GatherOp op, Element &e) {
  int64_t axis = op.getAxis(), rank = typeShape(op.getIndices()).size();
  Position at(e.at);
  auto chosen = position(op.getIndices(), at.slice(axis, rank));
  if (!chosen)
    return false;
  Positions own(at.take_front(axis));
  own.push_back(*chosen);
  own.append(at.begin() + axis + rank, at.end());
  e = {op.getInput(), own};
  return true;
}

bool Provenance::stepGatherNd(GatherNdOp op, Element &e) {
  int64_t batch = op.getBatchDims(), rank = typeShape(op.getIndices()).size(), length = typeShape(op.getIndices()).back();
  Position at(e.at);
  Positions own(at.take_front(batch));
  for (int64_t i = 0; i < length; ++i) {
    Positions tuple(at.take_front(rank - 1));
    tuple.push_back(Polynomial(i));
    auto chosen = position(op.getIndices(), tuple);
    if (!chosen)
      return false;
    own.push_back(*chosen);
  }
  own.append(at.begin() + rank - 1, at.end());
  e = {op.getInput(), own};
  return true;
}

bool Provenance::stepGatherElements(GatherElementsOp op, Element &e) {
  auto chosen = position(op.getIndices(), e.at);
  if (!chosen)
    return false;
  e.base = op.getInput();
  e.at[op.getAxis()] = *chosen;
  return true;
}

std::optional<Polynomial> Provenance::linear(const Element &e) { return linear(typeShape(e.base), e.at); }

// The tensor that `v` is a view of.
static Value unreshaped(Value v) {
  while (auto reshape = v.getDefiningOp<ReshapeOp>())
    v = reshape.getInput();
  return v;
}

bool Provenance::same(const Element &a, const Element &b) {
  if (a.base == b.base)
    return equal(a.at, b.at);
  if (unreshaped(a.base) != unreshaped(b.base))
    return false;
  auto at = linear(a), bt = linear(b);
  return at && bt && equal(*at, *bt);
}
