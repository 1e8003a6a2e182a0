// Kernel ops that run as plain loops in program order: scans, scatters, counting.
#include "dialects/dsk/ir/DskOps.h"
#include "ds/model_abi.h"
#include "lib/support/OnnxLoc.h"
#include "lib/target/cpu/KernelCall.h"

using namespace mlir;
using namespace mlir::ds;

// Opens loops over `shape`; their indices.
static Emitter::Indices openAll(Emitter &e, Location loc, ArrayRef<Value> shape) {
  Emitter::Indices indices;
  for (Value size : shape)
    indices.push_back(e.openLoop(loc, e.constant(loc, 0), size).getInductionVar());
  return indices;
}
static void closeAll(Emitter &e, Location loc, size_t count) {
  for (size_t i = 0; i < count; ++i)
    e.closeLoop(loc);
}

static LogicalResult lowerScan(KernelGroup &k, dsk::ScanOp op) {
  Emitter &e = *k.emitter;
  Location loc = op.getLoc();
  FailureOr<Emitter::Indices> shape = e.shape(op.getInput());
  if (failed(shape))
    return failure();
  bool sum = op.getKind() == dsk::ScanKind::sum;
  Type element = getElementTypeOrSelf(op.getType());
  TypedAttr neutral = isa<FloatType>(element) ? TypedAttr(e.builder.getFloatAttr(element, sum ? 0 : 1))
                                              : TypedAttr(e.builder.getIntegerAttr(element, sum ? 0 : 1));
  Emitter::Indices indices = openAll(e, loc, ArrayRef<Value>(*shape).drop_back());
  scf::ForOp loop = e.openLoop(loc, e.constant(loc, 0), shape->back(), e.constant(loc, neutral));
  Value at = loop.getInductionVar(), carried = loop.getRegionIterArg(0);
  if (op.getReverse())
    at = e.binary<arith::SubIOp>(loc, e.add(loc, shape->back(), e.constant(loc, -1)), at);
  indices.push_back(at);
  FailureOr<Value> x = e.loadHere(loc, op.getInput(), indices);
  if (failed(x))
    return failure();
  OpBuilder &b = e.builder;
  Value next;
  if (isa<FloatType>(element))
    next = sum ? Value(arith::AddFOp::create(b, loc, carried, *x)) : Value(arith::MulFOp::create(b, loc, carried, *x));
  else
    next = sum ? Value(arith::AddIOp::create(b, loc, carried, *x)) : Value(arith::MulIOp::create(b, loc, carried, *x));
  if (failed(e.store(loc, op.getExclusive() ? carried : next, op.getResult(), indices)))
    return failure();
  e.closeLoop(loc, next);
  closeAll(e, loc, shape->size() - 1);
  return success();
}

static Value combine(OpBuilder &b, Location loc, dsk::ScatterKind kind, Value old, Value update) {
  bool real = isa<FloatType>(old.getType());
  switch (kind) {
  case dsk::ScatterKind::set:
    return update;
  case dsk::ScatterKind::add:
    return real ? Value(arith::AddFOp::create(b, loc, old, update)) : Value(arith::AddIOp::create(b, loc, old, update));
  case dsk::ScatterKind::mul:
    return real ? Value(arith::MulFOp::create(b, loc, old, update)) : Value(arith::MulIOp::create(b, loc, old, update));
  case dsk::ScatterKind::max:
    return real ? Value(arith::MaximumFOp::create(b, loc, old, update)) : Value(arith::MaxSIOp::create(b, loc, old, update));
  case dsk::ScatterKind::min:
    return real ? Value(arith::MinimumFOp::create(b, loc, old, update)) : Value(arith::MinSIOp::create(b, loc, old, update));
  }
  llvm_unreachable("all kinds are handled");
}

// The index that element (u, d) of `indices` gives for an axis of `size`: checked, negative ones from the end.
static FailureOr<Value> scatterIndex(KernelGroup &k, dsk::ScatterOp op, Value u, unsigned d, Value size) {
  Emitter &e = *k.emitter;
  OpBuilder &b = e.builder;
  Location loc = op.getLoc();
  FailureOr<Value> raw = e.loadHere(loc, op.getIndices(), {u, e.constant(loc, d)});
  if (failed(raw))
    return failure();
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), *raw), zero = e.constant(loc, 0);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, zero);
  Value wrapped = arith::SelectOp::create(b, loc, negative, arith::AddIOp::create(b, loc, index, size), index);
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, wrapped, size);
  Value outside = arith::XOrIOp::create(b, loc, inside, arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
  scf::IfOp::create(b, loc, outside, [&](OpBuilder &then, Location l) {
    k.cpu.callFail(then, l, k.caller.getArgument(0), DS_E_INDEX, index, size);
    scf::YieldOp::create(then, l);
  });
  Value safe = arith::SelectOp::create(b, loc, inside, wrapped, zero);
  e.setLevel(safe, e.depth());
  return safe;
}

