// Elements of integer tensors as numbers: see Provenance.h.
#include "lib/analysis/Provenance.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mlir::ds;

using Positions = SmallVector<Polynomial>;
using Number = std::optional<Polynomial>;

static constexpr unsigned kMaxDepth = 48;
static constexpr int64_t kExactInF32 = 1 << 24;

static Type elementType(Value v) { return getElementTypeOrSelf(v.getType()); }

Interval Provenance::range(const Polynomial &p) {
  if (auto difference = rangeOfDifference(p))
    return *difference;
  Interval sum{0, 0};
  for (const auto &[monomial, coefficient] : p.getTerms()) {
    Interval product{coefficient, coefficient};
    for (unsigned position : monomial)
      product = product * atoms[position].range;
    sum = sum + product;
  }
  return sum;
}

// A running sum of what is not negative grows.
std::optional<Interval> Provenance::rangeOfDifference(const Polynomial &p) {
  if (p.getTerms().size() != 2)
    return std::nullopt;
  Element larger, smaller;
  for (const auto &[monomial, coefficient] : p.getTerms()) {
    if (monomial.size() != 1 || std::abs(coefficient) != 1)
      return std::nullopt;
    (coefficient == 1 ? larger : smaller) = atoms[monomial[0]].element;
  }
  auto scan = larger.base && larger.base == smaller.base ? larger.base.getDefiningOp<ScanOp>() : nullptr;
  if (!scan || scan.getReverse() || larger.at.size() != 1 || rangeOf(larger).lo < 0)
    return std::nullopt;
  auto ahead = larger.at[0].plus(smaller.at[0], -1);
  auto steps = ahead ? ahead->constant() : std::nullopt;
  if (!steps)
    return std::nullopt;
  return *steps > 0 ? Interval{0, kMaxSize} : Interval{-kMaxSize, 0};
}

Interval Provenance::rangeOf(const Element &e) {
  Operation *op = e.base.getDefiningOp();
  if (!op)
    return ds::rangeOf(elementType(e.base));
  auto below = [](int64_t size) { return Interval{0, ShapedType::isDynamic(size) ? kMaxSize : size - 1}; };
  auto ofAny = [&](Value v) {
    if (auto known = rangeOfAny.find(v); known != rangeOfAny.end())
      return known->second;
    Interval all = range(integer(v, anywhere(v)));
    rangeOfAny[v] = all;
    return all;
  };
  return llvm::TypeSwitch<Operation *, Interval>(op)
      .Case([&](TopKOp op) {
        return e.base == op.getIndices() ? below(op.getInput().getType().getDimSize(op.getAxis())) : ofAny(op.getInput());
      })
      .Case<ReshapeOp, SliceOp, BroadcastOp, GatherOp, GatherNdOp, GatherElementsOp>(
          [&](auto op) { return ofAny(op.getInput()); })
      .Case([&](NonZeroOp op) {
        auto row = e.at[0].constant();
        return below(row ? op.getInput().getType().getDimSize(*row) : ShapedType::kDynamic);
      })
      .Case([&](ScanOp op) {
        bool grows = op.getKind() == ReduceKind::sum && ofAny(op.getInput()).lo >= 0;
        return grows ? Interval{0, kMaxSize} : ds::rangeOf(elementType(e.base));
      })
      .Case([&](ScatterNdOp op) {
        Interval kept = ofAny(op.getInput()), put = ofAny(op.getUpdates());
        bool isSet = op.getKind() == ScatterKind::set;
        return isSet ? Interval{std::min(kept.lo, put.lo), std::max(kept.hi, put.hi)} : ds::rangeOf(elementType(e.base));
      })
      .Default([&](Operation *) { return elementType(e.base).isInteger(1) ? Interval{0, 1} : ds::rangeOf(elementType(e.base)); });
}

Polynomial Provenance::integer(Value v, ArrayRef<Polynomial> at) {
  Element e = trace(v, at);
  llvm::SaveAndRestore nested(depth, depth + 1);
  if (depth < kMaxDepth)
    if (auto number = compute(e))
      return *number;
  return atom(e);
}

Number Provenance::operandInteger(Operation *op, unsigned i, const Element &e) {
  auto own = operandPosition(op->getOperand(i), op->getResult(0), e.at);
  return own ? Number(integer(op->getOperand(i), *own)) : std::nullopt;
}

