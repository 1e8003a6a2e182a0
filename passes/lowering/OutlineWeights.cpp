// ds-lowering-outline-weights: weights, and what is computed from them alone, move to the weight program.
#include "passes/lowering/Passes.h"
#include "passes/lowering/WeightOnly.h"
#include "mlir/IR/Dominance.h"
#include "llvm/ADT/SetVector.h"
#include "mlir/Transforms/CSE.h"

namespace mlir::ds {
#define GEN_PASS_DEF_OUTLINEWEIGHTS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

// Two references to the same bytes become one.
static void shareWeights(func::FuncOp main) {
  DenseMap<std::pair<Attribute, Attribute>, SmallVector<WeightOp>> seen;
  for (auto weight : llvm::make_early_inc_range(main.getOps<WeightOp>())) {
    auto &same = seen[{weight.getFileAttr(), weight.getOffsetAttr()}];
    auto it = llvm::find_if(same, [&](WeightOp o) { return o.getType() == weight.getType() && o.getLength() == weight.getLength(); });
    if (it == same.end()) {
      same.push_back(weight);
      continue;
    }
    weight.replaceAllUsesWith(it->getResult());
    weight.erase();
  }
  IRRewriter rewriter(main.getContext());
  DominanceInfo dominance(main);
  eliminateCommonSubExpressions(rewriter, dominance, main);
}

// Constants of a few elements, of one repeated, and integers (indices, mostly) are better known where they are read; others
// would make groups differ that are equal but for them.
static bool staysInMain(Operation &op) {
  auto constant = dyn_cast<ConstantOp>(op);
  if (!constant)
    return !isWeightComputation(&op);
  return constant.getType().getNumElements() <= 8 || !isa<FloatType>(constant.getType().getElementType()) ||
         isa<SplatElementsAttr>(constant.getValue());
}

// A reshape costs nothing in main, and there one weight serves all its shapes.
static Value behindReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

// What main reads of the weight program, in order.
static SmallVector<Value> findFrontier(func::FuncOp main, WeightOnly &weightOnly) {
  SmallVector<Value> frontier;
  for (Operation &op : main.getBody().front()) {
    if (staysInMain(op))
      continue;
    for (Value result : op.getResults())
      if (weightOnly(result) && llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !isWeightComputation(user) || !weightOnly(user->getResult(0));
          }))
        frontier.push_back(result);
  }
  return frontier;
}

static void cloneInto(OpBuilder &b, Value value, IRMapping &mapping) {
  if (mapping.contains(value))
    return;
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands())
    cloneInto(b, operand, mapping);
  b.clone(*op, mapping);
}

namespace {
struct OutlineWeights : ds::impl::OutlineWeightsBase<OutlineWeights> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    shareWeights(main);
    WeightOnly weightOnly;
    SmallVector<Value> read = findFrontier(main, weightOnly);
    if (read.empty())
      return;
    llvm::SetVector<Value> frontier;
    for (Value value : read)
      frontier.insert(behindReshapes(value));
    OpBuilder b(&getContext());
    b.setInsertionPoint(main);
    auto type = b.getFunctionType({}, TypeRange(ValueRange(frontier.getArrayRef())));
    auto weights = func::FuncOp::create(b, main.getLoc(), "weights", type);
    b.setInsertionPointToStart(weights.addEntryBlock());
    IRMapping mapping;
    for (Value value : frontier)
      cloneInto(b, value, mapping);
    func::ReturnOp::create(b, main.getLoc(), llvm::map_to_vector(frontier.getArrayRef(), [&](Value v) { return mapping.lookup(v); }));

    b.setInsertionPointToStart(&main.getBody().front());
    SmallVector<Value> loaded;
    for (auto [i, value] : llvm::enumerate(frontier))
      loaded.push_back(dsk::WeightOp::create(b, value.getLoc(), value.getType(), static_cast<uint64_t>(i)));
    for (Value value : read) {
      auto at = llvm::find(frontier, behindReshapes(value)) - frontier.begin();
      Value weight = loaded[at];
      auto type = cast<RankedTensorType>(value.getType());
      if (weight.getType() != type)
        weight = ReshapeOp::create(b, value.getLoc(), type, weight, ValueRange(), type.getShape());
      value.replaceUsesWithIf(weight, [&](OpOperand &use) {
        Operation *user = use.getOwner();
        return !isWeightComputation(user) || !weightOnly(user->getResult(0));
      });
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
