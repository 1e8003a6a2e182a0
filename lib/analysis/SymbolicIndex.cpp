// Integer SSA values as expressions: arith and affine ops, sizes and elements of tensors.
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"

using namespace mlir;
using namespace mlir::ds;

Interval mlir::ds::rangeOf(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() > 64)
    return {};
  unsigned width = integer.getWidth();
  if (width == 1)
    return {0, 1};
  if (integer.isUnsigned())
    return {0, width == 64 ? INT64_MAX : static_cast<int64_t>(llvm::maxUIntN(width))};
  return {llvm::minIntN(width), llvm::maxIntN(width)};
}

bool mlir::ds::fits(Interval range, Type type) {
  Interval limits = rangeOf(type);
  return limits.lo <= range.lo && range.hi <= limits.hi;
}

AffineExpr SymbolicShapes::index(Value value) {
  if (AffineExpr known = indexOf.lookup(value))
    return known;
  AffineExpr expr = computeIndex(value);
  expr = expr ? normal(expr) : make({Symbol::Kind::index, value, 0, {}, {}, rangeOf(value.getType()), {}});
  return indexOf[value] = expr;
}

AffineExpr SymbolicShapes::truncDiv(AffineExpr a, AffineExpr b) {
  auto x = Polynomial::get(normal(a)), y = Polynomial::get(normal(b));
  if (x && y && !y->isZero())
    if (auto q = x->exactQuotient(*y))
      return q->toExpr(getContext());
  return range(a).lo >= 0 && range(b).lo >= 0 ? floorDiv(normal(a), normal(b)) : AffineExpr();
}

SmallVector<AffineExpr> SymbolicShapes::affineResults(AffineMap map, ValueRange values) {
  SmallVector<AffineExpr> operands = llvm::map_to_vector(values, [&](Value v) { return index(v); });
  ArrayRef<AffineExpr> all(operands), dims = all.take_front(map.getNumDims()), rest = all.drop_front(map.getNumDims());
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr e) { return e.replaceDimsAndSymbols(dims, rest); });
}

template <typename OpTy>
AffineExpr SymbolicShapes::affineExtremum(OpTy op, Symbol::Kind kind) {
  SmallVector<AffineExpr> results = affineResults(op.getAffineMap(), op.getOperands());
  AffineExpr result = results.front();
  for (AffineExpr e : ArrayRef(results).drop_front())
    result = extremum(kind, result, e);
  return result;
}

AffineExpr SymbolicShapes::computeIndex(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  IntegerAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return attr.getType().isInteger(1) ? constant(attr.getValue().getBoolValue())
           : attr.getValue().getSignificantBits() <= 64 ? constant(attr.getValue().getSExtValue()) : AffineExpr();
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto axis = constantOf(index(dim.getIndex()));
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    return axis && type && *axis >= 0 && *axis < type.getRank() ? dims(dim.getSource())[*axis] : AffineExpr();
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    auto values = elements(extract.getTensor());
    int64_t at = 0;
    for (auto [i, size] : llvm::zip(extract.getIndices(), extract.getTensor().getType().getShape())) {
      auto position = constantOf(index(i));
      if (!values || !position || *position < 0 || *position >= size)
        return {};
      at = at * size + *position;
    }
    return values ? (*values)[at] : AffineExpr();
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return affineResults(apply.getAffineMap(), apply.getMapOperands())[0];
  if (auto minimum = dyn_cast<affine::AffineMinOp>(op))
    return affineExtremum(minimum, Symbol::Kind::min);
  if (auto maximum = dyn_cast<affine::AffineMaxOp>(op))
    return affineExtremum(maximum, Symbol::Kind::max);
  return isa_and_nonnull<arith::ArithDialect>(op->getDialect()) ? computeArith(op) : AffineExpr();
}

// `a OP b` of a comparison, where the order of sizes decides it.
static std::optional<bool> compare(SymbolicShapes &shapes, arith::CmpIPredicate predicate, AffineExpr a, AffineExpr b) {
  auto negate = [](std::optional<bool> v) { return v ? std::optional<bool>(!*v) : v; };
  bool isUnsigned = predicate >= arith::CmpIPredicate::ult;
  if (isUnsigned && (shapes.range(a).lo < 0 || shapes.range(b).lo < 0))
    return std::nullopt;
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return shapes.equal(a, b);
  case arith::CmpIPredicate::ne:
    return negate(shapes.equal(a, b));
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return shapes.less(a, b);
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return negate(shapes.less(a, b));
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return shapes.less(b, a);
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return negate(shapes.less(b, a));
  }
  return std::nullopt;
}

AffineExpr SymbolicShapes::computeArith(Operation *op) {
  for (Value v : op->getOperands())
    if (!v.getType().isIntOrIndex())
      return {};
  SmallVector<AffineExpr, 3> x = llvm::map_to_vector<3>(op->getOperands(), [&](Value v) { return index(v); });
  auto notNegative = [&] { return llvm::all_of(x, [&](AffineExpr e) { return range(e).lo >= 0; }); };
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case<arith::AddIOp>([&](auto) { return x[0] + x[1]; })
      .Case<arith::SubIOp>([&](auto) { return x[0] - x[1]; })
      .Case<arith::MulIOp>([&](auto) { return x[0] * x[1]; })
      .Case<arith::DivSIOp>([&](auto) { return truncDiv(x[0], x[1]); })
      .Case<arith::DivUIOp>([&](auto) { return notNegative() ? truncDiv(x[0], x[1]) : AffineExpr(); })
      .Case<arith::FloorDivSIOp>([&](auto) { return floorDiv(x[0], x[1]); })
      .Case<arith::CeilDivSIOp>([&](auto) { return ceilDiv(x[0], x[1]); })
      .Case<arith::CeilDivUIOp>([&](auto) { return notNegative() ? ceilDiv(x[0], x[1]) : AffineExpr(); })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return notNegative() ? x[0] - floorDiv(x[0], x[1]) * x[1] : AffineExpr(); })
      .Case<arith::MaxSIOp>([&](auto) { return max(x[0], x[1]); })
      .Case<arith::MinSIOp>([&](auto) { return min(x[0], x[1]); })
      .Case<arith::MaxUIOp>([&](auto) { return notNegative() ? max(x[0], x[1]) : AffineExpr(); })
      .Case<arith::MinUIOp>([&](auto) { return notNegative() ? min(x[0], x[1]) : AffineExpr(); })
      .Case<arith::ExtSIOp, arith::IndexCastOp>([&](Operation *cast) {
        // A bool extended by its sign is 0 or -1.
        AffineExpr e = cast->getOperand(0).getType().isInteger(1) ? x[0] * -1 : x[0];
        return isa<IndexType>(cast->getResult(0).getType()) || fits(range(e), cast->getResult(0).getType()) ? e : AffineExpr();
      })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([&](auto) { return notNegative() ? x[0] : AffineExpr(); })
      .Case<arith::TruncIOp>([&](arith::TruncIOp trunc) { return fits(range(x[0]), trunc.getType()) ? x[0] : AffineExpr(); })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) { return truth(compare(*this, cmp.getPredicate(), x[0], x[1])); })
      .Case<arith::SelectOp>([&](auto) {
        auto condition = constantOf(x[0]);
        return condition ? x[*condition ? 1 : 2] : x[1] == x[2] ? x[1] : AffineExpr();
      })
      .Default([](Operation *) { return AffineExpr(); });
}
