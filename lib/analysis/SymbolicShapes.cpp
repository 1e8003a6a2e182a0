// Sizes as expressions: symbols, their normal form and ranges, dims of tensor values.
#include "lib/analysis/SymbolicShapes.h"
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

DimDeclaration DimDeclaration::parse(StringRef text) {
  DimDeclaration result;
  auto [name, range] = text.rsplit(':');
  auto [lo, hi] = range.split("..");
  int64_t a, b;
  bool ranged = text.contains("..") && !lo.getAsInteger(10, a) && !hi.getAsInteger(10, b) && 0 <= a && a <= b;
  result.name = (ranged ? name : text).str();
  if (result.name == "?") // exporters' way to say that there is no name
    result.name.clear();
  if (ranged)
    result.range = {a, b};
  return result;
}

std::string DimDeclaration::str() const {
  if (range.lo == 0 && range.hi == INT32_MAX)
    return name;
  return name + ":" + std::to_string(range.lo) + ".." + std::to_string(range.hi);
}

SymbolicShapes::SymbolicShapes(func::FuncOp func) : ShapeContext(func.getContext()) {
  declareEntry(func);
  // What an op assumes about entry dims may decide ops before it.
  for (int round = 0; round < 4; ++round) {
    isTightened = false;
    analyse(func);
    if (!isTightened)
      break;
    for (auto it = symbolIds.begin(); it != symbolIds.end();)
      it = it->second >= entryCount ? symbolIds.erase(it) : std::next(it);
    symbols.resize(entryCount);
    dimsOf.clear(), indexOf.clear(), elementsOf.clear(), normalOf.clear();
  }
}

// In order, so that no query recurses deeply.
void SymbolicShapes::analyse(func::FuncOp func) {
  func.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value result : op->getResults()) {
      if (isa<RankedTensorType>(result.getType())) {
        (void)dims(result);
        (void)elements(result);
      } else if (result.getType().isIntOrIndex()) {
        (void)index(result);
      }
    }
  });
}

void SymbolicShapes::declareEntry(func::FuncOp func) {
  llvm::StringMap<AffineExpr> byName;
  for (BlockArgument arg : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      continue;
    auto names = func.getArgAttrOfType<ArrayAttr>(arg.getArgNumber(), "ds.dims");
    for (auto [axis, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size))
        continue;
      auto text = names && axis < names.size() ? dyn_cast<StringAttr>(names[axis]) : StringAttr();
      DimDeclaration dim = DimDeclaration::parse(text ? text.getValue() : "");
      AffineExpr &known = byName[dim.name];
      bool isNew = !known || dim.name.empty();
      if (isNew) {
        known = make({Symbol::Kind::entryDim, arg, static_cast<int64_t>(axis), {}, {}, dim.range, dim.name});
      }
      Interval &range = symbols[cast<AffineSymbolExpr>(known).getPosition()].range;
      range = {std::max(range.lo, dim.range.lo), std::min(range.hi, dim.range.hi)};
      entryDims[{arg, axis}] = known;
    }
  }
  entryCount = symbols.size();
}

void SymbolicShapes::assume(AffineExpr expr, Interval range) {
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  if (!symbol || symbol.getPosition() >= entryCount)
    return;
  Interval &known = symbols[symbol.getPosition()].range;
  Interval both{std::max(known.lo, range.lo), std::min(known.hi, range.hi)};
  if (both.lo > both.hi || (both.lo == known.lo && both.hi == known.hi))
    return;
  known = both;
  isTightened = true;
}

std::optional<DimDeclaration> SymbolicShapes::declaration(BlockArgument arg, int64_t axis) {
  AffineExpr expr = entryDims.lookup({arg, axis});
  if (!expr)
    return std::nullopt;
  const Symbol &symbol = symbols[cast<AffineSymbolExpr>(expr).getPosition()];
  return DimDeclaration{symbol.name, symbol.range};
}

