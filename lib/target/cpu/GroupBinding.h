// A group's arguments inside the functions it is lowered to.
#pragma once
#include "lib/target/common/Emitter.h"
#include "lib/target/cpu/CpuModule.h"

namespace mlir::ds {

// Tells the emitter where the group's arguments, dense constants and returned values are.
// `returned` tensors are bound to the destinations; loads of them go no further out than `minLevel`.
LogicalResult bindGroup(CpuModule &cpu, func::FuncOp group, const GroupSignature &signature, ValueRange arguments,
                        ArrayRef<Value> returned, unsigned minLevel, Emitter &emitter);
// The tensors that the group returns.
SmallVector<Value> returnedTensors(func::FuncOp group);
// Marks the data pointers of a lowered function as not aliasing.
void markNoAlias(func::FuncOp fn, unsigned first, unsigned count);
// Emitter's way to record a failure, given the function's exec.
Emitter::FailFn failThrough(CpuModule &cpu, Value exec);

} // namespace mlir::ds
