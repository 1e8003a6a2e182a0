// Planning of loop groups.
#include "lib/target/common/LoopPlan.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::ds;

SmallVector<unsigned> mlir::ds::resultLoops(linalg::GenericOp op, unsigned result) {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : op.getMatchingIndexingMap(op.getDpsInitOperand(result)).getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops.push_back(dim.getPosition());
  return loops;
}

bool mlir::ds::accumulatesRows(linalg::GenericOp op) {
  SmallVector<unsigned> parallel = resultLoops(op, 0);
  for (OpOperand *in : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(in);
    if (parallel.empty() || map.getNumResults() < op.getNumLoops())
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    return last && last.getPosition() == parallel.back();
  }
  return false;
}

namespace {
// How the axes of a value are read, seen from a stage: the stage's result axis, or -1 where it is anything else.
using Access = SmallVector<int64_t, 6>;

class Planner {
public:
  explicit Planner(ArrayRef<Value> returned) : returned(returned.begin(), returned.end()) {}

  FailureOr<LoopPlan> run(func::FuncOp group) {
    collectStages(group);
    if (plan.stages.empty())
      return group.emitError("a loop group without results"), failure();
    plan.rowDims = commonRows();
    mergeStages();
    plan.flat = plan.stages.size() == 1 && !plan.stages[0].reduction &&
                llvm::all_of(plan.stages[0].values, [&](Value v) { return isCanonical(v, v); });
    return plan;
  }

private:
  // Every returned value, every reduction, and whatever expensive is needed by two stages.
  void collectStages(func::FuncOp group) {
    for (Operation &op : group.getBody().front()) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (generic && generic.getNumReductionLoops()) {
        Stage stage;
        llvm::append_range(stage.values, op.getResults());
        stage.reduction = generic;
        add(std::move(stage));
        continue;
      }
      for (Value v : op.getResults())
        if (isa<RankedTensorType>(v.getType()) && (returned.contains(v) || (isExpensive(v) && stageUses(v) > 1)))
          add(Stage{{v}, nullptr});
    }
    for (Value v : returned)
      if (!anchors.contains(v))
        add(Stage{{v}, nullptr}); // an argument passed through: a copy
  }

  void add(Stage stage) {
    for (Value v : stage.values) {
      anchors.insert(v);
      if (!returned.contains(v))
        plan.rowBuffers.push_back(v);
    }
    plan.stages.push_back(std::move(stage));
  }

  static bool isExpensive(Value v) {
    auto generic = v.getDefiningOp<linalg::GenericOp>();
    if (!generic)
      return false;
    WalkResult result = generic.getBody()->walk([](Operation *op) {
      bool costly = isa<arith::DivFOp, tensor::ExtractOp, arith::DivSIOp, arith::RemSIOp>(op) ||
                    (op->getDialect() && op->getDialect()->getNamespace() == "math" && !isa<math::AbsFOp, math::AbsIOp, math::FmaOp>(op));
      return costly ? WalkResult::interrupt() : WalkResult::advance();
    });
    return result.wasInterrupted();
  }

  // How many stages read `v` without another buffer between: counts returned values and reductions among users.
  unsigned stageUses(Value v) {
    SmallPtrSet<Operation *, 8> stages;
    SmallVector<Value> work{v};
    SmallPtrSet<Operation *, 16> seen;
    while (!work.empty())
      for (Operation *user : work.pop_back_val().getUsers()) {
        Operation *top = user;
        while (!isa<func::FuncOp>(top->getParentOp()))
          top = top->getParentOp();
        if (!seen.insert(top).second)
          continue;
        auto generic = dyn_cast<linalg::GenericOp>(top);
        bool isStage = (generic && generic.getNumReductionLoops()) ||
                       llvm::any_of(top->getResults(), [&](Value r) { return returned.contains(r); });
        if (isStage)
          stages.insert(top);
        else
          llvm::append_range(work, top->getResults());
      }
    return stages.size();
  }