void SymbolicShapes::assumeWindowsFit(Operation *op) {
  auto fit = [&](Value input, bool channelsLast, ArrayRef<int64_t> pads, auto kernelOf, ArrayRef<int64_t> dilations) {
    Dims dims = this->dims(input);
    size_t spatial = dims.size() - 2;
    for (size_t i = 0; i < spatial; ++i)
      if (std::optional<int64_t> kernel = kernelOf(i))
        assume(dims[i + (channelsLast ? 1 : 2)], {(*kernel - 1) * dilations[i] + 1 - pads[i] - pads[i + spatial], INT64_MAX});
  };
  if (auto conv = dyn_cast<ConvOp>(op))
    fit(conv.getInput(), conv.getChannelsLast(), conv.getPads(), [&](size_t i) { return constantOf(dims(conv.getFilter())[i + 2]); },
        conv.getDilations());
  if (auto pool = dyn_cast<PoolOp>(op); pool && !pool.getCeilMode())
    fit(pool.getInput(), pool.getChannelsLast(), pool.getPads(), [&](size_t i) { return std::optional<int64_t>(pool.getKernel()[i]); },
        pool.getDilations());
}

AffineExpr SymbolicShapes::make(Symbol symbol) {
  auto key = std::make_tuple(static_cast<int>(symbol.kind), symbol.value.getAsOpaquePointer(), symbol.at,
                             symbol.lhs.getAsOpaquePointer(), symbol.rhs.getAsOpaquePointer());
  auto [it, isNew] = symbolIds.try_emplace(key, symbols.size());
  if (isNew) {
    symbol.sizesOnly = symbol.kind == Symbol::Kind::entryDim ||
                       (symbol.lhs && dependsOnSizesOnly(symbol.lhs) && dependsOnSizesOnly(symbol.rhs));
    symbols.push_back(std::move(symbol));
  }
  return getAffineSymbolExpr(it->second, getContext());
}

AffineExpr SymbolicShapes::normal(AffineExpr expr) {
  if (isa<AffineConstantExpr, AffineSymbolExpr>(expr))
    return expr;
  if (AffineExpr known = normalOf.lookup(expr))
    return known;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr lhs = normal(binary.getLHS()), rhs = normal(binary.getRHS()), result;
  switch (expr.getKind()) {
  case AffineExprKind::FloorDiv:
    result = floorDiv(lhs, rhs);
    break;
  case AffineExprKind::CeilDiv:
    result = ceilDiv(lhs, rhs);
    break;
  case AffineExprKind::Mod:
    result = normal(lhs - floorDiv(lhs, rhs) * rhs);
    break;
  default: {
    auto a = Polynomial::get(lhs), b = Polynomial::get(rhs);
    auto combined = !a || !b ? std::nullopt : expr.getKind() == AffineExprKind::Add ? a->plus(*b) : a->times(*b);
    result = combined ? combined->toExpr(getContext()) : expr;
  }
  }
  return normalOf[expr] = result;
}

AffineExpr SymbolicShapes::opaqueDiv(AffineExpr a, AffineExpr b) {
  Interval of = range(a), by = range(b), result;
  if (of.lo >= 0 && by.lo >= 0)
    result = {by.hi == INT64_MAX || by.hi == 0 ? 0 : of.lo / by.hi, by.lo > 0 && of.hi != INT64_MAX ? of.hi / by.lo : of.hi};
  return make({Symbol::Kind::floorDiv, {}, 0, a, b, result, {}});
}

