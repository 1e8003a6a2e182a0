// ds-graph-raise-rope: rotary position embeddings from halves, negations and concatenations.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISEROPE
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-raise-rope";

// The half of the last axis that starts at `offset`, of which all other axes are whole: what it is a half of.
static Value halfOf(Value v, int64_t offset) {
  auto slice = v.getDefiningOp<SliceOp>();
  if (!slice)
    return nullptr;
  RankedTensorType whole = slice.getInput().getType(), part = slice.getType();
  int64_t last = whole.getRank() - 1;
  if (whole.isDynamicDim(last) || whole.getDimSize(last) % 2 || part.getDimSize(last) != whole.getDimSize(last) / 2)
    return nullptr;
  for (int64_t axis = 0; axis <= last; ++axis) {
    int64_t start = axis == last ? offset * part.getDimSize(last) : 0;
    if (slice.getStaticOffsets()[axis] != start || slice.getStrides()[axis] != 1)
      return nullptr;
    // A dynamic axis from offset 0 is whole because the result is added to the whole.
    if (axis != last && whole.getDimSize(axis) != part.getDimSize(axis))
      return nullptr;
  }
  return slice.getInput();
}

// concat(-second half of x, first half of x): x.
static Value rotatedHalves(Value v) {
  auto concat = v.getDefiningOp<ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 || static_cast<int64_t>(concat.getAxis()) != concat.getType().getRank() - 1)
    return nullptr;
  Product negated = productOf(concat.getInputs()[0]);
  if (negated.coefficient != -1 || negated.factors.size() != 1)
    return nullptr;
  Value x = halfOf(negated.factors[0], 1);
  return x && halfOf(concat.getInputs()[1], 0) == x && x.getType() == v.getType() ? x : Value();
}

// The table of half the width that `v` repeats along its last axis: t of concat(t, t), through elementwise ops, reshapes and
// broadcasts that treat both halves alike. Null when `v` is something else.
static Value halfTable(PatternRewriter &rewriter, Value v, unsigned depth = 0) {
  auto type = cast<RankedTensorType>(v.getType());
  Operation *op = v.getDefiningOp();
  if (!op || depth > 6 || type.getRank() == 0)
    return nullptr;
  int64_t last = type.getShape().back();
  if (auto concat = dyn_cast<ConcatOp>(op)) {
    bool twice = concat.getInputs().size() == 2 && concat.getInputs()[0] == concat.getInputs()[1] &&
                 static_cast<int64_t>(concat.getAxis()) == type.getRank() - 1;
    return twice ? concat.getInputs()[0] : Value();
  }
  if (ShapedType::isDynamic(last) || last % 2)
    return nullptr;
  if (isElementwise(op) && op->getNumOperands() == 1) {
    Value half = halfTable(rewriter, op->getOperand(0), depth + 1);
    if (!half)
      return nullptr;
    OperationState state(op->getLoc(), op->getName(), half,
                         RankedTensorType::get(cast<RankedTensorType>(half.getType()).getShape(), type.getElementType()), op->getAttrs());
    if (Attribute properties = op->getPropertiesAsAttribute())
      state.propertiesAttr = properties;
    return rewriter.create(state)->getResult(0);
  }
  if (auto mul = dyn_cast<MulOp>(op)) {
    auto c = withScalar<MulOp>(v);
    Value half = c && c->value.getType() == type ? halfTable(rewriter, c->value, depth + 1) : Value();
    return half ? MulOp::create(rewriter, op->getLoc(), half.getType(), half, mul.getLhs() == c->value ? mul.getRhs() : mul.getLhs())
                      .getResult()
                : Value();
  }
  auto reshape = dyn_cast<ReshapeOp>(op);
  if (!reshape || reshape.getInput().getType().getRank() == 0 || reshape.getInput().getType().getShape().back() != last)
    return nullptr;
  Value half = halfTable(rewriter, reshape.getInput(), depth + 1);
  if (!half)
    return nullptr;
  SmallVector<OpFoldResult> sizes = getMixedValues(reshape.getStaticSizes(), reshape.getSizes(), rewriter);
  sizes.back() = rewriter.getIndexAttr(last / 2);
  return reshapeTo(rewriter, op->getLoc(), half, sizes);
}

// The first half of the last axis of a table, whose halves are equal.
static Value firstHalf(PatternRewriter &rewriter, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, v.getLoc(), v);
  SmallVector<Value> dynamic;
  SmallVector<int64_t> statics;
  sizes.back() = rewriter.getIndexAttr(type.getShape().back() / 2);
  dispatchIndexOpFoldResults(sizes, dynamic, statics);
  SmallVector<int64_t> zeros(type.getRank(), 0), ones(type.getRank(), 1);
  return SliceOp::create(rewriter, v.getLoc(), RankedTensorType::get(statics, type.getElementType()), v, ValueRange(), dynamic,
                         zeros, statics, ones);
}

