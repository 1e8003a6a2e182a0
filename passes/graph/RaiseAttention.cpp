// ds-graph-raise-attention: ds.attention from the two matmuls around a softmax.
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-raise-attention";
// What a masked-out score is at most, written where the exporter means minus infinity.
static constexpr double kExcluded = -1e4;

namespace {
// An operand with the storage axis of each logical axis.
struct Stored {
  Value value;
  SmallVector<int64_t> layout;
  RankedTensorType type() const { return cast<RankedTensorType>(value.getType()); }
};

// Added to the scores, or (from a select) 0 where `kept` and `excluded` elsewhere.
struct Mask {
  Value added;
  SelectOp select;
  bool keptWhereTrue = false;
  double excluded = 0;
};

struct Attention {
  Stored q, k, v;
  SmallVector<Mask> masks;
  double scale = 1;
};
} // namespace

static bool isHalfToSingle(CastOp cast) {
  Type from = cast.getInput().getType().getElementType(), to = cast.getType().getElementType();
  return from == to || (from.isF32() && to.getIntOrFloatBitWidth() == 16) || (to.isF32() && from.getIntOrFloatBitWidth() == 16);
}

static bool isFloat(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }

// Through a multiplication or division by a constant that does not broadcast.
static Value peelScale(Value v, double &scale) {
  if (auto mul = v.getDefiningOp<MulOp>())
    if (auto c = withScalar<MulOp>(v); c && c->value.getType() == v.getType()) {
      scale *= c->scalar;
      return c->value;
    }
  auto div = v.getDefiningOp<DivOp>();
  auto by = div ? splatOf(div.getRhs()) : std::nullopt;
  if (!by || *by == 0 || div.getLhs().getType() != v.getType())
    return nullptr;
  scale /= *by;
  return div.getLhs();
}

// Through transposes (into the layout) and, for q and k, scales.
static Stored peel(Stored stored, double *scale) {
  while (true) {
    Value inner = scale ? peelScale(stored.value, *scale) : Value();
    if (auto transpose = stored.value.getDefiningOp<TransposeOp>()) {
      for (int64_t &axis : stored.layout)
        axis = transpose.getPermutation()[axis];
      inner = transpose.getInput();
    }
    if (!inner)
      return stored;
    stored.value = inner;
  }
}

// reshape(broadcast(x)) where only an axis behind the heads is repeated and merged into them: the broadcast.
static BroadcastOp headRepetition(const Stored &stored) {
  auto merge = stored.value.getDefiningOp<ReshapeOp>();
  auto repeat = merge ? merge.getInput().getDefiningOp<BroadcastOp>() : nullptr;
  if (!repeat || stored.layout.size() != 4 || repeat.getType().getRank() != 5 || repeat.getInput().getType().getRank() != 5)
    return nullptr;
  int64_t heads = stored.layout[1], copies = heads + 1;
  RankedTensorType from = repeat.getInput().getType(), to = repeat.getType();
  if (copies == 5 || from.getDimSize(copies) != 1 || to.isDynamicDim(copies) || to.isDynamicDim(heads))
    return nullptr;
  for (int64_t axis = 0, out = 0; axis < 5; ++axis) {
    if (axis == copies)
      continue;
    int64_t merged = axis == heads ? to.getDimSize(axis) * to.getDimSize(copies) : to.getDimSize(axis);
    if (from.getDimSize(axis) != to.getDimSize(axis) || merge.getType().getDimSize(out++) != merged)
      return nullptr;
  }
  return repeat;
}

// Keys or values as they were before `repeat` gave every query head its own.
static Stored ungrouped(PatternRewriter &rewriter, Stored stored, BroadcastOp repeat) {
  if (!repeat)
    return stored;
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, repeat.getLoc(), repeat.getInput());
  sizes.erase(sizes.begin() + stored.layout[1] + 1);
  return {reshapeTo(rewriter, repeat.getLoc(), repeat.getInput(), sizes), stored.layout};
}

