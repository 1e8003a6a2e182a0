// ds-graph-raise-attention-masks: causal and sliding-window masks become attributes of ds.attention.
#include "lib/support/OnnxLoc.h"
#include "passes/graph/DiagonalBands.h"
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"
#include "passes/graph/ShapeUtils.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISEATTENTIONMASKS
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-graph-raise-attention-masks";
// C6 of ds.attention.
static constexpr double kMostExcluded = -1e30;

namespace {
// A bool, or its opposite.
struct Condition {
  Value value;
  bool negated;
};

// A mask taken apart: keys outside `band` or where one of `others` does not hold have `excluded`, the rest 0.
struct Parts {
  Band band;
  SmallVector<Condition> others;
  double excluded;
};

struct Raiser {
  explicit Raiser(func::FuncOp func) : func(func), shapes(func), bands(shapes, data) {}

  void run() {
    SmallVector<AttentionOp> ops;
    func.walk([&](AttentionOp op) {
      if (op.getMask())
        ops.push_back(op);
    });
    for (AttentionOp op : ops)
      raise(op);
  }

private:
  // attention q, k, v mask select(and(band, others), 0, excluded) -> attention q, k, v mask select(others, 0, excluded) {band}
  void raise(AttentionOp op) {
    Parts parts;
    if (const char *why = takeApart(op, parts))
      return remarkMissed(op.getLoc(), kPass, "mask", why);
    Band band = parts.band.meet({op.getWindowLeft(), op.getCausal() ? 0 : op.getWindowRight()});
    OpBuilder b(op);
    RankedTensorType type = op.getMask().getType();
    Value mask = additive(b, op.getLoc(), type.getElementType(), parts);
    op.getMaskMutable().clear();
    if (mask)
      op.getMaskMutable().assign(mask);
    auto bound = [&](std::optional<int64_t> keys) { return keys ? b.getI64IntegerAttr(*keys) : IntegerAttr(); };
    op.setCausal(band.right == 0);
    op.setWindowLeftAttr(bound(band.left));
    op.setWindowRightAttr(band.right == 0 ? IntegerAttr() : bound(band.right));
    if (band.left || band.right)
      op.setExcludedAttr(b.getF64FloatAttr(parts.excluded));
    std::string what = !parts.band.left && !parts.band.right ? "a mask that excludes nothing"
                       : band.right == 0                     ? "a causal mask"
                                                             : "a window's mask";
    if (parts.band.left)
      what += " of " + std::to_string(*parts.band.left + 1) + " keys up to each query's own";
    remarkPassed(op.getLoc(), kPass, "raised", what + (mask ? ", the rest of it stays added" : ""));
  }

  // Returns why not, or null.
  const char *takeApart(AttentionOp op, Parts &parts) {
    AffineExpr queries = shapes.dims(op.getQ())[op.getQLayout()[2]], keys = shapes.dims(op.getK())[op.getKLayout()[2]];
    Value mask = op.getMask();
    if (std::optional<Band> band = bands.bandOf(mask, parts.excluded, queries, keys)) {
      parts.band = *band;
    } else {
      auto select = selectOf(mask);
      if (!select)
        return "the mask is neither a constant band nor selected by a condition";
      auto ifTrue = splatOf(select.getLhs()), ifFalse = splatOf(select.getRhs());
      if (!ifTrue || !ifFalse || (*ifTrue == 0) == (*ifFalse == 0))
        return "the mask does not select between 0 and another number";
      parts.excluded = *ifTrue == 0 ? *ifFalse : *ifTrue;
      if (!collect({select.getCondition(), *ifTrue != 0}, parts, queries, keys))
        return "no condition of the mask is proved to be a band around the diagonal of queries and keys";
    }
    if (!(parts.excluded <= kMostExcluded))
      return "what the mask excludes keeps some weight: its number is above -1e30";
    bool isBounded = op.getCausal() || op.getWindowLeft() || op.getWindowRight();
    return isBounded && op.getExcluded().convertToDouble() != parts.excluded ? "another number is excluded already" : nullptr;
  }

  // The select behind broadcasts, and behind reshapes that add leading axes.
  static SelectOp selectOf(Value mask) {
    while (Operation *op = mask.getDefiningOp()) {
      if (!isa<BroadcastOp>(op) && !(isa<ReshapeOp>(op) && trimmedShape(op->getOperand(0)) == trimmedShape(mask)))
        return dyn_cast<SelectOp>(op);
      mask = op->getOperand(0);
    }
    return nullptr;
  }

  // Conjunctions fall apart into bands, what always holds, and others. Returns whether there was anything but others.
  bool collect(Condition c, Parts &parts, AffineExpr queries, AffineExpr keys) {
    if (auto opposite = c.value.getDefiningOp<NotOp>())
      return collect({opposite.getInput(), !c.negated}, parts, queries, keys);
    Operation *op = c.value.getDefiningOp();
    if (op && (c.negated ? isa<OrOp>(op) : isa<AndOp>(op))) {
      bool left = collect({op->getOperand(0), c.negated}, parts, queries, keys);
      return collect({op->getOperand(1), c.negated}, parts, queries, keys) || left;
    }
    auto constant = c.value.getDefiningOp<ConstantOp>();
    auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : nullptr;
    if (splat && splat.getSplatValue<bool>() != c.negated)
      return false;
    if (std::optional<Band> band = bands.bandOf(c.value, c.negated, queries, keys)) {
      parts.band = parts.band.meet(*band);
      return true;
    }
    parts.others.push_back(c);
    return false;
  }

  static Value additive(OpBuilder &b, Location loc, Type element, const Parts &parts) {
    Value kept;
    for (const Condition &c : parts.others) {
      auto type = cast<RankedTensorType>(c.value.getType());
      Value holds = c.negated ? NotOp::create(b, loc, type, c.value).getResult() : c.value;
      kept = kept ? createInferred<AndOp>(b, loc, {b.getI1Type()}, {kept, holds}).getResult() : holds;
    }
    if (!kept)
      return nullptr;
    auto scalar = [&](double x) -> Value {
      return ConstantOp::create(b, loc, DenseElementsAttr::get(RankedTensorType::get({}, element), b.getFloatAttr(element, x)));
    };
    auto type = RankedTensorType::get(cast<RankedTensorType>(kept.getType()).getShape(), element);
    Value zero = scalar(0), excluded = scalar(parts.excluded);
    return SelectOp::create(b, loc, type, kept, zero, excluded);
  }

  func::FuncOp func;
  SymbolicShapes shapes;
  WeightData data;
  DiagonalBands bands;
};

struct RaiseAttentionMasks : ds::impl::RaiseAttentionMasksBase<RaiseAttentionMasks> {
  void runOnOperation() override {
    if (failed(normalize(getOperation())))
      return signalPassFailure();
    for (func::FuncOp func : shapedFunctions(getOperation()))
      Raiser(func).run();
    if (failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
