// Early in graph: folds what an exporter left to compute on constants. What an op means is the executor's business.
#include "lib/analysis/Executor.h"
#include "mlir/IR/Iterators.h"
#include "passes/graph/Passes.h"

namespace mlir::ds {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

// The tensor that a constant is; none for other values.
static std::optional<Tensor> constantOf(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  if (isa<IndexType>(value.getType()))
    return Tensor::ofIndex(cast<IntegerAttr>(attr).getInt(), value.getContext());
  auto elements = dyn_cast<ElementsAttr>(attr);
  FailureOr<Tensor> tensor = elements ? Tensor::fromAttr(elements) : FailureOr<Tensor>(failure());
  return succeeded(tensor) ? std::optional(*tensor) : std::nullopt;
}

namespace {
struct FoldConstants : ds::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  bool isSmall(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape())
      return false;
    std::optional<int64_t> size = byteSize(tensor.getElementType(), tensor.getShape());
    return size && *size <= maxBytes;
  }

  // A new ds.constant for each result, or failure when the op is wrong on its operands.
  LogicalResult fold(Operation *op, Executor &executor) {
    SmallVector<Tensor> operands;
    for (Value operand : op->getOperands()) {
      std::optional<Tensor> constant = constantOf(operand);
      if (!constant)
        return success();
      operands.push_back(*constant);
    }
    FailureOr<SmallVector<Tensor>> results = executor.evaluate(op, operands);
    if (failed(results))
      return failure();
    OpBuilder b(op);
    for (auto [value, tensor] : llvm::zip_equal(op->getResults(), *results))
      value.replaceAllUsesWith(ConstantOp::create(b, op->getLoc(), tensor.toAttr()));
    op->erase();
    return success();
  }

  void runOnOperation() override {
    std::unique_ptr<Executor> executor = ExecutorInterface::create(&getContext());
    if (!executor) {
      getOperation().emitError("ds-graph-fold-constants: the tool has attached no executor");
      return signalPassFailure();
    }
    auto walk = getOperation().walk([&](Operation *op) {
      bool folds = isa<DsDialect>(op->getDialect()) && !isa<ConstantOp, WeightOp>(op) &&
                   llvm::all_of(op->getResultTypes(), [&](Type type) { return isSmall(type); });
      return WalkResult(folds ? fold(op, *executor) : success());
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isOpTriviallyDead(op))
        op->erase();
    });
  }
};
} // namespace
