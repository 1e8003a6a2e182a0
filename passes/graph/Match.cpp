// Matching helpers: see Match.h.
#include "passes/graph/Match.h"

using namespace mlir;
using namespace mlir::ds;

static std::optional<double> splatOf(Attribute value) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(value);
  if (!splat)
    return std::nullopt;
  Type type = splat.getElementType();
  if (auto f = dyn_cast<FloatType>(type)) {
    bool lost;
    APFloat x = splat.getSplatValue<APFloat>();
    x.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    return x.convertToDouble();
  }
  if (!type.isInteger(1) && type.isIntOrIndex()) {
    APInt x = splat.getSplatValue<APInt>();
    return type.isUnsignedInteger() ? x.roundToDouble(false) : x.roundToDouble(true);
  }
  return std::nullopt;
}

static std::optional<double> splatOf(Value v, unsigned depth);

// Arithmetic on splats; division of integers and anything that rounds to an integer stays symbolic.
static std::optional<double> evaluate(Operation *op, unsigned depth) {
  SmallVector<double> x;
  for (Value operand : op->getOperands().take_front(isa<ReshapeOp, BroadcastOp>(op) ? 1 : 2)) {
    auto value = splatOf(operand, depth + 1);
    if (!value)
      return std::nullopt;
    x.push_back(*value);
  }
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
  using Result = std::optional<double>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<ReshapeOp, BroadcastOp>([&](auto) -> Result { return x[0]; })
      .Case([&](CastOp cast) -> Result { return isFloat ? Result(x[0]) : std::nullopt; })
      .Case([&](AddOp) -> Result { return x[0] + x[1]; })
      .Case([&](SubOp) -> Result { return x[0] - x[1]; })
      .Case([&](MulOp) -> Result { return x[0] * x[1]; })
      .Case([&](DivOp) -> Result { return isFloat ? Result(x[0] / x[1]) : std::nullopt; })
      .Case([&](PowOp) -> Result { return isFloat ? Result(std::pow(x[0], x[1])) : std::nullopt; })
      .Case([&](NegOp) -> Result { return -x[0]; })
      .Case([&](SqrtOp) -> Result { return std::sqrt(x[0]); })
      .Case([&](RsqrtOp) -> Result { return 1 / std::sqrt(x[0]); })
      .Default([](Operation *) -> Result { return std::nullopt; });
}

static std::optional<double> splatOf(Value v, unsigned depth) {
  Operation *op = v.getDefiningOp();
  if (!op || depth > 8)
    return std::nullopt;
  if (auto constant = dyn_cast<ConstantOp>(op))
    return ::splatOf(constant.getValue());
  if (isa<ReshapeOp, BroadcastOp, CastOp, AddOp, SubOp, MulOp, DivOp, PowOp, NegOp, SqrtOp, RsqrtOp>(op))
    return evaluate(op, depth);
  return std::nullopt;
}

std::optional<double> mlir::ds::splatOf(Value v) { return ::splatOf(v, 0); }

bool mlir::ds::isClose(double a, double b, Type type) {
  // Exporters write sqrt(2), 1 / sqrt(2) and the like rounded to the model's type, some with five digits.
  double tolerance = getElementTypeOrSelf(type).getIntOrFloatBitWidth() <= 16 ? 5e-3 : 1e-5;
  return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

bool mlir::ds::isSplat(Value v, double expected) {
  auto value = splatOf(v);
  return value && isClose(*value, expected, v.getType());
}

static void multiply(Value v, Product &product, unsigned depth) {
  if (auto c = splatOf(v)) {
    product.coefficient *= *c;
    return;
  }
  if (depth < 8) {
    if (auto mul = v.getDefiningOp<MulOp>()) {
      multiply(mul.getLhs(), product, depth + 1);
      multiply(mul.getRhs(), product, depth + 1);
      return;
    }
    if (auto neg = v.getDefiningOp<NegOp>()) {
      product.coefficient = -product.coefficient;
      multiply(neg.getInput(), product, depth + 1);
      return;
    }
    auto div = v.getDefiningOp<DivOp>();
    auto by = div && isa<FloatType>(div.getType().getElementType()) ? splatOf(div.getRhs()) : std::nullopt;
    if (by && *by != 0) {
      product.coefficient /= *by;
      multiply(div.getLhs(), product, depth + 1);
      return;
    }
  }
  product.factors.push_back(v);
}

Product mlir::ds::productOf(Value v) {
  Product product;
  multiply(v, product, 0);
  return product;
}

static std::optional<Cubic> timesCubic(const Cubic &a, const Cubic &b) {
  Cubic result{};
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned j = 0; j < 4; ++j) {
      if (i + j < 4)
        result[i + j] += a[i] * b[j];
      else if (a[i] * b[j] != 0)
        return std::nullopt;
    }
  return result;
}

