// What the lowering of one launch list to a CPU code image shares: symbols, node names, calls of the runtime's services
// (include/ds/model_abi.h), closures.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::ds {

class CpuModule {
public:
  explicit CpuModule(ModuleOp module);

  ModuleOp module;
  MLIRContext *context;
  Type ptr, i64, i32, index;

  // The table index of the ONNX nodes that `loc` names.
  int32_t node(Location loc);
  const std::vector<std::string> &nodes() const { return nodeNames; }

  // A new function with internal linkage at the end of the module; the builder is set to its entry block.
  func::FuncOp createFunction(Location loc, StringRef name, TypeRange arguments, TypeRange results, OpBuilder &b);
  // A function of the kernels' bitcode.
  func::FuncOp declareKernel(StringRef name, TypeRange arguments, TypeRange results);
  // The address of a function.
  Value addressOf(OpBuilder &b, Location loc, func::FuncOp fn);
  // The address of a constant array.
  Value globalArray(OpBuilder &b, Location loc, DenseElementsAttr value);

  Value asI64(OpBuilder &b, Location loc, Value v);
  Value asIndex(OpBuilder &b, Location loc, Value v);
  Value constantI64(OpBuilder &b, Location loc, int64_t v);
  Value constantI32(OpBuilder &b, Location loc, int32_t v);
  Value loadField(OpBuilder &b, Location loc, Value base, Type type, int64_t byteOffset);
  void storeField(OpBuilder &b, Location loc, Value v, Value base, int64_t byteOffset);

  // `values` (ptr, index, i64, i32, f32) in memory of the caller's frame; 8 bytes each.
  Value makeClosure(OpBuilder &b, Location loc, ValueRange values);
  SmallVector<Value> openClosure(OpBuilder &b, Location loc, Value closure, TypeRange types);

  void callFail(OpBuilder &b, Location loc, Value exec, int32_t code, Value a, Value b1);
  void callParallelFor(OpBuilder &b, Location loc, Value exec, func::FuncOp task, Value closure, Value count, Value grain);
  Value callScratch(OpBuilder &b, Location loc, Value exec, Value worker, Value bytes);
  Value callAlloc(OpBuilder &b, Location loc, Value exec, Value bytes);

private:
  Value callService(OpBuilder &b, Location loc, Value exec, int64_t slot, Type result, ValueRange arguments);
  std::vector<std::string> nodeNames;
  llvm::StringMap<int32_t> nodeNumbers;
  DenseMap<Attribute, LLVM::GlobalOp> globals;
};


} // namespace mlir::ds
