// What the lowerings of single ds ops to linalg share: the values so far, sizes, and ways to write loops.
#pragma once
#include "passes/lowering/MainShapes.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::ds {

// A name for the group that an op ends up in; dropped with the op's outlining.
constexpr StringLiteral kWordAttr = "ds.word";

// The type of a lowered tensor: unsigned integers become signless ones of their width.
Type loweredElement(Type element);
RankedTensorType loweredType(Type tensor);
bool isUnsigned(Type elementOrTensor);
bool isHalf(Type element);

using Exprs = SmallVector<AffineExpr>;
using BodyFn = function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)>;

// One operand of a loop nest: a tensor and the map from loop indices to its indices.
struct LoopOperand {
  Value tensor;
  AffineMap map;
};

class Lowering {
public:
  Lowering(func::FuncOp func, MainShapes &shapes) : shapes(shapes), func(func), b(func.getLoc(), func.getContext()) {}

  // The lowered value of a ds value.
  Value get(Value value) const { return values.lookup(value); }
  void set(Value value, Value lowered) {
    values[value] = lowered;
    shapes.setDims(lowered, shapes.dims(value));
  }
  // Rewrites one op; an error was emitted on failure.
  LogicalResult lower(Operation *op);

  //--- Sizes
  Dims dims(Value value) { return shapes.dims(value); }
  OpFoldResult fold(AffineExpr expr) { return shapes.fold(b, b.getLoc(), expr); }
  Value index(AffineExpr expr) { return shapes.value(b, b.getLoc(), expr); }
  Value index(int64_t number) { return index(shapes.constant(number)); }
  Value dim(Value value, int64_t axis) { return index(shapes.dim(value, axis)); }
  // Static sizes with the dynamic ones in place.
  SmallVector<Value> mixed(ValueRange dynamic, ArrayRef<int64_t> statics);

  //--- Tensors
  Value empty(Type element, ArrayRef<AffineExpr> dims);
  Value filled(Type element, ArrayRef<AffineExpr> dims, Value scalar);
  Value reshape(Value tensor, ArrayRef<AffineExpr> dims);
  // A constant of the (lowered) element type.
  Value constant(Type element, double value);
  Value constantInt(Type element, int64_t value);
  // The scalar of a ds value that is a constant with equal elements, or null.
  Value splat(Value value);

  //--- Loops
  AffineExpr d(unsigned i) { return getAffineDimExpr(i, b.getContext()); }
  Exprs iota(unsigned rank, unsigned first = 0);
  AffineMap map(unsigned loops, ArrayRef<AffineExpr> results) { return AffineMap::get(loops, 0, results, b.getContext()); }
  AffineMap identity(unsigned loops) { return b.getMultiDimIdentityMap(loops); }
  // Parallel loops over a new tensor of `dims`.
  Value loops(Type element, ArrayRef<AffineExpr> dims, ArrayRef<LoopOperand> inputs, function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body);
  // Loops where those with `reduced` set reduce into `inits`, indexed by the others in order.
  SmallVector<Value> reduction(ArrayRef<bool> reduced, ArrayRef<LoopOperand> inputs, ValueRange inits, BodyFn body);
  // The operand of broadcasting loops over `dims` (the value's shape is aligned at the last axis). Null map: a size
  // is 1 or not only at run time, and the body reads it by `broadcastRead`.
  AffineMap broadcastMap(Value value, ArrayRef<AffineExpr> dims);
  Value broadcastRead(ImplicitLocOpBuilder &b, Value value, ArrayRef<AffineExpr> dims);
  // The elements of `values` at each point of loops over `dims`, by map or by reading; calls `body` with all of them.
  Value broadcastLoops(Type element, ArrayRef<AffineExpr> dims, ValueRange values, function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body);
  Value linalgIndex(ImplicitLocOpBuilder &b, unsigned loop) { return linalg::IndexOp::create(b, loop); }

  // A call of a new group that holds one op, made by `build` from the tensor operands (and sizes) of the group; one destination per result.
  SmallVector<Value> callGroup(StringRef word, ValueRange operands, ArrayRef<Type> elements, ArrayRef<Dims> dims,
                               function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange, TypeRange)> build);

  MainShapes &shapes;
  func::FuncOp func;
  ImplicitLocOpBuilder b;
  StringRef word;

private:
  DenseMap<Value, Value> values;
};

// The value of an elementwise op at one point.
Value lowerScalar(ImplicitLocOpBuilder &b, Operation *op, ValueRange args);
// Arithmetic of halves happens in f32.
Value widen(ImplicitLocOpBuilder &b, Value scalar);
Value narrow(ImplicitLocOpBuilder &b, Value scalar, Type element);
Value castScalar(ImplicitLocOpBuilder &b, Value scalar, Type from, Type to);
// A constant of a lowered scalar type.
Value scalarConstant(ImplicitLocOpBuilder &b, Type element, double value);
Value scalarInt(ImplicitLocOpBuilder &b, Type element, int64_t value);
// An index from an integer scalar, and an integer scalar from an index.
Value toIndex(ImplicitLocOpBuilder &b, Value scalar, bool isUnsigned);

// One function per theme; each gives failure without an error for ops that are not its own.
using LowerFn = LogicalResult (*)(Lowering &, Operation *);
LogicalResult lowerElementwise(Lowering &l, Operation *op);
LogicalResult lowerMovement(Lowering &l, Operation *op);
LogicalResult lowerIndexing(Lowering &l, Operation *op);
LogicalResult lowerReduce(Lowering &l, Operation *op);
LogicalResult lowerNorm(Lowering &l, Operation *op);
LogicalResult lowerLinear(Lowering &l, Operation *op);
LogicalResult lowerWindow(Lowering &l, Operation *op);
LogicalResult lowerResize(Lowering &l, Operation *op);
LogicalResult lowerAlone(Lowering &l, Operation *op);
// A kernel op that stands alone, to a call of a group that holds it.
void lowerKernel(Lowering &l, Operation *op, StringRef word);

} // namespace mlir::ds
