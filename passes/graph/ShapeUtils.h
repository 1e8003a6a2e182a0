// What the shape passes of the room share.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"

namespace mlir::ds {

// A group of mixed sizes (or offsets, pads, counts) of an op.
struct MixedOperands {
  MutableOperandRange dynamic;
  StringAttr attribute; // holds the static ones
  ArrayRef<int64_t> statics;
};
SmallVector<MixedOperands> mixedOperands(Operation *op);

// Functions that a shape pass works on: with a body of one block.
SmallVector<func::FuncOp> shapedFunctions(ModuleOp module);
// Erases ops without effect whose results nobody uses.
void eraseDeadOps(func::FuncOp func);
// Makes the function's result types those of the values it returns.
void updateResultTypes(func::FuncOp func);
// Declares the sizes that the model can take, so that the runtime refuses others. Whoever uses what `shapes` proves must do so.
void declareRanges(func::FuncOp func, SymbolicShapes &shapes);

} // namespace mlir::ds
