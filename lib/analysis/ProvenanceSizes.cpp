// Sizes and other integers outside of tensors, and integers that went through floats: see Provenance.h.
#include "lib/analysis/Provenance.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::ds;

using Number = std::optional<Polynomial>;

static constexpr int64_t kMostTabulated = 4096;

Polynomial Provenance::index(Value v) {
  if (auto constant = getConstantIntValue(v))
    return Polynomial(*constant);
  Operation *op = v.getDefiningOp();
  Number number = op ? computeIndex(op) : std::nullopt;
  return number ? *number : atom({v, {}}, Interval{INT64_MIN, INT64_MAX});
}

Number Provenance::computeIndex(Operation *op) {
  auto all = [&](ValueRange values) { return llvm::map_to_vector(values, [&](Value x) { return index(x); }); };
  return llvm::TypeSwitch<Operation *, Number>(op)
      .Case([&](tensor::ExtractOp op) { return integer(op.getTensor(), all(op.getIndices())); })
      .Case([&](tensor::DimOp op) {
        return op.getConstantIndex() ? Number(size(op.getSource(), *op.getConstantIndex())) : std::nullopt;
      })
      .Case([&](arith::IndexCastOp op) { return index(op.getIn()); })
      .Case([&](arith::AddIOp op) { return index(op.getLhs()).plus(index(op.getRhs())); })
      .Case([&](arith::SubIOp op) { return index(op.getLhs()).plus(index(op.getRhs()), -1); })
      .Case([&](arith::MulIOp op) { return index(op.getLhs()).times(index(op.getRhs())); })
      .Case([&](affine::AffineApplyOp op) {
        return computeAffine(op.getAffineMap().getResult(0), all(op.getMapOperands()), op.getAffineMap().getNumDims());
      })
      .Case<arith::MaxSIOp, arith::MinSIOp>([&](auto op) -> Number {
        Polynomial a = index(op.getLhs()), b = index(op.getRhs());
        auto difference = a.plus(b, -1);
        Interval r = difference ? range(*difference) : Interval();
        if (r.lo < 0 && r.hi > 0)
          return std::nullopt;
        return (r.lo >= 0) == isa<arith::MaxSIOp>(op) ? a : b;
      })
      .Default(Number());
}

Number Provenance::computeAffine(AffineExpr expr, ArrayRef<Polynomial> operands, unsigned dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Polynomial(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[dims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Number a = computeAffine(binary.getLHS(), operands, dims), b = computeAffine(binary.getRHS(), operands, dims);
  if (!a || !b)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return a->plus(*b);
  return expr.getKind() == AffineExprKind::Mul ? a->times(*b) : std::nullopt;
}

Polynomial Provenance::size(Value tensor, int64_t axis) {
  if (auto type = cast<RankedTensorType>(tensor.getType()); !type.isDynamicDim(axis))
    return Polynomial(type.getDimSize(axis));
  Number number = computeSize(tensor, axis);
  // No element has a negative position.
  return number ? *number : atom({tensor, {Polynomial(-1), Polynomial(axis)}}, Interval{0, kMaxSize});
}

Number Provenance::computeSize(Value tensor, int64_t axis) {
  auto mixed = [&](auto op) -> Number {
    return index(cast<Value>(getMixedValues(op.getStaticSizes(), op.getSizes(), op.getContext())[axis]));
  };
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, Number>(op)
      .Case<IotaOp, ReshapeOp, SliceOp, BroadcastOp>(mixed)
      .Case([&](MatmulOp op) -> Number {
        bool isRow = axis == op.getType().getRank() - 2 && op.getLhs().getType().getRank() == op.getType().getRank();
        return isRow && !op.getTransposeA() ? Number(size(op.getLhs(), axis)) : std::nullopt;
      })
      .Case([&](GatherOp op) -> Number {
        int64_t within = axis - op.getAxis();
        bool isIndex = within >= 0 && within < op.getIndices().getType().getRank();
        return isIndex ? Number(size(op.getIndices(), within)) : std::nullopt;
      })
      .Case<AddOp, SubOp>([&](auto op) -> Number {
        // With a scalar only: else either operand's size may be the result's.
        for (auto [v, other] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
          if (other.getType().getRank() == 0)
            return size(v, axis);
        return std::nullopt;
      })
      .Default(Number());
}

// The integer that elementwise arithmetic starts from where it turns to floats.
Number Provenance::integerBelow(const Element &e, unsigned depth) {
  Operation *op = e.base.getDefiningOp();
  if (!op || depth > 8 || !isa<CastOp, AddOp, SubOp, MulOp, DivOp, MinOp, MaxOp, ReluOp, FloorOp>(op))
    return std::nullopt;
  bool isTurn = isa<CastOp>(op) && isa<FloatType>(getElementTypeOrSelf(e.base.getType())) &&
                getElementTypeOrSelf(op->getOperand(0).getType()).isInteger();
  if (isTurn)
    return integer(op->getOperand(0), e.at);
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    if (auto below = operand(op, i, e.at))
      if (auto found = integerBelow(*below, depth + 1))
        return found;
  return std::nullopt;
}

static double rounded(double value, Type type) {
  if (type.isF32())
    return static_cast<float>(value);
  return isa<IntegerType>(type) ? std::trunc(value) : value;
}

std::optional<double> Provenance::evaluate(const Element &e, const Polynomial &from, double value, unsigned depth) {
  using Result = std::optional<double>;
  Operation *op = e.base.getDefiningOp();
  Type type = getElementTypeOrSelf(e.base.getType());
  if (!op || depth > 8 || !(type.isF32() || type.isF64() || type.isSignlessInteger(64) || type.isSignlessInteger(32)))
    return std::nullopt;
  if (isa<ConstantOp, WeightOp>(op))
    return data.splat(e.base);
  SmallVector<double> x;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    auto source = operand(op, i, e.at);
    bool isTurn = isa<CastOp>(op) && getElementTypeOrSelf(op->getOperand(0).getType()).isInteger();
    if (isTurn && !equal(integer(op->getOperand(0), e.at), from))
      return std::nullopt;
    Result operand = isTurn ? Result(value) : source ? evaluate(*source, from, value, depth + 1) : std::nullopt;
    if (!operand)
      return std::nullopt;
    x.push_back(*operand);
  }
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](CastOp) { return rounded(x[0], type); })
      .Case([&](FloorOp) { return std::floor(x[0]); })
      .Case([&](ReluOp) { return std::max(x[0], 0.0); })
      .Case([&](AddOp) { return rounded(x[0] + x[1], type); })
      .Case([&](SubOp) { return rounded(x[0] - x[1], type); })
      .Case([&](MulOp) { return rounded(x[0] * x[1], type); })
      .Case([&](DivOp) -> Result { return x[1] == 0 ? std::nullopt : Result(rounded(x[0] / x[1], type)); })
      .Case([&](MinOp) { return std::min(x[0], x[1]); })
      .Case([&](MaxOp) { return std::max(x[0], x[1]); })
      .Default(Result());
}

Number Provenance::tabulate(const Element &e) {
  Number from = getElementTypeOrSelf(e.base.getType()).isInteger() ? integerBelow(e, 0) : std::nullopt;
  Interval r = from ? range(*from) : Interval();
  if (r.lo < 0 || r.hi > kMostTabulated)
    return std::nullopt;
  for (int64_t value = r.lo; value <= r.hi; ++value)
    if (evaluate(e, *from, value, 0) != static_cast<double>(value))
      return std::nullopt;
  return from;
}