static std::optional<Cubic> powerOf(const Cubic &base, double exponent) {
  std::optional<Cubic> result = Cubic{1, 0, 0, 0};
  if (exponent != 1 && exponent != 2 && exponent != 3)
    return std::nullopt;
  for (int i = 0; i < exponent && result; ++i)
    result = timesCubic(*result, base);
  return result;
}

static std::optional<Cubic> cubicOf(Value v, Value x, unsigned depth) {
  if (v == x)
    return Cubic{0, 1, 0, 0};
  if (auto c = splatOf(v))
    return Cubic{*c, 0, 0, 0};
  Operation *op = v.getDefiningOp();
  if (!op || depth > 8 || !isa<AddOp, SubOp, MulOp, DivOp, PowOp, NegOp>(op))
    return std::nullopt;
  auto a = cubicOf(op->getOperand(0), x, depth + 1);
  if (!a)
    return std::nullopt;
  if (isa<NegOp>(op))
    return timesCubic(*a, {-1, 0, 0, 0});
  auto b = cubicOf(op->getOperand(1), x, depth + 1);
  if (!b)
    return std::nullopt;
  if (isa<MulOp>(op))
    return timesCubic(*a, *b);
  if (isa<AddOp, SubOp>(op)) {
    Cubic sum;
    for (unsigned i = 0; i < 4; ++i)
      sum[i] = (*a)[i] + (isa<AddOp>(op) ? (*b)[i] : -(*b)[i]);
    return sum;
  }
  if ((*b)[1] != 0 || (*b)[2] != 0 || (*b)[3] != 0)
    return std::nullopt;
  return isa<DivOp>(op) ? timesCubic(*a, {1 / (*b)[0], 0, 0, 0}) : powerOf(*a, (*b)[0]);
}

std::optional<Cubic> mlir::ds::cubicOf(Value v, Value x) { return ::cubicOf(v, x, 0); }

bool mlir::ds::isCubic(Value v, Value x, const Cubic &expected) {
  auto cubic = cubicOf(v, x);
  return cubic && llvm::all_of(llvm::zip_equal(*cubic, expected), [&](auto pair) {
    return isClose(std::get<0>(pair), std::get<1>(pair), v.getType());
  });
}

std::optional<Mean> mlir::ds::meanOf(Value v) {
  Product product = productOf(v);
  auto reduce = product.factors.size() == 1 ? product.factors[0].getDefiningOp<ReduceOp>() : nullptr;
  if (!reduce || reduce.getKind() != ReduceKind::sum)
    return std::nullopt;
  double count = 1;
  for (int64_t axis : reduce.getAxes()) {
    if (reduce.getInput().getType().isDynamicDim(axis))
      return std::nullopt;
    count *= reduce.getInput().getType().getDimSize(axis);
  }
  if (!isClose(product.coefficient * count, 1, v.getType()))
    return std::nullopt;
  return Mean{reduce.getInput(), llvm::to_vector(reduce.getAxes()), reduce.getKeepdims()};
}

Location mlir::ds::fusedBetween(Value root, ValueRange leaves) {
  constexpr size_t kMost = 64;
  SetVector<Operation *> ops;
  if (Operation *op = root.getDefiningOp())
    ops.insert(op);
  for (size_t i = 0; i < ops.size() && ops.size() < kMost; ++i)
    for (Value operand : ops[i]->getOperands())
      if (Operation *def = operand.getDefiningOp();
          def && !llvm::is_contained(leaves, operand) && !isa<ConstantOp, WeightOp>(def) && isa<DsDialect>(def->getDialect()))
        ops.insert(def);
  SmallVector<Location> locations = llvm::map_to_vector(ops, [](Operation *op) { return op->getLoc(); });
  return FusedLoc::get(root.getContext(), locations);
}

SmallVector<int64_t> mlir::ds::trimmedShape(Value v) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(v.getType()).getShape();
  return llvm::to_vector(shape.drop_while([](int64_t size) { return size == 1; }));
}

bool mlir::ds::variesOnlyFrom(Value v, RankedTensorType to, int64_t axis) {
  return static_cast<int64_t>(trimmedShape(v).size()) <= to.getRank() - axis;
}

static bool isWeightOnly(Value v, unsigned depth) {
  Operation *op = v.getDefiningOp();
  if (!op || depth > 16 || !(isa<DsDialect>(op->getDialect()) || op->hasTrait<mlir::OpTrait::ConstantLike>()))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) { return isWeightOnly(operand, depth + 1); });
}

bool mlir::ds::isWeightOnly(Value v) { return ::isWeightOnly(v, 0); }
