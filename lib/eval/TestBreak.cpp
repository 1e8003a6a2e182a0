// A pass that is wrong on purpose: --certify must name it.
#include "dialects/ds/ir/DsOps.h"
#include "lib/eval/Certify.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
class TestBreakPass : public PassWrapper<TestBreakPass, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestBreakPass)
  StringRef getArgument() const override { return "test-ds-break"; }
  StringRef getDescription() const override { return "Turns the first ds.add into a ds.sub, to test --certify"; }
  void runOnOperation() override {
    getOperation()->walk([](AddOp op) {
      OpBuilder b(op);
      Value broken = SubOp::create(b, op.getLoc(), op.getType(), op.getLhs(), op.getRhs());
      op.getResult().replaceAllUsesWith(broken);
      op.erase();
      return WalkResult::interrupt();
    });
  }
};
} // namespace

void mlir::ds::registerTestBreakPass() { PassRegistration<TestBreakPass>(); }
