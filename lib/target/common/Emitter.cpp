// Places of scalar code, index arithmetic, and access to buffers.
#include "lib/target/common/Emitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::ds;

scf::ForOp Emitter::openLoop(Location loc, Value lower, Value upper, ValueRange inits) {
  Value one = constant(loc, 1);
  auto loop = scf::ForOp::create(builder, loc, lower, upper, one, inits);
  loops.push_back(loop);
  if (inits.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToEnd(loop.getBody());
  for (BlockArgument arg : loop.getBody()->getArguments())
    levels[arg] = loops.size();
  return loop;
}

void Emitter::closeLoop(Location loc, ValueRange yields) {
  scf::ForOp loop = loops.pop_back_val();
  if (!yields.empty())
    scf::YieldOp::create(builder, loc, yields);
  builder.setInsertionPointAfter(loop);
  for (Value result : loop.getResults())
    levels[result] = loops.size();
}

unsigned Emitter::levelOf(ValueRange operands) const {
  unsigned result = 0;
  for (Value v : operands)
    result = std::max(result, levels.lookup(v));
  return result;
}

OpBuilder Emitter::at(ValueRange operands, unsigned minLevel) {
  unsigned level = std::max(levelOf(operands), minLevel);
  bool free = !pinned || hoisting;
  if (free && level < loops.size())
    return OpBuilder(loops[level]);
  if (free && pinned)
    return OpBuilder(outermostIf);
  return builder;
}

Value Emitter::record(Value v, ValueRange operands, unsigned minLevel) {
  levels.try_emplace(v, pinned && !hoisting ? loops.size() : std::max(levelOf(operands), minLevel));
  return v;
}

Value Emitter::constant(Location loc, TypedAttr value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder b = OpBuilder::atBlockBegin(entry);
    known = arith::ConstantOp::create(b, loc, value);
  }
  return known;
}

Value Emitter::constant(Location loc, int64_t value) { return constant(loc, builder.getIndexAttr(value)); }

Value Emitter::add(Location loc, Value a, Value b) {
  return record(at({a, b}).createOrFold<arith::AddIOp>(loc, a, b, arith::IntegerOverflowFlags::nsw), {a, b});
}
Value Emitter::mul(Location loc, Value a, Value b) {
  return record(at({a, b}).createOrFold<arith::MulIOp>(loc, a, b, arith::IntegerOverflowFlags::nsw), {a, b});
}

void Emitter::setCanonical(ArrayRef<Value> indices, Value offset, ArrayRef<Value> shape) {
  canonical.assign(indices.begin(), indices.end());
  canonicalShape.assign(shape.begin(), shape.end());
  canonicalOffset = offset;
}

FailureOr<Emitter::Indices> Emitter::shape(Value tensor) {
  Indices result;
  for (int64_t axis = 0, rank = cast<RankedTensorType>(tensor.getType()).getRank(); axis < rank; ++axis) {
    FailureOr<Value> dim = size(tensor, axis);
    if (failed(dim))
      return failure();
    result.push_back(*dim);
  }
  return result;
}

// Sum of index * stride, so that what depends on outer loops only is computed there.
FailureOr<Value> Emitter::offset(Location loc, Value tensor, ArrayRef<Value> indices, unsigned rowDims) {
  FailureOr<Indices> dims = shape(tensor);
  if (failed(dims))
    return failure();
  if (canonicalOffset && rowDims == 0 && ArrayRef<Value>(canonical) == indices && *dims == canonicalShape)
    return canonicalOffset;
  Value sum = constant(loc, 0), stride = constant(loc, 1);
  Indices terms;
  for (size_t axis = indices.size(); axis-- > rowDims;) {
    if (cast<RankedTensorType>(tensor.getType()).getDimSize(axis) != 1)
      terms.push_back(mul(loc, indices[axis], stride));
    stride = mul(loc, stride, (*dims)[axis]);
  }
  for (Value term : llvm::reverse(terms))
    sum = add(loc, sum, term);
  return sum;
}

FailureOr<Value> Emitter::address(Location loc, Value tensor, ArrayRef<Value> indices) {
  Buffer buffer = buffers.lookup(tensor);
  FailureOr<Value> linear = offset(loc, tensor, indices, buffer.rowDims);
  if (failed(linear))
    return failure();
  OpBuilder b = at({*linear, buffer.pointer}, buffer.minLevel);
  Value i64 = arith::IndexCastOp::create(b, loc, b.getI64Type(), *linear);
  Type element = memoryType(getElementTypeOrSelf(tensor.getType()));
  Value ptr = LLVM::GEPOp::create(b, loc, buffer.pointer.getType(), element, buffer.pointer, ArrayRef<LLVM::GEPArg>{i64},
                                  LLVM::GEPNoWrapFlags::inbounds);
  return record(ptr, {*linear, buffer.pointer}, buffer.minLevel);
}

static Value loadElement(OpBuilder &b, Location loc, Value ptr, Type element) {
  Type memory = memoryType(element);
  Value v = LLVM::LoadOp::create(b, loc, memory, ptr, memoryBytes(element));
  if (memory == element)
    return v;
  Value zero = arith::ConstantOp::create(b, loc, b.getIntegerAttr(memory, 0));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, v, zero);
}

FailureOr<Value> Emitter::loadHere(Location loc, Value tensor, ArrayRef<Value> indices) {
  FailureOr<Value> ptr = address(loc, tensor, indices);
  if (failed(ptr))
    return failure();
  Value v = loadElement(builder, loc, *ptr, getElementTypeOrSelf(tensor.getType()));
  levels[v] = loops.size();
  return v;
}

LogicalResult Emitter::store(Location loc, Value element, Value tensor, ArrayRef<Value> indices) {
  FailureOr<Value> ptr = address(loc, tensor, indices);
  if (failed(ptr))
    return failure();
  if (element.getType().isInteger(1))
    element = arith::ExtUIOp::create(builder, loc, builder.getI8Type(), element);
  LLVM::StoreOp::create(builder, loc, element, *ptr, memoryBytes(element.getType()));
  return success();
}

FailureOr<Value> Emitter::pull(Value tensor, ArrayRef<Value> indices) {
  if (auto it = pulls.find(tensor); it != pulls.end())
    return it->second(indices);
  auto key = std::make_pair(tensor.getAsOpaquePointer(), SmallVector<void *, 6>());
  for (Value i : indices)
    key.second.push_back(i.getAsOpaquePointer());
  if (auto it = memo.find(key); it != memo.end())
    return it->second;
  FailureOr<Value> result;
  if (auto it = buffers.find(tensor); it != buffers.end()) {
    Location loc = tensor.getLoc();
    FailureOr<Value> ptr = address(loc, tensor, indices);
    if (failed(ptr))
      return failure();
    OpBuilder b = at(*ptr, it->second.minLevel);
    result = record(loadElement(b, loc, *ptr, getElementTypeOrSelf(tensor.getType())), *ptr, it->second.minLevel);
  } else {
    result = compute(tensor, indices);
  }
  if (succeeded(result) && !pinned)
    memo[key] = *result;
  return result;
}
