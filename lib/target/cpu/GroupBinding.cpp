// Binding of group arguments.
#include "lib/target/cpu/GroupBinding.h"

using namespace mlir;
using namespace mlir::ds;

SmallVector<Value> mlir::ds::returnedTensors(func::FuncOp group) {
  SmallVector<Value> result;
  for (Value v : group.getBody().front().getTerminator()->getOperands())
    if (isa<RankedTensorType>(v.getType()))
      result.push_back(v);
  return result;
}

void mlir::ds::markNoAlias(func::FuncOp fn, unsigned first, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    fn.setArgAttr(first + i, LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(fn.getContext()));
}

Emitter::FailFn mlir::ds::failThrough(CpuModule &cpu, Value exec) {
  return [&cpu, exec](OpBuilder &b, Location loc, int32_t code, Value a, Value bound) {
    cpu.callFail(b, loc, exec, code, a, bound);
  };
}

LogicalResult mlir::ds::bindGroup(CpuModule &cpu, func::FuncOp group, const GroupSignature &signature, ValueRange arguments,
                                  ArrayRef<Value> returned, unsigned minLevel, Emitter &emitter) {
  for (auto [t, tensor] : llvm::enumerate(signature.tensors)) {
    emitter.bind(tensor, {arguments[signature.pointerOf(t)]});
    auto type = cast<RankedTensorType>(tensor.getType());
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(axis))
        emitter.bindSize(tensor, axis, arguments[signature.sizeOf(t, axis)]);
  }
  for (auto [s, scalar] : llvm::enumerate(signature.scalars))
    emitter.bindScalar(scalar, arguments[signature.scalarOf(s)]);
  unsigned first = signature.tensors.size() - signature.destinations;
  for (auto [i, v] : llvm::enumerate(returned)) {
    if (isa<BlockArgument>(v) || llvm::is_contained(returned.take_front(i), v))
      return group.emitError("a group returns an argument, or one value twice");
    unsigned t = first + i;
    emitter.bind(v, {arguments[signature.pointerOf(t)], 0, minLevel});
    auto type = cast<RankedTensorType>(v.getType()), destination = cast<RankedTensorType>(signature.tensors[t].getType());
    if (type.getRank() != destination.getRank())
      return group.emitError("a result has another rank than its destination");
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (destination.isDynamicDim(axis))
        emitter.bindSize(v, axis, arguments[signature.sizeOf(t, axis)]);
  }
  group.walk([&](arith::ConstantOp op) {
    auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
    if (dense && !dense.isSplat()) {
      OpBuilder b = emitter.builder;
      emitter.bind(op.getResult(), {cpu.globalArray(b, op.getLoc(), dense)});
    }
  });
  emitter.unifySizes(group);
  return success();
}