AffineExpr SymbolicShapes::floorDiv(AffineExpr a, AffineExpr b) {
  auto x = Polynomial::get(a), y = Polynomial::get(b);
  if (!x || !y || y->isZero())
    return opaqueDiv(a, b);
  if (auto q = x->exactQuotient(*y))
    return q->toExpr(getContext());
  // (q * s) / max(s, 1), as a division by a size is guarded: q, since of an empty tensor any size is as good.
  auto guard = dyn_cast<AffineSymbolExpr>(b);
  if (guard && symbols[guard.getPosition()].kind == Symbol::Kind::max) {
    const Symbol &max = symbols[guard.getPosition()];
    auto size = Polynomial::get(constantOf(max.lhs) == 1 ? max.rhs : constantOf(max.rhs) == 1 ? max.lhs : b);
    if (auto q = x->exactQuotient(*size))
      return q->toExpr(getContext());
  }
  std::optional<int64_t> divisor = y->constant();
  if (!divisor || *divisor < 0)
    return opaqueDiv(a, b);
  // (b * q + r) / b = q + r / b
  auto [whole, rest] = x->divideCoefficients(*divisor);
  AffineExpr r = rest.toExpr(getContext());
  Interval left = range(r);
  auto floorOf = [&](int64_t v) { return v / *divisor - (v % *divisor < 0); };
  bool isDecided = left.lo != INT64_MIN && left.hi != INT64_MAX && floorOf(left.lo) == floorOf(left.hi);
  AffineExpr part = isDecided ? constant(floorOf(left.lo)) : remainderDiv(rest, *divisor);
  return normal(whole.toExpr(getContext()) + part);
}

AffineExpr SymbolicShapes::ceilDiv(AffineExpr a, AffineExpr b) {
  if (auto divisor = constantOf(b); divisor && *divisor > 0)
    return floorDiv(normal(a + (*divisor - 1)), b);
  return normal(floorDiv(normal(a * -1), b) * -1);
}

// floor(rest / divisor), where nothing of `rest` divides.
AffineExpr SymbolicShapes::remainderDiv(const Polynomial &rest, int64_t divisor) {
  int64_t offset = 0, common = divisor;
  for (const auto &[monomial, coefficient] : rest.getTerms()) {
    if (monomial.empty())
      offset = coefficient;
    else
      common = std::gcd(common, coefficient);
  }
  // (g * a + k) / (g * d) = (a + k / g) / d
  if (common > 1)
    return floorDiv(floorDiv(rest.toExpr(getContext()), constant(common)), constant(divisor / common));
  // (floor(a / c) + k) / d = (a + k * c) / (c * d)
  auto variable = *rest.plus(Polynomial(offset), -1);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(variable.toExpr(getContext()))) {
    const Symbol &inner = symbols[symbol.getPosition()];
    auto by = inner.kind == Symbol::Kind::floorDiv ? constantOf(inner.rhs) : std::nullopt;
    int64_t product, scaled;
    if (by && *by > 0 && !llvm::MulOverflow(*by, divisor, product) && !llvm::MulOverflow(*by, offset, scaled))
      return floorDiv(normal(inner.lhs + scaled), constant(product));
  }
  return opaqueDiv(rest.toExpr(getContext()), constant(divisor));
}

AffineExpr SymbolicShapes::extremum(Symbol::Kind kind, AffineExpr a, AffineExpr b) {
  a = normal(a), b = normal(b);
  bool isMax = kind == Symbol::Kind::max;
  if (auto smaller = less(a, b))
    return *smaller == isMax ? b : a;
  if (auto smaller = less(b, a))
    return *smaller == isMax ? a : b;
  Interval x = range(a), y = range(b);
  Interval result = isMax ? Interval{std::max(x.lo, y.lo), std::max(x.hi, y.hi)} : Interval{std::min(x.lo, y.lo), std::min(x.hi, y.hi)};
  if (b.getAsOpaquePointer() < a.getAsOpaquePointer())
    std::swap(a, b);
  return make({kind, {}, 0, a, b, result, {}});
}

