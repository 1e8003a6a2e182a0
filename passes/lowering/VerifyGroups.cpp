// ds-lowering-verify-groups: whether a module is what a target takes.
#include "passes/lowering/Passes.h"
#include "lib/support/OnnxLoc.h"

namespace mlir::ds {
#define GEN_PASS_DEF_VERIFYGROUPS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static LogicalResult reject(Operation *op, const Twine &why) {
  if (isa_and_nonnull<DsDialect>(op->getDialect()))
    return op->emitError("not supported by the CPU target yet: ") << op->getName() << " (" << describe(op->getLoc()) << ")";
  return op->emitError("at the stop `groups`, ") << op->getName() << " " << why << " (" << describe(op->getLoc()) << ")";
}

static bool isScalarArithmetic(Operation *op) {
  return isa<arith::ArithDialect, affine::AffineDialect>(op->getDialect()) &&
         llvm::none_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
}

static LogicalResult verifyLaunchList(func::FuncOp func, ModuleOp module) {
  for (Operation &op : func.getBody().front()) {
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee || !callee->hasAttr(dsk::kGroupAttr))
        return reject(&op, "calls what is not a group");
      continue;
    }
    bool allowed = isScalarArithmetic(&op) || isa<tensor::DimOp, tensor::ExtractOp, tensor::EmptyOp, dsk::WeightOp, dsk::RawWeightOp,
                                                  dsk::ReshapeOp, func::ReturnOp>(op);
    if (!allowed)
      return reject(&op, "stands in a launch list");
  }
  if (func.getName() != "main")
    return success();
  DenseSet<Value> results;
  for (Value value : func.getBody().front().getTerminator()->getOperands()) {
    while (auto reshape = value.getDefiningOp<dsk::ReshapeOp>())
      value = reshape.getInput();
    if (!value.getDefiningOp<func::CallOp>() || !results.insert(value).second)
      return reject(func.getBody().front().getTerminator(), "returns what is not a destination of its own");
  }
  return success();
}

static LogicalResult verifyGeneric(linalg::GenericOp generic) {
  for (OpOperand &operand : generic->getOpOperands()) {
    AffineMap map = generic.getMatchingIndexingMap(&operand);
    bool good = generic.isDpsInit(&operand) ? map.isProjectedPermutation() : map.isProjectedPermutation(/*allowZeroInResults=*/true);
    if (!good)
      return reject(generic, "has an indexing map that is not a projected permutation");
  }
  WalkResult walk = generic.getBody()->walk([](Operation *op) {
    bool allowed = isa<arith::ArithDialect, math::MathDialect, affine::AffineDialect>(op->getDialect()) ||
                   isa<linalg::IndexOp, linalg::YieldOp, tensor::ExtractOp, tensor::DimOp, scf::IfOp, scf::YieldOp, dsk::CheckOp>(op);
    return allowed ? WalkResult::advance() : WalkResult(reject(op, "stands in the body of a loop nest"));
  });
  return failure(walk.wasInterrupted());
}

static LogicalResult verifyGroup(func::FuncOp group) {
  unsigned tensors = llvm::count_if(group.getResultTypes(), llvm::IsaPred<RankedTensorType>);
  ArrayRef<Type> arguments = group.getArgumentTypes(), results = group.getResultTypes();
  if (arguments.size() < tensors || arguments.take_back(tensors) != results.take_front(tensors))
    return reject(group, "does not end its arguments with one destination per result");
  for (Operation &op : group.getBody().front()) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (failed(verifyGeneric(generic)))
        return failure();
      continue;
    }
    bool allowed = isScalarArithmetic(&op) || isa<dsk::DskDialect>(op.getDialect()) ||
                   isa<arith::ConstantOp, tensor::DimOp, tensor::EmptyOp, tensor::ExtractOp, tensor::ExtractSliceOp, linalg::FillOp, func::ReturnOp>(op);
    if (!allowed)
      return reject(&op, "stands in a group");
  }
  return success();
}

namespace {
struct VerifyGroups : ds::impl::VerifyGroupsBase<VerifyGroups> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      bool group = func->hasAttr(dsk::kGroupAttr);
      if (!group && func.getName() != "main" && func.getName() != "weights") {
        (void)reject(func, "is neither a group nor a launch list");
        return signalPassFailure();
      }
      if (failed(group ? verifyGroup(func) : verifyLaunchList(func, getOperation())))
        return signalPassFailure();
    }
  }
};
} // namespace
