// Argument structs of the kernels that move, select or pool elements (runtime/kernels/cpu/dsk.h).
#include "dialects/dsk/ir/DskOps.h"
#include "lib/support/OnnxLoc.h"
#include "lib/target/cpu/KernelCall.h"

using namespace mlir;
using namespace mlir::ds;

static Value product(Emitter &e, Location loc, ArrayRef<Value> sizes) {
  Value result = e.constant(loc, 1);
  for (Value size : sizes)
    result = e.mul(loc, result, size);
  return result;
}

// What the kernels of this file start from: pointer, shape and type of an operand or of the group's i-th destination.
namespace {
struct Operand {
  Value pointer, type;
  Emitter::Indices shape;
};
} // namespace

static FailureOr<Operand> operand(KernelGroup &k, Value tensor) {
  FailureOr<Value> pointer = k.pointerOf(tensor);
  FailureOr<Emitter::Indices> shape = k.emitter->shape(tensor);
  if (failed(pointer) || failed(shape))
    return failure();
  Type element = getElementTypeOrSelf(tensor.getType());
  std::optional<int32_t> type = abiType(element);
  if (!type)
    return FailureOr<Operand>(k.kernel->emitError()
                              << "not supported by the CPU target: " << describe(k.loc()) << ": elements of type " << element);
  return Operand{*pointer, k.number(*type), *shape};
}

static FailureOr<Operand> destination(KernelGroup &k, unsigned i) {
  return operand(k, k.signature.tensors[k.signature.tensors.size() - k.signature.destinations + i]);
}

static LogicalResult callPool(KernelGroup &k, dsk::PoolOp op, Operand &x, Operand &out) {
  auto n = [&](int64_t v) { return k.number(v); };
  OpBuilder &b = k.emitter->builder;
  ArrayRef<int64_t> kernel = op.getKernel(), strides = op.getStrides(), pads = op.getPads(), dilations = op.getDilations();
  k.call("dsk_pool2d_f32",
         {x.pointer, out.pointer, x.shape[0], x.shape[1], x.shape[2], x.shape[3], out.shape[1], out.shape[2], n(kernel[0]), n(kernel[1]),
          n(strides[0]), n(strides[1]), n(pads[0]), n(pads[1]), n(pads[2]), n(pads[3]), n(dilations[0]), n(dilations[1]),
          k.cpu.constantI32(b, k.loc(), op.getKind() == dsk::PoolKind::max), k.cpu.constantI32(b, k.loc(), op.getCountIncludePad())},
         false);
  return success();
}

static LogicalResult callTopK(KernelGroup &k, dsk::TopKOp op, Operand &x, Operand &values) {
  FailureOr<Operand> indices = destination(k, 1);
  if (failed(indices))
    return failure();
  Value rows = product(*k.emitter, k.loc(), ArrayRef<Value>(x.shape).drop_back());
  k.call("dsk_top_k",
         {x.pointer, values.pointer, indices->pointer, x.type, rows, x.shape.back(), values.shape.back(),
          k.cpu.constantI32(k.emitter->builder, k.loc(), op.getLargest())},
         false);
  return success();
}

static LogicalResult callScan(KernelGroup &k, dsk::ScanOp op, Operand &x, Operand &out) {
  Value rows = product(*k.emitter, k.loc(), ArrayRef<Value>(x.shape).drop_back());
  auto flag = [&](bool v) { return k.cpu.constantI32(k.emitter->builder, k.loc(), v); };
  k.call("dsk_scan",
         {x.pointer, out.pointer, x.type, rows, x.shape.back(), flag(op.getKind() == dsk::ScanKind::prod), flag(op.getExclusive()),
          flag(op.getReverse())},
         false);
  return success();
}

static LogicalResult callScatter(KernelGroup &k, dsk::ScatterOp op, Operand &x, Operand &out) {
  FailureOr<Operand> indices = operand(k, op.getIndices()), updates = operand(k, op.getUpdates());
  if (failed(indices) || failed(updates))
    return failure();
  int64_t depth = op.getIndices().getType().getDimSize(1);
  ArrayRef<Value> shape = x.shape;
  Value dims = k.cpu.makeClosure(k.emitter->builder, k.loc(), shape.take_front(depth));
  k.call("dsk_scatter",
         {x.pointer, indices->pointer, updates->pointer, out.pointer, dims, x.type, indices->type, k.number(depth),
          product(*k.emitter, k.loc(), shape.drop_front(depth)), updates->shape[0], k.number(static_cast<int64_t>(op.getKind())),
          k.number(k.cpu.node(k.loc()))},
         false);
  return success();
}

// dsk_count_non_zero and dsk_non_zero; the former returns the count.
static LogicalResult lowerNonZero(KernelGroup &k, Value input, bool count) {
  if (failed(count ? k.begin(k.cpu.index) : k.begin()))
    return failure();
  FailureOr<Operand> x = operand(k, input);
  if (failed(x))
    return failure();
  OpBuilder &b = k.emitter->builder;
  Value dims = k.cpu.makeClosure(b, k.loc(), x->shape), rank = k.number(x->shape.size());
  if (count) {
    Value none = LLVM::ZeroOp::create(b, k.loc(), k.cpu.ptr);
    Value found = k.call("dsk_count_non_zero", {x->pointer, none, dims, x->type, rank, k.number(0)}, false, k.cpu.i64);
    k.end(k.cpu.asIndex(b, k.loc(), found));
    return success();
  }
  FailureOr<Operand> out = destination(k, 0);
  if (failed(out))
    return failure();
  k.call("dsk_non_zero", {x->pointer, out->pointer, dims, x->type, rank, out->shape[1]}, false);
  k.end();
  return success();
}

LogicalResult mlir::ds::lowerDataGroup(KernelGroup &k) {
  if (auto op = dyn_cast<dsk::CountNonZeroOp>(k.kernel))
    return lowerNonZero(k, op.getInput(), true);
  if (auto op = dyn_cast<dsk::NonZeroOp>(k.kernel))
    return lowerNonZero(k, op.getInput(), false);
  if (failed(k.begin()))
    return failure();
  if (!llvm::equal(k.returned, k.kernel->getResults()))
    return k.kernel->emitError("the group of this kernel returns just its results");
  FailureOr<Operand> x = operand(k, k.kernel->getOperand(0)), out = destination(k, 0);
  if (failed(x) || failed(out))
    return failure();
  LogicalResult done = llvm::TypeSwitch<Operation *, LogicalResult>(k.kernel)
                           .Case([&](dsk::PoolOp op) { return callPool(k, op, *x, *out); })
                           .Case([&](dsk::TopKOp op) { return callTopK(k, op, *x, *out); })
                           .Case([&](dsk::ScanOp op) { return callScan(k, op, *x, *out); })
                           .Case([&](dsk::ScatterOp op) { return callScatter(k, op, *x, *out); })
                           .Default([&](Operation *op) {
                             return op->emitError() << "not supported by the CPU target: " << describe(op->getLoc()) << ": " << op->getName();
                           });
  k.end();
  return done;
}