  //--- Rows: the longest prefix of axes that every read of a buffered value keeps in place.
  unsigned commonRows() {
    unsigned rows = ~0u;
    for (const Stage &stage : plan.stages)
      for (Value v : stage.values)
        rows = std::min<unsigned>(rows, cast<RankedTensorType>(v.getType()).getRank());
    for (const Stage &stage : plan.stages) {
      if (stage.reduction) {
        limitByReduction(stage.reduction, rows);
        continue;
      }
      for (Value v : stage.values) {
        Access access(llvm::to_vector(llvm::seq<int64_t>(0, cast<RankedTensorType>(v.getType()).getRank())));
        limitByOperands(v, access, rows);
      }
    }
    bool elementwiseOnly = llvm::none_of(plan.stages, [](const Stage &s) { return s.reduction; });
    auto type = cast<RankedTensorType>(plan.stages.front().values.front().getType());
    if (elementwiseOnly && type.getRank() > 0 && plan.stages.size() == 1)
      rows = std::min<unsigned>(rows, type.getRank() - 1);
    return rows;
  }

  void limitByReduction(linalg::GenericOp op, unsigned &rows) {
    SmallVector<unsigned> loops = resultLoops(op, 0);
    for (unsigned r = 1; r < op.getNumDpsInits(); ++r)
      if (resultLoops(op, r) != loops)
        rows = 0;
    if (accumulatesRows(op) && !loops.empty())
      rows = std::min<unsigned>(rows, loops.size() - 1);
    Access access(op.getNumLoops(), -1);
    for (auto [axis, loop] : llvm::enumerate(loops))
      access[loop] = axis;
    limitByGenericOperands(op, access, rows);
  }

  void limit(Value v, ArrayRef<int64_t> access, unsigned &rows) {
    if (anchors.contains(v)) {
      unsigned kept = 0;
      while (kept < access.size() && access[kept] == static_cast<int64_t>(kept))
        ++kept;
      rows = std::min(rows, kept);
      return;
    }
    limitByOperands(v, access, rows);
  }