AffineExpr SymbolicShapes::broadcast(Operation *op, unsigned ordinal, AffineExpr a, AffineExpr b) {
  a = normal(a), b = normal(b);
  if (a == b || proveNotOne(a))
    return a;
  if (proveNotOne(b))
    return b;
  // min(c, x) equals x, or one of them is 1 and so is the other, as c is not.
  for (auto [clamped, whole] : {std::pair(a, b), std::pair(b, a)}) {
    auto symbol = dyn_cast<AffineSymbolExpr>(clamped);
    if (!symbol || symbols[symbol.getPosition()].kind != Symbol::Kind::min)
      continue;
    auto [lhs, rhs] = std::pair(symbols[symbol.getPosition()].lhs, symbols[symbol.getPosition()].rhs);
    AffineExpr limit = lhs == whole ? rhs : rhs == whole ? lhs : AffineExpr();
    if (limit && constantOf(limit).value_or(0) > 1) {
      assume(whole, {0, *constantOf(limit)});
      return whole;
    }
  }
  if (b.getAsOpaquePointer() < a.getAsOpaquePointer())
    std::swap(a, b);
  Interval x = range(a), y = range(b);
  return make({Symbol::Kind::broadcast, {}, 0, a, b, {std::min(x.lo, y.lo), std::max(x.hi, y.hi)}, {}});
}

Interval SymbolicShapes::range(AffineExpr expr) {
  auto polynomial = Polynomial::get(normal(expr));
  if (!polynomial)
    return {};
  Interval sum{0, 0};
  for (const auto &[monomial, coefficient] : polynomial->getTerms()) {
    Interval term{coefficient, coefficient};
    for (unsigned position : monomial)
      term = term * symbols[position].range;
    sum = sum + term;
  }
  return sum;
}

std::optional<bool> SymbolicShapes::less(AffineExpr a, AffineExpr b) {
  Interval difference = range(b - a);
  if (difference.lo > 0)
    return true;
  if (difference.hi <= 0)
    return false;
  return std::nullopt;
}

std::optional<bool> SymbolicShapes::equal(AffineExpr a, AffineExpr b) {
  Interval difference = range(a - b);
  if (difference.lo == 0 && difference.hi == 0)
    return true;
  if (difference.lo > 0 || difference.hi < 0)
    return false;
  return std::nullopt;
}

bool SymbolicShapes::proveNotOne(AffineExpr expr) {
  Interval of = range(expr);
  if (of.lo > 1 || of.hi < 1)
    return true;
  // g * a + c is c modulo g.
  auto polynomial = Polynomial::get(normal(expr));
  if (!polynomial)
    return false;
  int64_t common = 0, offset = 0;
  for (const auto &[monomial, coefficient] : polynomial->getTerms()) {
    if (monomial.empty())
      offset = coefficient;
    else
      common = std::gcd(common, coefficient);
  }
  return common > 1 && (offset % common + common) % common != 1;
}

bool SymbolicShapes::proveEqual(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [&](auto pair) { return proveEqual(std::get<0>(pair), std::get<1>(pair)); });
}

AffineExpr SymbolicShapes::unknown(Operation *op, unsigned ordinal) {
  return make({Symbol::Kind::resultDim, op->getResult(0), -1 - static_cast<int64_t>(ordinal), {}, {}, {0, INT32_MAX}, {}});
}

Dims SymbolicShapes::dims(Value tensor) {
  auto known = dimsOf.find(tensor);
  if (known != dimsOf.end())
    return known->second;
  Dims result = computeDims(tensor);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(tensor.getType()).getShape();
  for (auto [axis, size] : llvm::enumerate(shape)) {
    AffineExpr dim = normal(result[axis]);
    // A size that the rule does not know is named by its axis, so that it can be asked for.
    if (auto symbol = dyn_cast<AffineSymbolExpr>(dim)) {
      Symbol &s = symbols[symbol.getPosition()];
      if (s.kind == Symbol::Kind::resultDim && s.at < 0 && s.value == tensor)
        s.at = axis;
    }
    result[axis] = ShapedType::isDynamic(size) ? dim : constant(size);
  }
  return dimsOf[tensor] = result;
}

