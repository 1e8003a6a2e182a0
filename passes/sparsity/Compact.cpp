// ds-sparsity-compact: features that static gates close go from the layers around them.
#include "lib/analysis/WeightData.h"
#include "passes/graph/Match.h"
#include "passes/sparsity/Passes.h"
#include "passes/sparsity/Sites.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::ds {
#define GEN_PASS_DEF_COMPACT
#include "passes/sparsity/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-sparsity-compact";

static int64_t lastSize(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  return type.getRank() ? type.getShape().back() : 1;
}

namespace {
// Takes the open ones of `features` features.
class Narrower {
public:
  Narrower(OpBuilder &b, int64_t features, ArrayRef<int64_t> open) : b(b), features(features), count(open.size()) {
    auto type = RankedTensorType::get(count, b.getI64Type());
    indices = ConstantOp::create(b, b.getUnknownLoc(), type, DenseElementsAttr::get(type, open));
  }

  Value gather(Value value, int64_t axis) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[axis] = count;
    return GatherOp::create(b, value.getLoc(), type.clone(shape), value, indices, axis);
  }

  // Whether the ops before `value` can compute the open features alone: a product with weights, and elementwise ops that nothing else reads.
  bool canNarrow(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !value.hasOneUse() || lastSize(value) != features)
      return false;
    if (isProductWithWeight(op))
      return true;
    if (!isElementwise(op) || op->getNumResults() != 1)
      return false;
    unsigned chains = 0;
    for (Value operand : op->getOperands()) {
      if (lastSize(operand) == 1 || isWeightOnly(operand))
        continue;
      if (!canNarrow(operand))
        return false;
      ++chains;
    }
    return chains > 0;
  }

  Value narrow(Value value) {
    if (lastSize(value) == 1)
      return value;
    auto type = cast<RankedTensorType>(value.getType());
    if (isWeightOnly(value))
      return gather(value, type.getRank() - 1);
    Operation *op = value.getDefiningOp();
    SmallVector<Value> operands(op->getOperands());
    if (auto matmul = dyn_cast<MatmulOp>(op))
      operands[1] = gather(matmul.getRhs(), matmul.getTransposeB() ? 0 : 1);
    else
      llvm::transform(operands, operands.begin(), [&](Value v) { return narrow(v); });
    Operation *part = b.clone(*op);
    part->setOperands(operands);
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = count;
    part->getResult(0).setType(type.clone(shape));
    return part->getResult(0);
  }

private:
  OpBuilder &b;
  int64_t features, count;
  Value indices;
};

struct Compact : mlir::ds::impl::CompactBase<Compact> {
  using CompactBase::CompactBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    WeightData data;
    for (auto gate : llvm::make_early_inc_range(main.getOps<GateOp>()))
      compact(gate, data);
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  // The features that a gate leaves open, if they are known and the same everywhere.
  static FailureOr<SmallVector<int64_t>> openFeatures(GateOp gate, WeightData &data, std::string &why) {
    why = "what it closes depends on the input";
    Value by = gate.getBy();
    if (!by || !WeightData::isData(by))
      return failure();
    int64_t features = lastSize(gate.getResult());
    why = "its gates are not one per feature";
    if (gate.getType().getRank() == 0 || ShapedType::isDynamic(features) || lastSize(by) != features ||
        cast<RankedTensorType>(by.getType()).getNumElements() != features)
      return failure();
    FailureOr<std::vector<float>> values = data.readF32(by);
    why = "its gates cannot be read";
    if (failed(values))
      return failure();
    SmallVector<int64_t> open;
    for (auto [i, value] : llvm::enumerate(*values))
      if (1 / (1 + std::exp(-static_cast<double>(value))) > gate.getThreshold().convertToDouble())
        open.push_back(i);
    return open;
  }

  void compact(GateOp gate, WeightData &data) {
    std::string why;
    FailureOr<SmallVector<int64_t>> open = openFeatures(gate, data, why);
    if (failed(open))
      return remarkMissed(gate.getLoc(), kPass, "dynamic", why);
    int64_t features = lastSize(gate.getResult()), closed = features - open->size();
    if (closed == 0) {
      remarkPassed(gate.getLoc(), kPass, "open", "a gate that closes nothing goes");
      gate.replaceAllUsesWith(gate.getInput());
      return;
    }
    auto products = llvm::to_vector(llvm::make_filter_range(gate->getUsers(), [&](Operation *user) {
      return isProductWithWeight(user) && cast<MatmulOp>(user).getLhs() == gate.getResult();
    }));
    if (open->empty() || products.empty())
      return remarkMissed(gate.getLoc(), kPass, "kept", open->empty() ? "it closes everything" : "no product with weights reads it");
    bool only = products.size() == static_cast<size_t>(std::distance(gate->user_begin(), gate->user_end()));
    OpBuilder b(gate);
    b.setInsertionPointAfter(gate);
    Narrower narrower(b, features, *open);
    bool before = only && narrower.canNarrow(gate.getInput());
    Value input = before ? narrower.narrow(gate.getInput()) : narrower.gather(gate.getInput(), gate.getType().getRank() - 1);
    for (Operation *user : products) {
      auto product = cast<MatmulOp>(user);
      b.setInsertionPoint(product);
      Value rows = narrower.gather(product.getRhs(), product.getTransposeB() ? 1 : 0);
      product.getLhsMutable().assign(input);
      product.getRhsMutable().assign(rows);
    }
    remarkPassed(gate.getLoc(), kPass, "compacted",
                 llvm::formatv("{0} of {1} features go from {2} product(s) behind it{3}", closed, features, products.size(),
                               before ? " and from what computes them" : ", gathered from what computes them")
                     .str());
  }
};
} // namespace