  // `loops[d]`: the stage's axis that loop d of the generic is.
  void limitByGenericOperands(linalg::GenericOp op, ArrayRef<int64_t> loops, unsigned &rows) {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      Access access;
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        access.push_back(dim ? loops[dim.getPosition()] : -1);
      }
      limit(operand.get(), access, rows);
    }
    op.getBody()->walk([&](tensor::ExtractOp extract) {
      Access access;
      for (Value i : extract.getIndices()) {
        auto index = i.getDefiningOp<linalg::IndexOp>();
        access.push_back(index ? loops[index.getDim()] : -1);
      }
      limit(extract.getTensor(), access, rows);
    });
  }

  void limitByOperands(Value v, ArrayRef<int64_t> access, unsigned &rows) {
    Operation *op = v.getDefiningOp();
    if (!op)
      return;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (generic.getNumReductionLoops())
        return limit(v, access, rows);
      Access loops(generic.getNumLoops(), -1);
      for (auto [axis, loop] : llvm::enumerate(resultLoops(generic, cast<OpResult>(v).getResultNumber())))
        loops[loop] = access[axis];
      limitByGenericOperands(generic, loops, rows);
    } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      limit(slice.getSource(), sliceAccess(slice, access), rows);
    } else if (auto reshape = dyn_cast<dsk::ReshapeOp>(op)) {
      limit(reshape.getInput(), reshapeAccess(reshape, access), rows);
    } else {
      for (Value operand : op->getOperands())
        if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
          limit(operand, Access(type.getRank(), -1), rows);
    }
  }

  static Access sliceAccess(tensor::ExtractSliceOp slice, ArrayRef<int64_t> access) {
    Access result;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned next = 0;
    for (unsigned axis = 0; axis < dropped.size(); ++axis) {
      bool whole = !dropped[axis] && isZeroInteger(slice.getMixedOffsets()[axis]) && isOneInteger(slice.getMixedStrides()[axis]);
      int64_t from = dropped[axis] ? -1 : access[next++];
      result.push_back(whole ? from : -1);
    }
    return result;
  }

  // Axes in front that both shapes share keep their place.
  static Access reshapeAccess(dsk::ReshapeOp reshape, ArrayRef<int64_t> access) {
    auto from = cast<RankedTensorType>(reshape.getInput().getType()), to = cast<RankedTensorType>(reshape.getType());
    Access result(from.getRank(), -1);
    for (int64_t i = 0; i < std::min(from.getRank(), to.getRank()); ++i) {
      if (from.isDynamicDim(i) || from.getDimSize(i) != to.getDimSize(i))
        break;
      result[i] = access[i];
    }
    return result;
  }

  //--- Neighbouring elementwise stages of one shape become one nest.
  void mergeStages() {
    SmallVector<Stage> merged;
    for (Stage &stage : plan.stages) {
      if (!merged.empty() && !stage.reduction && !merged.back().reduction &&
          sameShape(merged.back().values.front(), stage.values.front()) && readsInPlace(stage.values.front(), merged.back().values))
        llvm::append_range(merged.back().values, stage.values);
      else
        merged.push_back(std::move(stage));
    }
    plan.stages = std::move(merged);
  }

  static bool sameShape(Value a, Value b) {
    auto s = cast<RankedTensorType>(a.getType()), t = cast<RankedTensorType>(b.getType());
    if (s.getShape() != t.getShape())
      return false;
    if (s.hasStaticShape())
      return true;
    auto outs = [](Value v) -> Operation * {
      auto generic = v.getDefiningOp<linalg::GenericOp>();
      return generic ? generic.getDpsInits()[cast<OpResult>(v).getResultNumber()].getDefiningOp() : nullptr;
    };
    auto x = dyn_cast_or_null<tensor::EmptyOp>(outs(a)), y = dyn_cast_or_null<tensor::EmptyOp>(outs(b));
    return x && y && llvm::equal(x.getDynamicSizes(), y.getDynamicSizes());
  }

  // Whether `v` reads each of `written` only at its own index (so that it may share its loop).
  bool readsInPlace(Value v, ArrayRef<Value> written) {
    unsigned rank = cast<RankedTensorType>(v.getType()).getRank(), rows = rank;
    Access access(llvm::to_vector(llvm::seq<int64_t>(0, rank)));
    auto saved = anchors;
    anchors.clear();
    anchors.insert(written.begin(), written.end());
    limitByOperands(v, access, rows);
    anchors = std::move(saved);
    return rows == rank;
  }

  //--- Flatness
  bool isCanonical(Value v, Value root) {
    auto generic = v.getDefiningOp<linalg::GenericOp>();
    if (!generic)
      return isa<BlockArgument>(v) ? v != root && sameDims(v, root) : v.getDefiningOp<linalg::FillOp>() != nullptr;
    if (generic.hasIndexSemantics() || !sameDims(v, root))
      return false;
    for (OpOperand &out : generic.getDpsInitsMutable())
      if (!generic.getMatchingIndexingMap(&out).isIdentity())
        return false;
    if (generic.getBody()->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); }).wasInterrupted())
      return false;
    for (OpOperand *in : generic.getDpsInputOperands()) {
      if (!isa<RankedTensorType>(in->get().getType()))
        continue;
      AffineMap map = generic.getMatchingIndexingMap(in);
      bool one = llvm::all_of(map.getResults(), [](AffineExpr e) { return isa<AffineConstantExpr>(e); });
      if (!one && (!map.isIdentity() || !isCanonical(in->get(), root)))
        return false;
    }
    return true;
  }
  static bool sameDims(Value a, Value b) {
    return cast<RankedTensorType>(a.getType()).getShape() == cast<RankedTensorType>(b.getType()).getShape();
  }

  llvm::SetVector<Value> returned;
  llvm::SmallSetVector<Value, 8> anchors;
  LoopPlan plan;
};
} // namespace

FailureOr<LoopPlan> mlir::ds::planLoops(func::FuncOp group, ArrayRef<Value> returned) { return Planner(returned).run(group); }
