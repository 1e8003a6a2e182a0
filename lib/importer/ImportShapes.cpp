// Symbols, and expressions over them turned into index arithmetic.
#include "lib/importer/ImportShapes.h"

using namespace mlir;
using namespace mlir::ds;

AffineExpr ImportShapes::fresh(Symbol symbol) {
  symbols.push_back(symbol);
  return getAffineSymbolExpr(symbols.size() - 1, getContext());
}

Dims ImportShapes::dims(Value tensor) {
  if (!tensor)
    return {};
  auto it = known.find(tensor);
  if (it != known.end())
    return it->second;
  declare(tensor, Dims(cast<RankedTensorType>(tensor.getType()).getRank()));
  return known[tensor];
}

void ImportShapes::declare(Value tensor, Dims dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  for (auto [axis, dim] : llvm::enumerate(dims))
    if (!dim)
      dim = type.isDynamicDim(axis) ? fresh({Value(), tensor, static_cast<unsigned>(axis)}) : constant(type.getDimSize(axis));
  known[tensor] = std::move(dims);
}

AffineExpr ImportShapes::index(Value value) {
  IntegerAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return constant(attr.getInt());
  auto it = indices.find(value);
  return it != indices.end() ? it->second : symbol(value, false);
}

AffineExpr ImportShapes::symbol(Value value, bool nonNegative) {
  Symbol symbol;
  symbol.value = value;
  symbol.nonNegative = nonNegative;
  return indices[value] = fresh(symbol);
}

AffineExpr ImportShapes::unknown(Operation *, unsigned) { return fresh({}); }

LogicalResult ImportShapes::infer(Operation *op) {
  size_t first = symbols.size();
  SmallVector<Dims> results;
  if (failed(cast<ShapeOpInterface>(op).inferShapes(*this, results)))
    return failure();
  for (auto [value, dims] : llvm::zip_equal(op->getResults(), results)) {
    for (auto [axis, dim] : llvm::enumerate(dims)) {
      if (constantOf(dim).value_or(0) < 0)
        return op->emitOpError("would have a result of negative size ") << *constantOf(dim);
      auto symbol = dyn_cast<AffineSymbolExpr>(dim);
      if (!symbol || symbol.getPosition() < first)
        continue;
      if (Symbol &s = symbols[symbol.getPosition()]; !s.value && !s.tensor)
        s = {Value(), value, static_cast<unsigned>(axis)};
    }
    value.setType(RankedTensorType::get(shapeOf(dims), getElementTypeOrSelf(value.getType())));
    known[value] = dims;
  }
  return success();
}

Value ImportShapes::symbolValue(unsigned position, Location loc) {
  Symbol &s = symbols[position];
  if (!s.value) {
    s.value = tensor::DimOp::create(builder, loc, s.tensor, s.axis);
    indices[s.value] = getAffineSymbolExpr(position, getContext());
  }
  return s.value;
}

Value ImportShapes::value(AffineExpr expr, Location loc) {
  if (Value have = values.lookup(expr))
    return have;
  Value result;
  if (auto c = constantOf(expr)) {
    result = arith::ConstantIndexOp::create(builder, loc, *c);
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    result = symbolValue(symbol.getPosition(), loc);
  } else {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value a = value(binary.getLHS(), loc), b = value(binary.getRHS(), loc);
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      result = builder.createOrFold<arith::AddIOp>(loc, a, b);
      break;
    case AffineExprKind::Mul:
      result = builder.createOrFold<arith::MulIOp>(loc, a, b);
      break;
    case AffineExprKind::FloorDiv:
      // A symbolic divisor is a product of sizes; where it is 0 there is nothing to divide.
      if (!constantOf(binary.getRHS()))
        b = builder.createOrFold<arith::MaxSIOp>(loc, b, value(constant(1), loc));
      result = isNonNegative(binary.getLHS()) ? builder.createOrFold<arith::DivSIOp>(loc, a, b)
                                              : builder.createOrFold<arith::FloorDivSIOp>(loc, a, b);
      break;
    case AffineExprKind::CeilDiv:
      result = builder.createOrFold<arith::CeilDivSIOp>(loc, a, b);
      break;
    default: { // mod by a positive number: a - floordiv * b
      Value quotient = builder.createOrFold<arith::FloorDivSIOp>(loc, a, b);
      result = builder.createOrFold<arith::SubIOp>(loc, a, builder.createOrFold<arith::MulIOp>(loc, quotient, b));
    }
    }
  }
  indices.try_emplace(result, expr);
  return values[expr] = result;
}

