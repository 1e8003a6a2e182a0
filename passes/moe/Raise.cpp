// ds-moe-raise: mixture-of-experts layers from what exporters write.
#include "lib/support/OnnxLoc.h"
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "passes/moe/Build.h"
#include "passes/moe/Candidates.h"
#include "passes/moe/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::ds {
#define GEN_PASS_DEF_RAISE
#include "passes/moe/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

static constexpr StringLiteral kPass = "ds-moe-raise";
// Tried in this order on every op.
static constexpr Matcher kForms[] = {matchStacked, matchLoop, matchSegments, matchBaked};

static void remarkRaised(const LayerMatch &layer, const RouterMatch &router, Location loc, bool hasShared) {
  std::string text = (Twine("form ") + layer.form + ", " + Twine(router.numExperts) + " experts, " + Twine(router.k) + " per token" +
                      (hasShared ? ", a shared expert beside it" : ""))
                         .str();
  if (layer.isDense)
    text += "; experts that a token did not choose no longer add 0 x Inf";
  if (router.droppedEpsilon != 0)
    text += "; the normalisation's epsilon of " + llvm::formatv("{0:e}", router.droppedEpsilon).str() + " is gone";
  remarkPassed(loc, kPass, "raised", text);
}

namespace {
class Raiser {
public:
  explicit Raiser(func::FuncOp func) : func(func), shapes(func), candidates(func) {}
  // Whether anything was raised.
  bool run();

private:
  bool raiseAt(Operation *root);

  func::FuncOp func;
  SymbolicShapes shapes;
  WeightData data;
  Candidates candidates;
  llvm::SmallPtrSet<Operation *, 32> dead; // inside of raised layers
};
} // namespace

bool Raiser::raiseAt(Operation *root) {
  Reasons best;
  for (Matcher matcher : kForms) {
    MatchContext context{shapes, data, {}};
    FailureOr<LayerMatch> layer = matcher(root, context);
    FailureOr<RouterMatch> router = failed(layer) ? FailureOr<RouterMatch>(failure()) : matchRouter(layer->weights, layer->experts, context);
    if (succeeded(router) && succeeded(checkLayer(*layer, *router, context))) {
      bool hasShared = hasSharedExpert(*layer);
      dead.insert_range(innerOps(*layer));
      remarkRaised(*layer, *router, buildLayer(*layer, *router, func, context), hasShared);
      candidates.raised(root);
      return true;
    }
    if (context.reasons.furthest > best.furthest)
      best = context.reasons;
  }
  if (best.furthest > Stage::root)
    candidates.note(root, best);
  return false;
}

bool Raiser::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : func.getBody().front())
    if (isa<DsDialect>(op.getDialect()) && op.getNumResults() && !isOpTriviallyDead(&op))
      ops.push_back(&op);
  bool any = false;
  for (Operation *op : llvm::reverse(ops))
    any |= !dead.contains(op) && raiseAt(op);
  for (const Reasons &why : candidates.missed()) {
    if (why.isBaked)
      emitWarning(why.at->getLoc(), why.text + "; results are wrong for other inputs, export the model with another form of experts: " +
                                        describe(why.at->getLoc()));
    remarkMissed(why.at->getLoc(), kPass, "not-raised", "mixture-of-experts layer left as it is: " + why.text);
  }
  return any;
}

// Layers that the importer made of com.microsoft::MoE.
static void remarkImported(ModuleOp module) {
  module.walk([](ExpertsOp op) {
    if (isNode(op.getLoc(), "MoE"))
      remarkPassed(op.getLoc(), kPass, "raised",
                   "form F, " + Twine(op.getUp().getType().getDimSize(0)) + " experts, " + Twine(op.getWeights().getType().getDimSize(1)) + " per token");
  });
}

namespace {
struct Raise : mlir::ds::impl::RaiseBase<Raise> {
  using RaiseBase::RaiseBase;
  void runOnOperation() override {
    remarkImported(getOperation());
    if (!getOperation().walk([](TopKOp) { return WalkResult::interrupt(); }).wasInterrupted())
      return;
    OpPassManager before(ModuleOp::getOperationName()), after(ModuleOp::getOperationName());
    if (normalForm)
      buildGraphPipeline(before);
    if (failed(runPipeline(before, getOperation())))
      return signalPassFailure();
    bool any = false;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.getBody().hasOneBlock())
        any |= Raiser(func).run();
    buildShapePipeline(after);
    after.addPass(createCanonicalize());
    buildShapePipeline(after);
    if (any && failed(runPipeline(after, getOperation())))
      signalPassFailure();
  }
};
} // namespace