static LogicalResult lowerScatter(KernelGroup &k, dsk::ScatterOp op) {
  Emitter &e = *k.emitter;
  Location loc = op.getLoc();
  FailureOr<Emitter::Indices> shape = e.shape(op.getInput()), updates = e.shape(op.getUpdates());
  if (failed(shape) || failed(updates))
    return failure();
  for (size_t axis = 0; axis < shape->size(); ++axis)
    e.bindSize(op.getResult(), axis, (*shape)[axis]);
  Emitter::Indices all = openAll(e, loc, *shape);
  FailureOr<Value> old = e.loadHere(loc, op.getInput(), all);
  if (failed(old) || failed(e.store(loc, *old, op.getResult(), all)))
    return failure();
  closeAll(e, loc, all.size());
  unsigned depth = op.getIndices().getType().getDimSize(1);
  Emitter::Indices target, source;
  source.push_back(e.openLoop(loc, e.constant(loc, 0), (*updates)[0]).getInductionVar());
  for (unsigned d = 0; d < depth; ++d) {
    FailureOr<Value> index = scatterIndex(k, op, source[0], d, (*shape)[d]);
    if (failed(index))
      return failure();
    target.push_back(*index);
  }
  Emitter::Indices slice = openAll(e, loc, ArrayRef<Value>(*shape).drop_front(depth));
  target.append(slice);
  source.append(slice);
  FailureOr<Value> update = e.loadHere(loc, op.getUpdates(), source), current = e.loadHere(loc, op.getResult(), target);
  if (failed(update) || failed(current) ||
      failed(e.store(loc, combine(e.builder, loc, op.getKind(), *current, *update), op.getResult(), target)))
    return failure();
  closeAll(e, loc, slice.size() + 1);
  return success();
}

static Value isNonZero(OpBuilder &b, Location loc, Value v) {
  Value zero = arith::ConstantOp::create(b, loc, cast<TypedAttr>(b.getZeroAttr(v.getType())));
  if (isa<FloatType>(v.getType()))
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, v, zero);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, v, zero);
}

// Walks the elements in row-major order with a counter; `visit` runs where an element is not zero.
static FailureOr<Value> countNonZero(KernelGroup &k, Value input, function_ref<LogicalResult(ArrayRef<Value>, Value)> visit) {
  Emitter &e = *k.emitter;
  Location loc = k.loc();
  FailureOr<Emitter::Indices> shape = e.shape(input);
  if (failed(shape))
    return failure();
  Emitter::Indices indices;
  SmallVector<scf::ForOp> loops;
  Value counter = e.constant(loc, 0);
  for (Value size : *shape) {
    loops.push_back(e.openLoop(loc, e.constant(loc, 0), size, counter));
    indices.push_back(loops.back().getInductionVar());
    counter = loops.back().getRegionIterArg(0);
  }
  FailureOr<Value> x = e.loadHere(loc, input, indices);
  if (failed(x))
    return failure();
  OpBuilder &b = e.builder;
  Value hit = isNonZero(b, loc, *x);
  Value next = arith::AddIOp::create(b, loc, counter, arith::IndexCastUIOp::create(b, loc, b.getIndexType(), hit));
  e.setLevel(next, e.depth());
  if (visit) {
    auto branch = scf::IfOp::create(b, loc, hit, /*withElseRegion=*/false);
    OpBuilder::InsertPoint after = b.saveInsertionPoint();
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    if (failed(visit(indices, counter)))
      return failure();
    b.restoreInsertionPoint(after);
  }
  for (scf::ForOp loop : llvm::reverse(loops)) {
    e.closeLoop(loc, next);
    next = loop.getResult(0);
  }
  return next;
}

LogicalResult mlir::ds::lowerSerialGroup(KernelGroup &k) {
  if (auto count = dyn_cast<dsk::CountNonZeroOp>(k.kernel)) {
    if (failed(k.begin(k.cpu.index)))
      return failure();
    FailureOr<Value> result = countNonZero(k, count.getInput(), nullptr);
    if (failed(result))
      return failure();
    k.end(*result);
    return success();
  }
  if (failed(k.begin()))
    return failure();
  LogicalResult done = success();
  if (auto scan = dyn_cast<dsk::ScanOp>(k.kernel)) {
    done = lowerScan(k, scan);
  } else if (auto scatter = dyn_cast<dsk::ScatterOp>(k.kernel)) {
    done = lowerScatter(k, scatter);
  } else if (auto nonZero = dyn_cast<dsk::NonZeroOp>(k.kernel)) {
    Emitter &e = *k.emitter;
    done = countNonZero(k, nonZero.getInput(), [&](ArrayRef<Value> indices, Value column) -> LogicalResult {
      for (auto [row, index] : llvm::enumerate(indices)) {
        Value element = arith::IndexCastOp::create(e.builder, k.loc(), e.builder.getI64Type(), index);
        if (failed(e.store(k.loc(), element, nonZero.getResult(), {e.constant(k.loc(), row), column})))
          return failure();
      }
      return success();
    });
  } else {
    return k.kernel->emitError() << "not supported by the CPU target: " << describe(k.loc()) << ": " << k.kernel->getName();
  }
  k.end();
  return done;
}