std::pair<SmallVector<Value>, SmallVector<int64_t>> ImportShapes::split(ArrayRef<AffineExpr> exprs, Location loc) {
  SmallVector<Value> dynamic;
  for (AffineExpr expr : exprs)
    if (!constantOf(expr))
      dynamic.push_back(value(expr, loc));
  return {std::move(dynamic), shapeOf(exprs)};
}

bool ImportShapes::isNonNegative(AffineExpr expr) const {
  if (auto c = constantOf(expr))
    return *c >= 0;
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()].nonNegative;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || !isNonNegative(binary.getRHS()))
    return false;
  return expr.getKind() == AffineExprKind::Mod || isNonNegative(binary.getLHS());
}

std::optional<bool> ImportShapes::equal(AffineExpr a, AffineExpr b) const {
  if (auto gap = constantOf(difference(a, b)))
    return *gap == 0;
  auto negative = [](AffineExpr e) { return constantOf(e).value_or(0) < 0; };
  if ((negative(a) && isNonNegative(b)) || (negative(b) && isNonNegative(a)))
    return false;
  return std::nullopt;
}

// Splits a product into a constant and the factors that are not constant.
static bool collectFactors(AffineExpr expr, int64_t &coefficient, SmallVectorImpl<AffineExpr> &factors) {
  if (auto c = constantOf(expr))
    return !llvm::MulOverflow(coefficient, *c, coefficient);
  if (expr.getKind() == AffineExprKind::Mul) {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    return collectFactors(binary.getLHS(), coefficient, factors) && collectFactors(binary.getRHS(), coefficient, factors);
  }
  factors.push_back(expr);
  return true;
}

AffineExpr ImportShapes::product(ArrayRef<AffineExpr> factors) {
  int64_t coefficient = 1;
  SmallVector<AffineExpr> rest;
  for (AffineExpr f : factors)
    if (!collectFactors(f, coefficient, rest))
      return nullptr;
  AffineExpr result = constant(1);
  for (AffineExpr f : rest)
    result = result * f;
  return result * coefficient;
}

AffineExpr ImportShapes::quotient(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b) {
  int64_t above = 1, below = 1;
  SmallVector<AffineExpr> up, down, left;
  for (AffineExpr f : a)
    if (!collectFactors(f, above, up))
      return nullptr;
  for (AffineExpr f : b)
    if (!collectFactors(f, below, down))
      return nullptr;
  for (AffineExpr f : down) {
    auto it = llvm::find(up, f);
    if (it != up.end())
      up.erase(it);
    else
      left.push_back(f);
  }
  if (below <= 0)
    return nullptr;
  int64_t common = std::gcd(above, below);
  if (common == 0)
    return constant(0);
  up.push_back(constant(above / common));
  left.push_back(constant(below / common));
  AffineExpr top = product(up), bottom = product(left);
  if (!top || !bottom)
    return nullptr;
  return constantOf(bottom) == 1 ? top : top.floorDiv(bottom);
}

AffineExpr ImportShapes::max(AffineExpr a, AffineExpr b, Location loc) {
  if (isNonNegative(difference(a, b)))
    return a;
  if (isNonNegative(difference(b, a)))
    return b;
  return symbol(builder.createOrFold<arith::MaxSIOp>(loc, value(a, loc), value(b, loc)), isNonNegative(a) || isNonNegative(b));
}

AffineExpr ImportShapes::min(AffineExpr a, AffineExpr b, Location loc) {
  if (isNonNegative(difference(a, b)))
    return b;
  if (isNonNegative(difference(b, a)))
    return a;
  return symbol(builder.createOrFold<arith::MinSIOp>(loc, value(a, loc), value(b, loc)), isNonNegative(a) && isNonNegative(b));
}