// The mask of a select as an f32 tensor to add.
static Value additive(PatternRewriter &rewriter, const Mask &mask) {
  if (mask.added)
    return mask.added;
  SelectOp select = mask.select;
  auto scalar = [&](double x) -> Value {
    auto type = RankedTensorType::get({}, rewriter.getF32Type());
    return ConstantOp::create(rewriter, select.getLoc(), DenseElementsAttr::get(type, static_cast<float>(x)));
  };
  Value kept = scalar(0), out = scalar(mask.excluded);
  auto type = RankedTensorType::get(select.getCondition().getType().getShape(), rewriter.getF32Type());
  return SelectOp::create(rewriter, select.getLoc(), type, select.getCondition(), mask.keptWhereTrue ? kept : out,
                          mask.keptWhereTrue ? out : kept);
}

// Follows scores down to q k^T, collecting scales and masks. Scales must lie below the masks.
static MatmulOp followScores(Value v, Attention &found, unsigned depth = 0) {
  if (depth > 12)
    return nullptr;
  if (auto matmul = v.getDefiningOp<MatmulOp>())
    return matmul;
  if (auto cast = v.getDefiningOp<CastOp>(); cast && isFloat(cast.getInput()) && isHalfToSingle(cast))
    return followScores(cast.getInput(), found, depth + 1);
  double scale = 1;
  if (Value inner = peelScale(v, scale)) {
    size_t masksAbove = found.masks.size();
    MatmulOp matmul = followScores(inner, found, depth + 1);
    if (!matmul || found.masks.size() != masksAbove)
      return nullptr;
    found.scale *= scale;
    return matmul;
  }
  if (auto add = v.getDefiningOp<AddOp>()) {
    for (auto [scores, mask] : {std::pair<Value, Value>{add.getLhs(), add.getRhs()}, {add.getRhs(), add.getLhs()}}) {
      if (scores.getType() != v.getType())
        continue;
      Attention below = found;
      below.masks.push_back({mask, {}});
      if (MatmulOp matmul = followScores(scores, below, depth + 1)) {
        found = below;
        return matmul;
      }
    }
    return nullptr;
  }
  if (auto select = v.getDefiningOp<SelectOp>()) {
    auto ifTrue = splatOf(select.getLhs()), ifFalse = splatOf(select.getRhs());
    auto excluded = ifTrue ? ifTrue : ifFalse;
    if (!excluded || *excluded > kExcluded)
      return nullptr;
    Value scores = ifTrue ? select.getRhs() : select.getLhs();
    if (scores.getType() != v.getType())
      return nullptr;
    MatmulOp matmul = followScores(scores, found, depth + 1);
    if (matmul)
      found.masks.push_back({Value(), select, !ifTrue, *excluded});
    return matmul;
  }
  return nullptr;
}

// select(is_nan(p), 0, p) -> p: torch's guard for rows in which -inf masks everything.
static Value throughNanGuard(Value v) {
  auto select = v.getDefiningOp<SelectOp>();
  auto test = select ? select.getCondition().getDefiningOp<IsNanOp>() : nullptr;
  return test && test.getInput() == select.getRhs() && splatOf(select.getLhs()) == 0.0 ? select.getRhs() : v;
}

// Whether a mask cannot make a softmax of NaNs: it selects between finite numbers.
static bool isFinite(const Mask &mask) {
  if (!mask.added)
    return std::isfinite(mask.excluded);
  Value v = mask.added;
  while (Operation *op = v.getDefiningOp()) {
    if (isa<ReshapeOp, BroadcastOp, SliceOp, CastOp>(op)) {
      v = op->getOperand(0);
      continue;
    }
    auto select = dyn_cast<SelectOp>(op);
    auto a = select ? splatOf(select.getLhs()) : splatOf(v), b = select ? splatOf(select.getRhs()) : a;
    return a && b && std::isfinite(*a) && std::isfinite(*b);
  }
  return false;
}

