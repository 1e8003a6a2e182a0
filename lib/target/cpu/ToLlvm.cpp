// The conversion to the LLVM dialect; transcendental functions become polynomials that LLVM vectorises.
#include "lib/target/cpu/ToLlvm.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace {
// math functions of f32 as polynomials, of 16-bit floats through f32. What is left (f64) calls libm.
struct ApproximateMath : PassWrapper<ApproximateMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ApproximateMath)
  StringRef getArgument() const override { return "ds-target-cpu-approximate-math"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    auto viaF32 = [](StringRef name) { return name != math::SqrtOp::getOperationName() && name != math::AbsFOp::getOperationName(); };
    populateMathF32ExpansionPatterns(patterns, viaF32);
    // pow, and the trigonometric functions of large arguments, are libm's.
    auto polynomial = [](StringRef name) {
      return llvm::is_contained({math::ExpOp::getOperationName(), math::LogOp::getOperationName(), math::Log2Op::getOperationName(),
                                 math::Log1pOp::getOperationName(), math::ExpM1Op::getOperationName(), math::TanhOp::getOperationName(),
                                 math::ErfOp::getOperationName()},
                                name);
    };
    populateMathPolynomialApproximationPatterns(patterns, polynomial);
    math::populateExpansionPatterns(patterns, {"rsqrt"});
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};
} // namespace

LogicalResult mlir::ds::lowerToLlvm(ModuleOp module) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(std::make_unique<ApproximateMath>());
  // No call of the compiler's library for bf16, which the runtime does not link.
  pm.addPass(arith::createArithExpandOpsPass({/*includeBf16=*/true}));
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}
