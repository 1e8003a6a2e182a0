// The loop nest of one stage.
#include "lib/target/common/LoopPlan.h"

using namespace mlir;
using namespace mlir::ds;

FailureOr<Value> mlir::ds::loopSize(Emitter &e, linalg::GenericOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [axis, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && dim.getPosition() == loop)
        return e.size(operand.get(), axis);
  return FailureOr<Value>(op.emitError("not supported by code generation: a loop whose size no operand gives"));
}

namespace {
class StageEmitter {
public:
  StageEmitter(Emitter &emitter, const Stage &stage, ArrayRef<Value> rows) : e(emitter), stage(stage), rows(rows) {}

  LogicalResult run() {
    e.forget();
    return stage.reduction ? reduction() : elementwise();
  }

private:
  Value zero() { return e.constant(loc(), 0); }
  Location loc() { return stage.values.front().getLoc(); }

  LogicalResult elementwise() {
    Value first = stage.values.front();
    FailureOr<Emitter::Indices> shape = e.shape(first);
    if (failed(shape))
      return failure();
    Emitter::Indices indices(rows.begin(), rows.end());
    for (Value size : ArrayRef<Value>(*shape).drop_front(rows.size()))
      indices.push_back(e.openLoop(loc(), zero(), size).getInductionVar());
    for (Value v : stage.values) {
      FailureOr<Value> element = v.getDefiningOp() ? e.compute(v, indices) : e.pull(v, indices);
      if (failed(element) || failed(e.store(v.getLoc(), *element, v, indices)))
        return failure();
    }
    for (size_t i = rows.size(); i < shape->size(); ++i)
      e.closeLoop(loc());
    return success();
  }

  LogicalResult reduction() {
    linalg::GenericOp op = stage.reduction;
    SmallVector<unsigned> parallel = resultLoops(op, 0);
    indices.assign(op.getNumLoops(), Value());
    for (size_t i = 0; i < rows.size(); ++i)
      indices[parallel[i]] = rows[i];
    SmallVector<unsigned> outer(parallel.begin() + rows.size(), parallel.end()), reduced;
    op.getReductionDims(reduced);
    return !outer.empty() && accumulatesRows(op) ? accumulateInMemory(parallel, outer, reduced) : accumulateInRegisters(parallel, outer, reduced);
  }

  LogicalResult open(ArrayRef<unsigned> loops) {
    for (unsigned d : loops) {
      FailureOr<Value> size = loopSize(e, stage.reduction, d);
      if (failed(size))
        return failure();
      indices[d] = e.openLoop(loc(), zero(), *size).getInductionVar();
    }
    return success();
  }
  void close(size_t count) {
    for (size_t i = 0; i < count; ++i)
      e.closeLoop(loc());
  }
  Emitter::Indices resultIndices(ArrayRef<unsigned> parallel) {
    return llvm::map_to_vector<6>(parallel, [&](unsigned d) { return indices[d]; });
  }
  FailureOr<SmallVector<Value>> initial(ArrayRef<Value> at) {
    SmallVector<Value> result;
    linalg::GenericOp op = stage.reduction;
    for (Value init : op.getDpsInits()) {
      FailureOr<Value> element = e.pull(init, at);
      if (failed(element))
        return failure();
      result.push_back(*element);
    }
    return result;
  }
  LogicalResult storeAll(ValueRange elements, ArrayRef<Value> at) {
    for (auto [element, v] : llvm::zip_equal(elements, stage.values))
      if (failed(e.store(loc(), element, v, at)))
        return failure();
    return success();
  }

  // for parallel: acc = init; for reduced: acc = f(acc); result = acc
  LogicalResult accumulateInRegisters(ArrayRef<unsigned> parallel, ArrayRef<unsigned> outer, ArrayRef<unsigned> reduced) {
    if (failed(open(outer)))
      return failure();
    Emitter::Indices at = resultIndices(parallel);
    FailureOr<SmallVector<Value>> accumulators = initial(at);
    if (failed(accumulators))
      return failure();
    SmallVector<scf::ForOp> loops;
    ValueRange carried = *accumulators;
    for (unsigned d : reduced) {
      FailureOr<Value> size = loopSize(e, stage.reduction, d);
      if (failed(size))
        return failure();
      loops.push_back(e.openLoop(loc(), zero(), *size, carried));
      indices[d] = loops.back().getInductionVar();
      carried = loops.back().getRegionIterArgs();
    }
    FailureOr<SmallVector<Value>> next = e.evaluateBody(stage.reduction, indices, carried);
    if (failed(next))
      return failure();
    SmallVector<Value> yields = *next;
    for (scf::ForOp loop : llvm::reverse(loops)) {
      e.closeLoop(loc(), yields);
      yields.assign(loop.getResults().begin(), loop.getResults().end());
    }
    e.forget();
    if (failed(storeAll(yields, at)))
      return failure();
    close(outer.size());
    return success();
  }

  // for outer: { for last: result = init; for reduced: for last: result = f(result) }
  LogicalResult accumulateInMemory(ArrayRef<unsigned> parallel, ArrayRef<unsigned> outer, ArrayRef<unsigned> reduced) {
    unsigned last = outer.back();
    if (failed(open(outer.drop_back())) || failed(open(last)))
      return failure();
    FailureOr<SmallVector<Value>> inits = initial(resultIndices(parallel));
    if (failed(inits) || failed(storeAll(*inits, resultIndices(parallel))))
      return failure();
    close(1);
    e.forget();
    if (failed(open(reduced)) || failed(open(last)))
      return failure();
    Emitter::Indices at = resultIndices(parallel);
    SmallVector<Value> accumulators;
    for (Value v : stage.values) {
      FailureOr<Value> element = e.loadHere(loc(), v, at);
      if (failed(element))
        return failure();
      accumulators.push_back(*element);
    }
    FailureOr<SmallVector<Value>> next = e.evaluateBody(stage.reduction, indices, accumulators);
    if (failed(next) || failed(storeAll(*next, at)))
      return failure();
    close(reduced.size() + outer.size());
    return success();
  }

  Emitter &e;
  const Stage &stage;
  ArrayRef<Value> rows;
  Emitter::Indices indices;
};
} // namespace

LogicalResult mlir::ds::emitStage(Emitter &emitter, const Stage &stage, ArrayRef<Value> rows) {
  return StageEmitter(emitter, stage, rows).run();
}
