// Turns the tensor ops of a group into scalar code inside loops. A value is *pulled*: asked for one element at given
// indices, an op asks its operands for what it needs, down to loads from buffers; a whole chain of elementwise ops,
// transposes, slices, gathers becomes one loop without intermediates. Each scalar op is placed at the outermost loop
// that has its operands.
#pragma once
#include "lib/target/common/Buffers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <map>

namespace mlir::ds {

class Emitter {
public:
  using Indices = SmallVector<Value, 6>;
  // Emits the recording of a failure at the builder's place.
  using FailFn = std::function<void(OpBuilder &, Location, int32_t code, Value a, Value b)>;

  // `entry`: code that no loop contains is put at the end of this block.
  Emitter(Block *entry, FailFn fail) : builder(OpBuilder::atBlockEnd(entry)), entry(entry), fail(std::move(fail)) {}

  //--- Places
  // Opens scf.for [lower, upper) at the innermost place; later code goes into it. `inits`: loop-carried values.
  scf::ForOp openLoop(Location loc, Value lower, Value upper, ValueRange inits = {});
  // Closes the innermost loop, yielding `yields`.
  void closeLoop(Location loc, ValueRange yields = {});
  unsigned depth() const { return loops.size(); }
  // Forgets pulled elements; to be called between nests, since a buffer may have been written.
  void forget() { memo.clear(); }
  // Declares that `value` (not made by this emitter) belongs to the given loop depth.
  void setLevel(Value value, unsigned level) { levels[value] = level; }

  //--- Scalars
  Value constant(Location loc, int64_t value);
  Value constant(Location loc, TypedAttr value);
  template <typename OpTy> Value binary(Location loc, Value a, Value b) {
    return record(at({a, b}).createOrFold<OpTy>(loc, a, b), {a, b});
  }
  // Index arithmetic that does not overflow.
  Value add(Location loc, Value a, Value b);
  Value mul(Location loc, Value a, Value b);
  Value div(Location loc, Value a, Value b) { return binary<arith::DivUIOp>(loc, a, b); }
  Value rem(Location loc, Value a, Value b) { return binary<arith::RemUIOp>(loc, a, b); }

  //--- Tensors
  void bind(Value tensor, Buffer buffer) { buffers[tensor] = buffer; }
  void bindSize(Value tensor, unsigned axis, Value size) { sizes[{tensor, axis}] = size; }
  void bindScalar(Value from, Value to) { scalars.map(from, to); }
  // A value that is computed on the spot by `fn` instead of by its op (a kernel's result tile).
  void bindPull(Value tensor, std::function<Value(ArrayRef<Value>)> fn) { pulls[tensor] = std::move(fn); }
  // The indices and the linear offset of the element that the open nest computes: accesses of another tensor of the
  // same shape at the same indices use this offset.
  void setCanonical(ArrayRef<Value> indices, Value offset, ArrayRef<Value> shape);
  bool isBound(Value tensor) const { return buffers.count(tensor); }
  // Axes that linalg maps say are equal share one size value from here on; to be called when all arguments are bound.
  void unifySizes(func::FuncOp group);
  // The size of an axis as an index value.
  FailureOr<Value> size(Value tensor, unsigned axis);
  FailureOr<Indices> shape(Value tensor);
  // An index value of the group's body (tensor.dim, arithmetic) in the emitted code.
  FailureOr<Value> scalar(Value index);
  // One element.
  FailureOr<Value> pull(Value tensor, ArrayRef<Value> indices);
  // The element computed by its op even if the tensor has a buffer.
  FailureOr<Value> compute(Value tensor, ArrayRef<Value> indices);
  // All results of a linalg op's body at the loop indices `loopIndices`; `accumulators` stand for the init operands.
  FailureOr<SmallVector<Value>> evaluateBody(linalg::GenericOp op, ArrayRef<Value> loopIndices, ValueRange accumulators);
  // Access to a bound tensor, at the innermost place.
  LogicalResult store(Location loc, Value element, Value tensor, ArrayRef<Value> indices);
  FailureOr<Value> loadHere(Location loc, Value tensor, ArrayRef<Value> indices);

  OpBuilder builder; // at the innermost place

private:
  unsigned levelOf(ValueRange operands) const;
  // A builder at the outermost place where the operands exist.
  OpBuilder at(ValueRange operands, unsigned minLevel = 0);
  Value record(Value v, ValueRange operands, unsigned minLevel = 0);
  FailureOr<Value> address(Location loc, Value tensor, ArrayRef<Value> indices);
  FailureOr<Value> offset(Location loc, Value tensor, ArrayRef<Value> indices, unsigned rowDims);
  Value evaluate(Location loc, AffineExpr expr, ArrayRef<Value> dims);
  LogicalResult cloneOp(Operation *op, IRMapping &map);
  FailureOr<Value> pullGeneric(linalg::GenericOp op, unsigned result, ArrayRef<Value> indices);
  FailureOr<Indices> reshapeIndices(Location loc, Value from, Value to, ArrayRef<Value> indices);
  LogicalResult cloneBody(Block &body, IRMapping &map, ArrayRef<Value> loopIndices);
  LogicalResult cloneIf(scf::IfOp op, IRMapping &map, ArrayRef<Value> loopIndices);

  Block *entry;
  FailFn fail;
  SmallVector<scf::ForOp> loops;
  unsigned pinned = 0;      // > 0 inside a conditional: nothing may be placed further out,
  bool hoisting = false;    // except arithmetic on the group's sizes and scalars
  Operation *outermostIf = nullptr;
  DenseMap<Value, unsigned> levels;
  DenseMap<Value, Buffer> buffers;
  DenseMap<std::pair<Value, unsigned>, Value> sizes;
  DenseMap<Value, std::function<Value(ArrayRef<Value>)>> pulls;
  IRMapping scalars;
  std::map<std::pair<void *, SmallVector<void *, 6>>, Value> memo;
  DenseMap<Attribute, Value> constants;
  Indices canonical, canonicalShape;
  Value canonicalOffset;
};

} // namespace mlir::ds