static Value throughCasts(Value v) {
  while (auto cast = v.getDefiningOp<CastOp>()) {
    if (!isFloat(cast.getInput()) || !isHalfToSingle(cast))
      break;
    v = cast.getInput();
  }
  return v;
}

// 0 where the attention of a row is NaN.
static Value guarded(PatternRewriter &rewriter, AttentionOp attention) {
  Location loc = attention.getLoc();
  RankedTensorType type = attention.getType();
  auto zero = DenseElementsAttr::get(RankedTensorType::get({}, type.getElementType()), rewriter.getZeroAttr(type.getElementType()));
  Value isNan = IsNanOp::create(rewriter, loc, RankedTensorType::get(type.getShape(), rewriter.getI1Type()), attention);
  return SelectOp::create(rewriter, loc, type, isNan, ConstantOp::create(rewriter, loc, zero), attention);
}

// The sum of the masks, f32.
static Value sumOfMasks(PatternRewriter &rewriter, Location loc, ArrayRef<Mask> masks) {
  Value sum;
  for (const Mask &part : masks) {
    Value mask = additive(rewriter, part);
    auto type = cast<RankedTensorType>(mask.getType());
    if (!type.getElementType().isF32())
      mask = CastOp::create(rewriter, loc, RankedTensorType::get(type.getShape(), rewriter.getF32Type()), mask);
    sum = sum ? createInferred<AddOp>(rewriter, loc, {rewriter.getF32Type()}, {sum, mask}).getResult() : mask;
  }
  return sum;
}

// The axes of a matrix operand of rank `rank`, the last two exchanged if it is stored transposed.
static SmallVector<int64_t> storedAxes(int64_t rank, bool transposed) {
  SmallVector<int64_t> layout = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (transposed)
    std::swap(layout[rank - 2], layout[rank - 1]);
  return layout;
}

// With a batch of 1 before the heads, where a model merged both into one axis.
static Stored withBatch(PatternRewriter &rewriter, Stored stored) {
  if (stored.layout.size() == 4)
    return stored;
  SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, stored.value.getLoc(), stored.value);
  sizes.insert(sizes.begin(), rewriter.getIndexAttr(1));
  SmallVector<int64_t> layout{0};
  for (int64_t axis : stored.layout)
    layout.push_back(axis + 1);
  return {reshapeTo(rewriter, stored.value.getLoc(), stored.value, sizes), layout};
}

// Why the two products around a softmax are no attention; null when they are.
static const char *whyNot(MatmulOp op, MatmulOp scores, const Attention &found) {
  int64_t rank = op.getType().getRank(), heads = rank - 3;
  Type element = op.getType().getElementType();
  RankedTensorType q = found.q.type();
  for (const Stored *stored : {&found.q, &found.k, &found.v}) {
    if (stored->type().getElementType() != element)
      return "operands of different element types";
    for (int64_t axis = 0; axis < heads; ++axis)
      if (stored->type().getDimSize(stored->layout[axis]) != q.getDimSize(found.q.layout[axis]))
        return "batches broadcast";
  }
  auto headsOf = [&](const Stored &stored) { return stored.type().getDimSize(stored.layout[heads]); };
  int64_t h = headsOf(found.q), hk = headsOf(found.k);
  if (hk != headsOf(found.v) || (h != hk && (ShapedType::isDynamic(h) || ShapedType::isDynamic(hk) || hk == 0 || h % hk)))
    return "heads of queries, keys and values do not fit";
  return scores->hasOneUse() && op.getLhs().hasOneUse() ? nullptr : "something else needs the scores or weights";
}

