// Lowering of the kinds of groups; each leaves @<group>_run(exec, pointers, sizes, scalars).
#pragma once
#include "lib/target/cpu/CpuModule.h"

namespace mlir::ds {
LogicalResult lowerLoopGroup(CpuModule &cpu, func::FuncOp group);
bool isTransposeGroup(func::FuncOp group);
LogicalResult lowerTransposeGroup(CpuModule &cpu, func::FuncOp group);
LogicalResult lowerKernelGroup(CpuModule &cpu, func::FuncOp group, Operation *kernel);
} // namespace mlir::ds
