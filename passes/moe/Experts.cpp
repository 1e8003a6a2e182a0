// The experts' side of a layer: see Experts.h.
#include "passes/moe/Experts.h"
#include "passes/graph/Match.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

Value moe::withoutReshapes(Value v) {
  while (auto reshape = v.getDefiningOp<ReshapeOp>())
    v = reshape.getInput();
  return v;
}

// The activation function that `v` is the result of, and its argument; null for none.
static Value activated(Value v, Activation &activation) {
  Operation *op = v.getDefiningOp();
  if (auto gelu = dyn_cast_or_null<GeluOp>(op))
    activation = gelu.getTanh() ? Activation::gelu_tanh : Activation::gelu;
  else if (isa_and_nonnull<SiluOp>(op))
    activation = Activation::silu;
  else if (isa_and_nonnull<ReluOp>(op))
    activation = Activation::relu;
  else
    return nullptr;
  return op->getOperand(0);
}

FailureOr<Hidden> moe::matchHidden(Value v, MatchContext &context) {
  Hidden hidden{Activation::identity, nullptr, nullptr};
  Operation *op = v.getDefiningOp();
  if (Value up = activated(v, hidden.activation)) {
    hidden.up = up;
    return hidden;
  }
  auto mul = dyn_cast_or_null<MulOp>(op);
  if (!mul) {
    hidden.up = v;
    return hidden;
  }
  if (mul.getLhs().getType() != mul.getRhs().getType())
    return context.reasons.fail(Stage::experts, mul, "the factors between the experts' two matrices have different shapes");
  Activation lhs = Activation::identity, rhs = Activation::identity;
  Value a = activated(mul.getLhs(), lhs), b = activated(mul.getRhs(), rhs);
  if (a && b)
    return context.reasons.fail(Stage::experts, mul, "both factors between the experts' two matrices are activated");
  hidden.activation = b ? rhs : lhs;
  hidden.gate = a ? a : b ? b : mul.getLhs();
  hidden.up = b ? mul.getLhs() : mul.getRhs();
  return hidden;
}

LogicalResult moe::checkStack(const Stack &stack, int64_t experts, int64_t in, int64_t out, Operation *at, MatchContext &context) {
  bool isJoined = stack.parts.size() == 1 && cast<RankedTensorType>(stack.parts[0].getType()).getRank() == 3;
  if (!isJoined && static_cast<int64_t>(stack.parts.size()) != experts)
    return context.reasons.fail(Stage::experts, at, Twine(stack.parts.size()) + " matrices for " + Twine(experts) + " experts");
  for (Value part : stack.parts) {
    auto type = cast<RankedTensorType>(part.getType());
    ArrayRef<int64_t> shape = type.getShape();
    if (!type.getElementType().isF32())
      return context.reasons.fail(Stage::experts, at, "experts in another element type than f32");
    if (!isWeightOnly(part))
      return context.reasons.fail(Stage::experts, at, "an expert's matrix is not made of weights alone");
    if (type.getRank() != (isJoined ? 3 : 2) || !type.hasStaticShape() || (isJoined && shape[0] != experts))
      return context.reasons.fail(Stage::experts, at, "the experts' matrices are not [experts, in, out]");
    int64_t rows = shape[shape.size() - 2], columns = shape.back();
    if (stack.transposed)
      std::swap(rows, columns);
    if (rows != in || stack.size != out || stack.stride < 1 || stack.offset + (out - 1) * stack.stride >= columns)
      return context.reasons.fail(Stage::experts, at, "the experts' matrices do not fit each other");
  }
  return success();
}

Value moe::buildStack(OpBuilder &b, Location loc, const Stack &stack) {
  SmallVector<Value> parts;
  for (Value part : stack.parts) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(part.getType()).getShape());
    if (shape.size() == 2) {
      shape.insert(shape.begin(), 1);
      Type type = RankedTensorType::get(shape, getElementTypeOrSelf(part.getType()));
      part = ReshapeOp::create(b, loc, type, part, ValueRange(), shape);
    }
    parts.push_back(part);
  }
  Value v = parts[0];
  auto type = cast<RankedTensorType>(v.getType());
  Type element = type.getElementType();
  SmallVector<int64_t> shape(type.getShape());
  if (parts.size() > 1) {
    shape[0] = parts.size();
    v = ConcatOp::create(b, loc, RankedTensorType::get(shape, element), parts, 0);
  }
  if (stack.transposed) {
    std::swap(shape[1], shape[2]);
    v = TransposeOp::create(b, loc, RankedTensorType::get(shape, element), v, ArrayRef<int64_t>{0, 2, 1});
  }
  if (stack.size == shape[2])
    return v;
  shape[2] = stack.size;
  return SliceOp::create(b, loc, RankedTensorType::get(shape, element), v, ValueRange(), ValueRange(), ArrayRef<int64_t>{0, 0, stack.offset}, shape,
                         ArrayRef<int64_t>{1, 1, stack.stride});
}