static AttentionOp createAttention(PatternRewriter &rewriter, Location loc, MatmulOp op, Attention &found, BroadcastOp repeatK,
                                   BroadcastOp repeatV) {
  found.q = withBatch(rewriter, found.q);
  found.k = withBatch(rewriter, peel(ungrouped(rewriter, found.k, repeatK), nullptr));
  found.v = withBatch(rewriter, peel(ungrouped(rewriter, found.v, repeatV), nullptr));
  Value mask = sumOfMasks(rewriter, loc, found.masks);
  SmallVector<int64_t> shape(op.getType().getShape());
  shape.insert(shape.begin(), 4 - shape.size(), 1);
  remarkPassed(loc, kPass, "raised", mask ? "to attention with a mask" : "to attention");
  return AttentionOp::create(rewriter, loc, RankedTensorType::get(shape, op.getType().getElementType()), found.q.value, found.k.value,
                             found.v.value, mask, APFloat(found.scale), false, IntegerAttr(), IntegerAttr(),
                             APFloat(-std::numeric_limits<double>::infinity()), found.q.layout, found.k.layout, found.v.layout,
                             storedAxes(4, false));
}

// matmul(softmax(scale * matmul(q, k^T) + mask), v) -> attention q, k, v mask
static LogicalResult raiseAttention(MatmulOp op, PatternRewriter &rewriter) {
  // Each step of 16-bit attention rounds, as ONNX defines it; the fused op would not.
  if (!op.getType().getElementType().isF32() && !op.getType().getElementType().isF64())
    return rewriter.notifyMatchFailure(op, "in 16 bits");
  Value weights = throughCasts(op.getLhs()), unguarded = throughNanGuard(weights);
  auto softmax = unguarded.getDefiningOp<SoftmaxOp>();
  int64_t rank = op.getType().getRank();
  if (!softmax || softmax.getLog() || op.getTransposeA() || (rank != 3 && rank != 4) ||
      static_cast<int64_t>(softmax.getAxis()) != rank - 1 || !isFloat(op.getResult()))
    return rewriter.notifyMatchFailure(op, "the left operand is no softmax over the last of three or four axes");
  Attention found;
  MatmulOp scores = followScores(softmax.getInput(), found);
  if (!scores)
    return rewriter.notifyMatchFailure(op, "the softmax is not over scaled and masked products");
  for (Value v : {Value(scores), Value(scores.getLhs()), Value(scores.getRhs()), Value(op.getRhs())})
    if (cast<RankedTensorType>(v.getType()).getRank() != rank)
      return rewriter.notifyMatchFailure(op, "an operand of a product has another rank");
  found.q = peel({scores.getLhs(), storedAxes(rank, scores.getTransposeA())}, &found.scale);
  found.k = peel({scores.getRhs(), storedAxes(rank, !scores.getTransposeB())}, &found.scale);
  found.v = peel({op.getRhs(), storedAxes(rank, op.getTransposeB())}, nullptr);
  if (const char *why = whyNot(op, scores, found))
    return rewriter.notifyMatchFailure(op, why);
  BroadcastOp repeatK = headRepetition(found.k), repeatV = headRepetition(found.v);
  if (!repeatK != !repeatV)
    return rewriter.notifyMatchFailure(op, "keys and values are repeated for grouped heads in different ways");
  Location loc = fusedBetween(op, {found.q.value, found.k.value, found.v.value});
  AttentionOp attention = createAttention(rewriter, loc, op, found, repeatK, repeatV);
  bool needsGuard = weights != unguarded && !llvm::all_of(found.masks, isFinite);
  Value result = needsGuard ? guarded(rewriter, attention) : attention.getResult();
  if (rank == 3)
    result = reshapeTo(rewriter, loc, result, ArrayRef(mixedSizes(rewriter, loc, result)).drop_front());
  rewriter.replaceOp(op, result);
  return success();
}

namespace {
struct RaiseAttention : ds::impl::RaiseAttentionBase<RaiseAttention> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(raiseAttention);
    if (failed(normalize(getOperation())) || failed(rewriteGreedily(getOperation(), std::move(patterns))) ||
        failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
