// How a loop group runs: which values get loops of their own ("stages"), and which leading axes are the rows that all
// stages share and that are spread over threads.
#pragma once
#include "lib/target/common/Emitter.h"

namespace mlir::ds {

// Values computed by one loop nest: equal shapes, all elementwise; or the results of one reduction.
struct Stage {
  SmallVector<Value> values;
  linalg::GenericOp reduction; // null: elementwise
};

struct LoopPlan {
  SmallVector<Stage> stages; // in order
  unsigned rowDims = 0;      // leading axes of all stages' results (and loops) that are rows
  // One elementwise stage whose accesses are all at the same linear offset: a single loop over all elements.
  bool flat = false;
  // A value that is neither returned nor an argument: it needs a buffer of one row.
  SmallVector<Value> rowBuffers;
};

// Plans the group; `returned` are its tensor results. Fails with an error on what cannot be run.
FailureOr<LoopPlan> planLoops(func::FuncOp group, ArrayRef<Value> returned);

// The loop dimension of each result axis of a reduction's or elementwise generic's result.
SmallVector<unsigned> resultLoops(linalg::GenericOp op, unsigned result);

// Whether the innermost axis of the largest input is a parallel one: then a row of accumulators runs along it.
bool accumulatesRows(linalg::GenericOp op);

// The size of a loop: that of an operand's axis which is the loop.
FailureOr<Value> loopSize(Emitter &emitter, linalg::GenericOp op, unsigned loop);

// Emits the stage for the row at `rows` (plan.rowDims indices); its values must be bound to buffers.
LogicalResult emitStage(Emitter &emitter, const Stage &stage, ArrayRef<Value> rows);

} // namespace mlir::ds