Number Provenance::compute(const Element &e) {
  Operation *op = e.base.getDefiningOp();
  if (!op)
    return std::nullopt;
  Number number =
      llvm::TypeSwitch<Operation *, Number>(op)
          .Case<ConstantOp, WeightOp>([&](auto) { return computeData(e); })
          .Case([&](IotaOp) { return e.at[0]; })
          .Case([&](CastOp op) { return computeCast(op, e); })
          .Case<AddOp, SubOp, MulOp, DivOp, ModOp>([&](auto op) { return computeArithmetic(op, e); })
          .Case<MinOp, MaxOp, ReluOp>([&](auto op) { return computeExtremum(op, e); })
          .Case<LessOp, LessEqualOp, EqualOp>([&](auto op) { return computeComparison(op, e); })
          .Case<AndOp, OrOp, NotOp>([&](auto op) { return computeLogic(op, e); })
          .Case([&](SelectOp op) { return computeSelect(op, e); })
          .Case([&](ScatterElementsOp op) { return isCount(op) ? Number(atom(e, Interval{0, kMaxSize})) : std::nullopt; })
          .Case([&](TopKOp op) { return e.base == op.getIndices() ? computeInverse(e) : std::nullopt; })
          .Default(Number());
  return number || !isa<CastOp, MinOp, MaxOp, ReluOp>(op) ? number : tabulate(e);
}

Number Provenance::computeData(const Element &e) {
  auto type = cast<RankedTensorType>(e.base.getType());
  if (type.getNumElements() > (1 << 16))
    return std::nullopt;
  if (auto splat = data.splat(e.base))
    return *splat == std::trunc(*splat) && std::abs(*splat) < kMaxSize ? Number(Polynomial(*splat)) : std::nullopt;
  auto at = linear(type.getShape(), e.at);
  if (!at || !type.getElementType().isInteger())
    return std::nullopt;
  if (data.isIota(e.base))
    return at;
  auto position = at->constant();
  if (!position || *position < 0 || *position >= type.getNumElements())
    return std::nullopt;
  FailureOr<Tensor> contents = data.tensor(e.base);
  return succeeded(contents) ? Number(Polynomial(contents->getI64(*position))) : std::nullopt;
}

Number Provenance::computeCast(CastOp op, const Element &e) {
  Type from = elementType(op.getInput()), to = elementType(op);
  Element source = trace(op.getInput(), e.at);
  // Of a float only what is known to be an integer is one.
  Number number = isa<FloatType>(from) ? compute(source) : Number(integer(op.getInput(), e.at));
  if (!number)
    return std::nullopt;
  Interval r = range(*number);
  if (to.isInteger(1))
    return r.lo >= 0 && r.hi <= 1 ? number : r.lo > 0 || r.hi < 0 ? Number(Polynomial(1)) : std::nullopt;
  if (isa<FloatType>(to))
    return to.isF32() && r.lo >= -kExactInF32 && r.hi <= kExactInF32 ? number : std::nullopt;
  return fits(r, to) ? number : std::nullopt;
}

Number Provenance::computeArithmetic(Operation *op, const Element &e) {
  if (!elementType(e.base).isSignlessInteger())
    return std::nullopt;
  Number a = operandInteger(op, 0, e), b = operandInteger(op, 1, e), result;
  if (!a || !b)
    return std::nullopt;
  if (isa<AddOp, SubOp>(op))
    result = a->plus(*b, isa<AddOp>(op) ? 1 : -1);
  else if (isa<MulOp>(op))
    result = a->times(*b);
  else if (auto divisor = b->constant(); divisor && range(*a).lo >= 0)
    if (auto divided = divide(*this, *a, *divisor))
      result = isa<DivOp>(op) ? divided->first : divided->second;
  return result && fits(range(*result), elementType(e.base)) ? result : std::nullopt;
}

Number Provenance::computeExtremum(Operation *op, const Element &e) {
  if (!elementType(e.base).isInteger())
    return std::nullopt;
  Number a = operandInteger(op, 0, e), b = isa<ReluOp>(op) ? Number(Polynomial()) : operandInteger(op, 1, e);
  auto difference = a && b ? a->plus(*b, -1) : std::nullopt;
  if (!difference)
    return std::nullopt;
  Interval r = range(*difference);
  if (r.lo < 0 && r.hi > 0)
    return std::nullopt;
  return (r.lo >= 0) == isa<MinOp>(op) ? b : a;
}

