// Signatures of lowered groups.
#include "lib/target/common/Buffers.h"
#include "ds/model_abi.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::ds;

Type mlir::ds::memoryType(Type element) {
  if (element.isInteger(1) || isa<IntegerType>(element))
    return IntegerType::get(element.getContext(), std::max(8u, element.getIntOrFloatBitWidth()));
  return element;
}

int64_t mlir::ds::memoryBytes(Type element) {
  return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
}

std::optional<int32_t> mlir::ds::abiType(Type element) {
  if (element.isF32())
    return DS_F32;
  if (element.isF64())
    return DS_F64;
  if (element.isF16())
    return DS_F16;
  if (element.isBF16())
    return DS_BF16;
  if (!element.isInteger())
    return std::nullopt;
  switch (element.getIntOrFloatBitWidth()) {
  case 1:
    return DS_BOOL;
  case 8:
    return DS_I8;
  case 16:
    return DS_I16;
  case 32:
    return DS_I32;
  case 64:
    return DS_I64;
  }
  return std::nullopt;
}

GroupSignature::GroupSignature(func::FuncOp group) {
  for (BlockArgument arg : group.getArguments()) {
    if (auto type = dyn_cast<RankedTensorType>(arg.getType())) {
      tensors.push_back(arg);
      sizeCount += type.getNumDynamicDims();
    } else {
      scalars.push_back(arg);
    }
  }
  for (Type type : group.getResultTypes())
    destinations += isa<RankedTensorType>(type);
}

SmallVector<Type> GroupSignature::types(MLIRContext *context) const {
  SmallVector<Type> result(1 + tensors.size(), LLVM::LLVMPointerType::get(context));
  result.append(sizeCount + scalars.size(), IndexType::get(context));
  return result;
}

unsigned GroupSignature::sizeOf(unsigned tensor, unsigned axis) const {
  unsigned position = 1 + tensors.size();
  for (unsigned t = 0; t < tensor; ++t)
    position += cast<RankedTensorType>(tensors[t].getType()).getNumDynamicDims();
  auto type = cast<RankedTensorType>(tensors[tensor].getType());
  return position + type.getDynamicDimIndex(axis);
}
