// Rewrites of ds ops by ds and kernel ops in one walk over main, with sizes at hand.
#pragma once
#include "passes/lowering/MainShapes.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::ds {
class WeightOnly;

class DsRewriter {
public:
  DsRewriter(func::FuncOp func, MainShapes &shapes) : b(func.getLoc(), func.getContext()), shapes(shapes) {}
  void at(Operation *op) {
    b.setInsertionPoint(op);
    b.setLoc(op->getLoc());
  }
  MLIRContext *context() { return b.getContext(); }
  Dims dims(Value value) { return shapes.dims(value); }
  AffineExpr constant(int64_t value) { return shapes.constant(value); }

  // Each gives its operand where nothing would change.
  Value reshape(Value value, ArrayRef<AffineExpr> dims);
  Value reshape(Value value, ArrayRef<int64_t> sizes);
  Value reshape(Value value, std::initializer_list<int64_t> sizes) { return reshape(value, ArrayRef<int64_t>(sizes)); }
  Value broadcast(Value value, ArrayRef<AffineExpr> dims);
  Value transpose(Value value, ArrayRef<int64_t> permutation);
  Value padHigh(Value value, ArrayRef<int64_t> high);
  Value cast(Value value, Type element);
  Value swapLast(Value value);
  Value channelsLast(Value value);
  Value channelsFirst(Value value);
  // `axis` last, or back from last to `axis`.
  Value moveLast(Value value, int64_t axis);
  Value moveBack(Value value, int64_t axis);

  void replace(Operation *op, ValueRange with);
  bool isReplaced(Operation *op) const { return dead.contains(op); }
  // Erases what was replaced.
  void finish();

  ImplicitLocOpBuilder b;
  MainShapes &shapes;

private:
  llvm::SetVector<Operation *> dead;
};

// Axes where kernels want them: scan and top_k along the last, images of pool channels last, attention in f32.
bool normaliseAxes(DsRewriter &r, Operation *op);
// An elementwise op on a reshaped kernel result works on the result itself, where its other operands allow it.
bool sinkReshape(DsRewriter &r, Operation *op);
// Stacked matrices [E, K, N], or gate and up, as panels for dsk.grouped_matmul; read where the weights lie, however they were transposed,
// sliced and stacked.
Value packExperts(DsRewriter &r, ValueRange stacks);
// A mixture of experts in f32 with weights of known sizes, by two grouped products.
bool selectExperts(DsRewriter &r, ExpertsOp op);
// Products whose columns are only read in parts, by several products.
void splitMatmuls(DsRewriter &r, func::FuncOp main, WeightOnly &weightOnly);
// Upsampling by a learnt kernel that does not overlap, by a product (returned, still to be selected), or null.
MatmulOp tileConvTranspose(DsRewriter &r, ConvTransposeOp op);
// Upsampling that repeats elements a whole number of times.
bool repeatNearest(DsRewriter &r, ResizeOp op);

} // namespace mlir::ds