Dims SymbolicShapes::computeDims(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Operation *op = tensor.getDefiningOp();
  if (auto shaped = dyn_cast_or_null<ShapeOpInterface>(op)) {
    SmallVector<Dims> results;
    // A contradiction is reported by whoever refines types; here the declared type is what is left.
    ScopedDiagnosticHandler quiet(getContext(), [](Diagnostic &) { return success(); });
    if (succeeded(shaped.inferShapes(*this, results)) && results.size() == op->getNumResults()) {
      assumeWindowsFit(op);
      Dims dims = results[cast<OpResult>(tensor).getResultNumber()];
      if (isa<ReshapeOp>(op))
        completeReshape(cast<ReshapeOp>(op), dims);
      if (static_cast<int64_t>(dims.size()) == type.getRank())
        return dims;
    }
  }
  if (auto castOp = dyn_cast_or_null<tensor::CastOp>(op); castOp && isa<RankedTensorType>(castOp.getSource().getType()))
    return dims(castOp.getSource());
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op))
    return mixed(empty.getDynamicSizes(), type.getShape());
  Dims result;
  for (auto [axis, size] : llvm::enumerate(type.getShape())) {
    AffineExpr entry = entryDims.lookup({tensor, axis});
    int64_t at = axis;
    result.push_back(!ShapedType::isDynamic(size) ? constant(size)
                     : entry                      ? entry
                                                  : make({Symbol::Kind::resultDim, tensor, at, {}, {}, {0, INT32_MAX}, {}}));
  }
  return result;
}

// The one size that sizes of entry arguments do not tell follows from the number of elements.
void SymbolicShapes::completeReshape(ReshapeOp op, Dims &result) {
  AffineExpr *open = nullptr, before = constant(1), others = constant(1);
  for (AffineExpr &dim : result) {
    if (dependsOnSizesOnly(dim))
      others = normal(others * dim);
    else if (std::exchange(open, &dim))
      return;
  }
  for (AffineExpr dim : dims(op.getInput()))
    before = normal(before * dim);
  auto a = Polynomial::get(before), b = Polynomial::get(others);
  if (auto quotient = open && a && b ? a->exactQuotient(*b) : std::nullopt)
    *open = quotient->toExpr(getContext());
}

bool SymbolicShapes::dependsOnSizesOnly(AffineExpr expr) {
  auto polynomial = Polynomial::get(normal(expr));
  return polynomial && llvm::all_of(polynomial->getTerms(), [&](const auto &term) {
           return llvm::all_of(term.first, [&](unsigned position) { return symbols[position].sizesOnly; });
         });
}

void SymbolicShapes::forget(Value value) {
  dimsOf.erase(value);
  indexOf.erase(value);
  elementsOf.erase(value);
}

std::string SymbolicShapes::str(AffineExpr expr) {
  auto polynomial = Polynomial::get(normal(expr));
  if (!polynomial)
    return "?";
  auto name = [&](unsigned position) -> std::string {
    const Symbol &s = symbols[position];
    switch (s.kind) {
    case Symbol::Kind::entryDim:
      return !s.name.empty() ? s.name : "arg" + std::to_string(cast<BlockArgument>(s.value).getArgNumber()) + "." + std::to_string(s.at);
    case Symbol::Kind::floorDiv:
      return "floor((" + str(s.lhs) + ") / (" + str(s.rhs) + "))";
    case Symbol::Kind::max:
    case Symbol::Kind::min:
      return (s.kind == Symbol::Kind::max ? "max(" : "min(") + str(s.lhs) + ", " + str(s.rhs) + ")";
    case Symbol::Kind::broadcast:
      return "broadcast(" + str(s.lhs) + ", " + str(s.rhs) + ")";
    default:
      return "%" + std::to_string(position);
    }
  };
  std::string text;
  for (const auto &[monomial, coefficient] : llvm::reverse(polynomial->getTerms())) {
    SmallVector<std::string> factors = llvm::map_to_vector(monomial, name);
    if (coefficient != 1 || factors.empty())
      factors.insert(factors.begin(), std::to_string(coefficient));
    text += (text.empty() ? "" : " + ") + llvm::join(factors, " * ");
  }
  return text.empty() ? "0" : text;
}
