// A group around one kernel: the function that fills the kernel's argument struct and calls it.
#pragma once
#include "lib/target/common/Views.h"
#include "lib/target/cpu/GroupBinding.h"

namespace mlir::ds {

class KernelGroup {
public:
  KernelGroup(CpuModule &cpu, func::FuncOp group, Operation *kernel)
      : cpu(cpu), group(group), kernel(kernel), signature(group), returned(returnedTensors(group)) {}

  // Creates @<group>_run with `results`, binds the group's arguments, and leaves the emitter in its body.
  LogicalResult begin(TypeRange results = {});
  // Ends it.
  void end(ValueRange results = {});
  // Calls kernel `name`(exec, &fields[, epilogue, closure]). Fields are stored one after the other, each aligned to its size.
  // Returns the call's result if `result` is a type.
  Value call(StringRef name, ArrayRef<Value> fields, bool withEpilogue, Type result = {});
  // The pointer to the first element of a view.
  FailureOr<Value> pointer(const StridedView &view);
  FailureOr<Value> pointerOf(Value tensor);

  Location loc() { return kernel->getLoc(); }
  Value number(int64_t v) { return emitter->constant(loc(), v); }

  // How a tile's (b, i, j) maps to indices of the kernel's result.
  enum class Space { Matrix, BatchedMatrix, Image };
  // Emits @<group>_epilogue(closure, tile, ld, b, i0, j0, m, n) for the elementwise ops that follow the kernel.
  LogicalResult emitEpilogue(Space space);

  CpuModule &cpu;
  func::FuncOp group;
  Operation *kernel;
  GroupSignature signature;
  SmallVector<Value> returned;
  func::FuncOp caller, epilogue;
  std::unique_ptr<Emitter> emitter;

private:
  LogicalResult emitTile(func::FuncOp tile, Space space);
};

LogicalResult lowerMatmulGroup(KernelGroup &k);
LogicalResult lowerConvGroup(KernelGroup &k);
LogicalResult lowerAttentionGroup(KernelGroup &k);
LogicalResult lowerRoutingGroup(KernelGroup &k); // routing and the products of experts
LogicalResult lowerDataGroup(KernelGroup &k); // pooling, selection, scans, scatters, counting

} // namespace mlir::ds
