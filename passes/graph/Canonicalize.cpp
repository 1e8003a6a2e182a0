// ds-graph-canonicalize: the normal form of a ds module.
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Patterns.h"

namespace mlir::ds {
#define GEN_PASS_DEF_CANONICALIZE
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

// Patterns that undo each other end as a failure, not as a hang.
static GreedyRewriteConfig limited() {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled).setMaxIterations(64).setMaxNumRewrites(1 << 17);
  return config;
}

LogicalResult mlir::ds::rewriteGreedily(Operation *root, RewritePatternSet &&patterns) {
  return applyPatternsGreedily(root, std::move(patterns), limited());
}

LogicalResult mlir::ds::normalize(Operation *root) {
  MLIRContext *context = root->getContext();
  RewritePatternSet patterns(context);
  populateArithmeticPatterns(patterns);
  populateMovementPatterns(patterns);
  populateMatmulPatterns(patterns);
  for (Dialect *dialect : context->getLoadedDialects())
    dialect->getCanonicalizationPatterns(patterns);
  for (RegisteredOperationName op : context->getRegisteredOperations())
    if (isa<arith::ArithDialect, tensor::TensorDialect, affine::AffineDialect>(op.getDialect()))
      op.getCanonicalizationPatterns(patterns, context);
  FrozenRewritePatternSet frozen(std::move(patterns));
  IRRewriter rewriter(context);
  DominanceInfo dominance(root);
  bool changed = true;
  // Equal subexpressions unlock patterns and the other way round; three rounds have always been enough.
  for (int round = 0; changed && round < 8; ++round) {
    if (failed(applyPatternsGreedily(root, frozen, limited())))
      return root->emitError("the normal form was not reached: patterns of ds-graph-canonicalize do not end");
    eliminateCommonSubExpressions(rewriter, dominance, root, &changed);
    changed |= simplifyMovementChains(root);
  }
  return success();
}

namespace {
struct Canonicalize : ds::impl::CanonicalizeBase<Canonicalize> {
  void runOnOperation() override {
    if (failed(normalize(getOperation())))
      signalPassFailure();
  }
};
} // namespace