// Whether the table repeats itself in its second half: concat(t, t), or something halfTable() sees through to one.
static bool isRepeated(Value v, unsigned depth = 0) {
  Operation *op = v.getDefiningOp();
  if (!op || depth > 6)
    return false;
  if (auto concat = dyn_cast<ConcatOp>(op))
    return concat.getInputs().size() == 2 && concat.getInputs()[0] == concat.getInputs()[1] &&
           static_cast<int64_t>(concat.getAxis()) == concat.getType().getRank() - 1;
  auto lastOf = [](Value x) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(x.getType()).getShape();
    return shape.empty() ? 0 : shape.back();
  };
  if (isa<ReshapeOp, BroadcastOp, SliceOp, GatherOp>(op))
    return lastOf(op->getOperand(0)) == lastOf(v) && (!isa<GatherOp>(op) || cast<GatherOp>(op).getAxis() == 0) &&
           isRepeated(op->getOperand(0), depth + 1);
  if (isElementwise(op) && op->getNumOperands() == 1)
    return isRepeated(op->getOperand(0), depth + 1);
  auto c = withScalar<MulOp>(v);
  return c && c->value.getType() == v.getType() && isRepeated(c->value, depth + 1);
}

// x * c + rotated(x) * s: x, c, s.
static LogicalResult raiseRope(AddOp op, PatternRewriter &rewriter) {
  for (auto [plain, turned] : {std::pair<Value, Value>{op.getLhs(), op.getRhs()}, {op.getRhs(), op.getLhs()}}) {
    auto timesCos = plain.getDefiningOp<MulOp>(), timesSin = turned.getDefiningOp<MulOp>();
    if (!timesCos || !timesSin)
      continue;
    for (auto [rotated, sin] : {std::pair<Value, Value>{timesSin.getLhs(), timesSin.getRhs()}, {timesSin.getRhs(), timesSin.getLhs()}}) {
      Value x = rotatedHalves(rotated);
      if (!x || x.getType() != op.getType() || (timesCos.getLhs() != x && timesCos.getRhs() != x))
        continue;
      Value cos = timesCos.getLhs() == x ? timesCos.getRhs() : timesCos.getLhs();
      if (!isRepeated(cos) || !isRepeated(sin))
        return rewriter.notifyMatchFailure(op, "the tables of cosines and sines do not repeat in their second halves");
      Location loc = fusedBetween(op, {x, cos, sin});
      Value halfCos = halfTable(rewriter, cos), halfSin = halfTable(rewriter, sin);
      halfCos = halfCos ? halfCos : firstHalf(rewriter, cos);
      halfSin = halfSin ? halfSin : firstHalf(rewriter, sin);
      remarkPassed(loc, kPass, "raised", "to a rotary embedding");
      rewriter.replaceOpWithNewOp<RopeOp>(op, op.getType(), x, halfCos, halfSin, false)->setLoc(loc);
      return success();
    }
  }
  return rewriter.notifyMatchFailure(op, "no x * cos + concat(-x2, x1) * sin");
}

// concat(x1 * c - x2 * s, x2 * c + x1 * s) of the halves x1, x2 of x -> rope x, c, s
static LogicalResult raiseRopeOfHalves(ConcatOp op, PatternRewriter &rewriter) {
  if (op.getInputs().size() != 2 || static_cast<int64_t>(op.getAxis()) != op.getType().getRank() - 1)
    return rewriter.notifyMatchFailure(op, "not of two halves of the last axis");
  auto low = op.getInputs()[0].getDefiningOp<SubOp>();
  auto high = op.getInputs()[1].getDefiningOp<AddOp>();
  auto a = low ? low.getLhs().getDefiningOp<MulOp>() : nullptr, b = low ? low.getRhs().getDefiningOp<MulOp>() : nullptr;
  if (!a || !b || !high)
    return rewriter.notifyMatchFailure(op, "not a difference and a sum of products");
  for (auto [x1, cos] : {std::pair<Value, Value>{a.getLhs(), a.getRhs()}, {a.getRhs(), a.getLhs()}}) {
    Value x = halfOf(x1, 0);
    bool left = x && halfOf(b.getLhs(), 1) == x;
    Value x2 = left ? b.getLhs() : b.getRhs(), sin = left ? b.getRhs() : b.getLhs();
    if (!x || halfOf(x2, 1) != x || x.getType() != op.getType())
      continue;
    auto isProduct = [](Value v, Value p, Value q) {
      auto mul = v.getDefiningOp<MulOp>();
      return mul && ((mul.getLhs() == p && mul.getRhs() == q) || (mul.getLhs() == q && mul.getRhs() == p));
    };
    if (!(isProduct(high.getLhs(), x2, cos) && isProduct(high.getRhs(), x1, sin)) &&
        !(isProduct(high.getRhs(), x2, cos) && isProduct(high.getLhs(), x1, sin)))
      continue;
    Location loc = fusedBetween(op, {x, cos, sin});
    remarkPassed(loc, kPass, "raised", "to a rotary embedding");
    rewriter.replaceOpWithNewOp<RopeOp>(op, op.getType(), x, cos, sin, false)->setLoc(loc);
    return success();
  }
  return rewriter.notifyMatchFailure(op, "the products are not those of a rotation");
}

namespace {
struct RaiseRope : ds::impl::RaiseRopeBase<RaiseRope> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(raiseRope).add(raiseRopeOfHalves);
    if (failed(normalize(getOperation())) || failed(rewriteGreedily(getOperation(), std::move(patterns))) ||
        failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
