// Where the tensors of a group live in memory, and the sizes of their axes as index values.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::ds {

// The type in memory of an element: a bool is one byte, everything else itself (signless).
Type memoryType(Type element);
// Bytes of an element in memory.
int64_t memoryBytes(Type element);

// The number by which the runtime and kernels know an element type (ds_type of include/ds/model_abi.h); signless integers are
// signed. Nothing for types that they do not know.
std::optional<int32_t> abiType(Type element);

// A contiguous row-major buffer of the axes from `rowDims` on: of the whole tensor, or of one row of it.
struct Buffer {
  Value pointer;
  unsigned rowDims = 0;
  unsigned minLevel = 0; // loads go no further out than this loop depth: the depth at which it is written
};

// A group lowered to a function on pointers:
//   @name(exec: ptr, one ptr per tensor argument, one index per dynamic size of each, one index per index argument)
// in the order of the group's arguments. `GroupSignature` says which argument of the new function is what.
struct GroupSignature {
  explicit GroupSignature(func::FuncOp group);

  SmallVector<Type> types(MLIRContext *context) const;
  // Argument numbers in the lowered function.
  unsigned pointerOf(unsigned tensor) const { return 1 + tensor; }
  unsigned sizeOf(unsigned tensor, unsigned axis) const;
  unsigned scalarOf(unsigned scalar) const { return 1 + tensors.size() + sizeCount + scalar; }
  unsigned argumentCount() const { return 1 + tensors.size() + sizeCount + scalars.size(); }

  SmallVector<BlockArgument> tensors; // inputs, then destinations
  SmallVector<BlockArgument> scalars;
  unsigned destinations = 0; // how many of `tensors`, at their end, are destinations
  unsigned sizeCount = 0;
};

} // namespace mlir::ds