Number Provenance::computeComparison(Operation *op, const Element &e) {
  Type type = elementType(op->getOperand(0));
  if (!type.isInteger())
    return std::nullopt;
  Number a = operandInteger(op, 0, e), b = operandInteger(op, 1, e);
  auto difference = a && b ? a->plus(*b, -1) : std::nullopt;
  if (!difference)
    return std::nullopt;
  Interval r = range(*difference);
  auto known = [](bool value) { return Number(Polynomial(value)); };
  if (isa<LessOp>(op))
    return r.hi < 0 ? known(true) : r.lo >= 0 ? known(false) : std::nullopt;
  if (isa<LessEqualOp>(op))
    return r.hi <= 0 ? known(true) : r.lo > 0 ? known(false) : std::nullopt;
  if (difference->isZero() || r.lo > 0 || r.hi < 0)
    return known(difference->isZero());
  // A bool compared with a constant is the bool, or its opposite.
  for (auto [x, c] : {std::pair(a, b->constant()), std::pair(b, a->constant())})
    if (type.isInteger(1) && c)
      return *c ? x : Polynomial(1).plus(*x, -1);
  return std::nullopt;
}

Number Provenance::computeLogic(Operation *op, const Element &e) {
  Number a = operandInteger(op, 0, e);
  if (isa<NotOp>(op))
    return a ? Polynomial(1).plus(*a, -1) : std::nullopt;
  Number b = operandInteger(op, 1, e);
  if (!a || !b)
    return std::nullopt;
  for (auto [x, other] : {std::pair(a->constant(), b), std::pair(b->constant(), a)})
    if (x)
      return (*x != 0) == isa<AndOp>(op) ? other : Number(Polynomial(*x));
  return std::nullopt;
}

Number Provenance::computeSelect(SelectOp op, const Element &e) {
  if (!elementType(op).isInteger())
    return std::nullopt;
  Number condition = operandInteger(op, 0, e), a = operandInteger(op, 1, e), b = operandInteger(op, 2, e);
  if (!condition || !a || !b)
    return std::nullopt;
  if (auto known = condition->constant())
    return *known ? a : b;
  auto difference = a->plus(*b, -1), scaled = difference && difference->constant() ? condition->times(*difference) : std::nullopt;
  return scaled ? scaled->plus(*b) : std::nullopt;
}

bool Provenance::isCount(ScatterElementsOp op) {
  auto isAll = [&](Value v, int64_t expected) {
    Number number = compute(trace(v, anywhere(v)));
    return number && number->constant() == expected;
  };
  return op.getKind() == ScatterKind::add && isAll(op.getInput(), 0) && isAll(op.getUpdates(), 1);
}

TopKOp Provenance::sortOf(Value v) {
  auto op = v.getDefiningOp<TopKOp>();
  if (!op || op.getLargest() || op.getInput().getType().getRank() != 1)
    return {};
  AffineExpr all = shapes.dims(op.getInput())[0], kept = shapes.dims(op.getIndices())[0];
  return shapes.proveEqual(all, kept) ? op : nullptr;
}

// Whether element `sort.indices[p]` of the op's result is p, for every p.
bool Provenance::isInverse(ScatterNdOp op, TopKOp sort) {
  auto type = op.getIndices().getType();
  if (op.getKind() != ScatterKind::set || op.getInput().getType().getRank() != 1 || type.getRank() != 2 || type.getDimSize(1) != 1 ||
      !shapes.proveEqual(shapes.dims(op.getUpdates())[0], shapes.dims(sort.getIndices())[0]))
    return false;
  Polynomial p = along(op.getUpdates(), 0);
  auto where = elementOf(integer(op.getIndices(), {p, Polynomial()}));
  return where && where->base == sort.getIndices() && equal(where->at, p) && equal(integer(op.getUpdates(), p), p);
}

// sort.indices[inverse[q]] -> q
Number Provenance::computeInverse(const Element &e) {
  TopKOp sort = sortOf(e.base);
  auto where = sort ? elementOf(e.at[0]) : std::nullopt;
  auto scatter = where ? where->base.getDefiningOp<ScatterNdOp>() : nullptr;
  return scatter && isInverse(scatter, sort) ? Number(where->at[0]) : std::nullopt;
}
