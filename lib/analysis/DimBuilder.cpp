// Expressions of the symbolic shapes as index values: affine.apply for what is affine, arith for the rest.
#include "lib/analysis/DimBuilder.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::ds;

// Creates an op right after the last of `after`, or at the start of the function.
template <typename OpTy, typename... Args>
Value DimBuilder::create(Location loc, ValueRange after, Args &&...args) {
  Operation *last = nullptr;
  for (Value v : after)
    if (Operation *op = v.getDefiningOp(); op && (!last || last->isBeforeInBlock(op)))
      last = op;
  if (last)
    b.setInsertionPointAfter(last);
  else
    b.setInsertionPointToStart(block);
  return OpTy::create(b, loc, std::forward<Args>(args)...);
}

Value DimBuilder::constant(Location loc, int64_t value) {
  return build(loc, getAffineConstantExpr(value, loc.getContext()));
}

Value DimBuilder::build(Location loc, AffineExpr expr) {
  expr = shapes.normal(expr);
  if (Value known = built.lookup(expr))
    return known;
  Value result;
  if (auto value = constantOf(expr)) {
    result = create<arith::ConstantIndexOp>(loc, {}, *value);
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expr); symbol && !isAffineDivision(symbol.getPosition())) {
    result = buildSymbol(loc, shapes.symbol(symbol.getPosition()));
  } else {
    SmallVector<Value> operands;
    AffineExpr affine = toAffine(loc, expr, operands);
    if (!affine)
      return {};
    if (isa<AffineDimExpr>(affine))
      result = operands[cast<AffineDimExpr>(affine).getPosition()];
    else
      result = create<affine::AffineApplyOp>(loc, operands, AffineMap::get(operands.size(), 0, affine), operands);
  }
  if (result)
    built[expr] = result;
  return result;
}

bool DimBuilder::isAffineDivision(unsigned position) const {
  const Symbol &symbol = shapes.symbol(position);
  return symbol.kind == Symbol::Kind::floorDiv && constantOf(symbol.rhs);
}

Value DimBuilder::product(Location loc, const Monomial &monomial) {
  Value result;
  AffineExpr expr;
  for (unsigned position : monomial) {
    AffineExpr symbol = getAffineSymbolExpr(position, loc.getContext());
    Value factor = build(loc, symbol);
    expr = expr ? expr * symbol : symbol;
    if (!factor)
      return {};
    if (Value known = built.lookup(expr); known || !result)
      result = known ? known : factor;
    else
      result = create<arith::MulIOp>(loc, {result, factor}, result, factor);
    built[expr] = result;
  }
  return result;
}

AffineExpr DimBuilder::toAffine(Location loc, AffineExpr expr, SmallVectorImpl<Value> &operands) {
  auto polynomial = Polynomial::get(expr);
  if (!polynomial)
    return {};
  AffineExpr sum = getAffineConstantExpr(0, loc.getContext());
  for (const auto &[monomial, coefficient] : polynomial->getTerms()) {
    AffineExpr term = getAffineConstantExpr(1, loc.getContext());
    if (monomial.size() == 1 && isAffineDivision(monomial[0])) {
      Symbol division = shapes.symbol(monomial[0]);
      AffineExpr lhs = toAffine(loc, division.lhs, operands);
      if (!lhs)
        return {};
      term = lhs.floorDiv(*constantOf(division.rhs));
    } else if (!monomial.empty()) {
      Value value = product(loc, monomial);
      if (!value)
        return {};
      auto *it = llvm::find(operands, value);
      term = getAffineDimExpr(it - operands.begin(), loc.getContext());
      if (it == operands.end())
        operands.push_back(value);
    }
    sum = sum + term * coefficient;
  }
  return sum;
}

Value DimBuilder::buildSymbol(Location loc, Symbol symbol) {
  if (symbol.value && symbol.value.getParentBlock() != block)
    return {};
  if (symbol.lhs) {
    Value lhs = build(loc, symbol.lhs), rhs = build(loc, symbol.rhs);
    if (!lhs || !rhs)
      return {};
    Value one;
    switch (symbol.kind) {
    case Symbol::Kind::max:
      return create<arith::MaxSIOp>(loc, {lhs, rhs}, lhs, rhs);
    case Symbol::Kind::min:
      return create<arith::MinSIOp>(loc, {lhs, rhs}, lhs, rhs);
    case Symbol::Kind::broadcast: {
      one = constant(loc, 1);
      Value isOne = create<arith::CmpIOp>(loc, {lhs, one}, arith::CmpIPredicate::eq, lhs, one);
      return create<arith::SelectOp>(loc, {isOne, lhs, rhs}, isOne, rhs, lhs);
    }
    default:
      // Empty tensors may make a divisor 0; what is divided is 0 then, too.
      if (shapes.range(symbol.rhs).lo < 1) {
        one = constant(loc, 1);
        rhs = create<arith::MaxSIOp>(loc, {rhs, one}, rhs, one);
      }
      return create<arith::FloorDivSIOp>(loc, {lhs, rhs}, lhs, rhs);
    }
  }
  if (symbol.kind == Symbol::Kind::entryDim || symbol.kind == Symbol::Kind::resultDim) {
    Value axis = constant(loc, symbol.at);
    return create<tensor::DimOp>(loc, {symbol.value, axis}, symbol.value, axis);
  }
  Value scalar = symbol.value;
  if (symbol.kind == Symbol::Kind::element) {
    auto type = cast<RankedTensorType>(scalar.getType());
    SmallVector<int64_t> position = delinearize(symbol.at, computeStrides(shapeOf(shapes.dims(scalar))));
    SmallVector<Value> after{scalar}, indices;
    for (int64_t p : position)
      indices.push_back(constant(loc, p));
    llvm::append_range(after, indices);
    scalar = create<tensor::ExtractOp>(loc, after, type.getElementType(), scalar, indices);
  }
  if (isa<IndexType>(scalar.getType()))
    return scalar;
  Type index = b.getIndexType();
  bool isUnsigned = scalar.getType().isInteger(1) || scalar.getType().isUnsignedInteger();
  return isUnsigned ? create<arith::IndexCastUIOp>(loc, {scalar}, index, scalar) : create<arith::IndexCastOp>(loc, {scalar}, index, scalar);
}
