// Argument structs of the routing kernels (runtime/kernels/cpu/dsk.h).
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/cpu/KernelCall.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Fills a struct; a missing operand is a null pointer.
class Fields {
public:
  explicit Fields(KernelGroup &k) : k(k), b(k.emitter->builder) {}
  void pointer(Value tensor) {
    if (!tensor)
      return fields.push_back(LLVM::ZeroOp::create(b, k.loc(), k.cpu.ptr));
    FailureOr<Value> p = k.pointerOf(tensor);
    good &= succeeded(p);
    fields.push_back(p.value_or(Value()));
  }
  void destination(unsigned i) {
    pointer(i < k.signature.destinations ? k.signature.tensors[k.signature.tensors.size() - k.signature.destinations + i] : Value());
  }
  void size(Value tensor, unsigned axis) {
    FailureOr<Emitter::Indices> shape = k.emitter->shape(tensor);
    good &= succeeded(shape);
    fields.push_back(good ? (*shape)[axis] : Value());
  }
  void number(int64_t v) { fields.push_back(k.number(v)); }
  void add(Value v) { fields.push_back(v); }
  void real(APFloat v) { fields.push_back(arith::ConstantOp::create(b, k.loc(), b.getFloatAttr(b.getF64Type(), v))); }
  void word(int32_t v) { fields.push_back(k.cpu.constantI32(b, k.loc(), v)); }
  LogicalResult call(StringRef name) {
    if (good)
      k.call(name, fields, /*withEpilogue=*/false);
    return success(good);
  }

private:
  KernelGroup &k;
  OpBuilder &b;
  SmallVector<Value> fields;
  bool good = true;
};
} // namespace

static LogicalResult callRoute(KernelGroup &k, dsk::RouteOp op) {
  Fields f(k);
  for (Value v : {Value(op.getScores()), Value(op.getMixing()), Value(op.getBias()), Value(op.getLoad())})
    f.pointer(v);
  for (unsigned i = 0; i < 5; ++i)
    f.destination(i);
  f.size(op.getScores(), 0);
  f.size(op.getScores(), 1);
  for (int64_t v : {op.getK(), op.getGroups(), op.getTopGroups(), op.getGroupBest()})
    f.number(v);
  for (const APFloat &v : {op.getEpsilon(), op.getScale(), op.getRate()})
    f.real(v);
  f.word(static_cast<int32_t>(op.getScore()));
  f.word(static_cast<int32_t>(op.getBalance()));
  f.word(op.getNormalize());
  return f.call("dsk_route_f32");
}

static LogicalResult callGroupedMatmul(KernelGroup &k, dsk::GroupedMatmulOp op) {
  Fields f(k);
  for (Value v : {Value(op.getInput()), Value(op.getPanels()), Value(op.getScale()), Value(op.getPermutation()), Value(op.getOffsets())})
    f.pointer(v);
  f.destination(0);
  f.size(op.getPermutation(), 0);
  f.number(op.getPanels().getType().getDimSize(0));
  f.number(op.getSlots());
  f.number(op.getPanels().getType().getDimSize(2));
  f.number(op.getPackedN());
  f.number(op.getRowFlops().value_or(0));
  f.word(op.getGated());
  f.word(static_cast<int32_t>(op.getActivation()));
  return f.call("dsk_grouped_matmul_f32");
}

static LogicalResult callPackPanels(KernelGroup &k, dsk::PackPanelsOp op) {
  Fields f(k);
  OpBuilder &b = k.emitter->builder;
  SmallVector<Value> sources;
  for (Value v : op.getInputs()) {
    FailureOr<Value> pointer = k.pointerOf(v);
    if (failed(pointer))
      return failure();
    sources.push_back(*pointer);
  }
  f.add(k.cpu.makeClosure(b, k.loc(), sources));
  f.destination(0);
  for (ArrayRef<int64_t> list : {op.getSources(), op.getOffsets(), op.getRowStrides(), op.getColumnStrides()}) {
    auto type = RankedTensorType::get({static_cast<int64_t>(list.size())}, b.getI64Type());
    f.add(k.cpu.globalArray(b, k.loc(), DenseElementsAttr::get(type, list)));
  }
  f.number(op.getSources().size());
  f.number(op.getType().getDimSize(2));
  f.number(op.getColumns());
  f.word(op.getPairs());
  return f.call("dsk_pack_panels_f32");
}

LogicalResult mlir::ds::lowerRoutingGroup(KernelGroup &k) {
  if (failed(k.begin()))
    return failure();
  if (!llvm::equal(k.returned, k.kernel->getResults()))
    return k.kernel->emitError("the group of this kernel returns just its results");
  LogicalResult called = TypeSwitch<Operation *, LogicalResult>(k.kernel)
                             .Case([&](dsk::RouteOp op) { return callRoute(k, op); })
                             .Case([&](dsk::PackPanelsOp op) { return callPackPanels(k, op); })
                             .Default([&](Operation *op) { return callGroupedMatmul(k, cast<dsk::GroupedMatmulOp>(op)); });
  k.end();
  return called;
}
