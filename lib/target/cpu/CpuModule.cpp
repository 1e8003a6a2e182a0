// Services, closures and symbols of a CPU code image.
#include "lib/target/cpu/CpuModule.h"
#include "ds/model_abi.h"
#include "lib/support/OnnxLoc.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::ds;

CpuModule::CpuModule(ModuleOp module)
    : module(module), context(module.getContext()), ptr(LLVM::LLVMPointerType::get(context)),
      i64(IntegerType::get(context, 64)), i32(IntegerType::get(context, 32)), index(IndexType::get(context)) {}

int32_t CpuModule::node(Location loc) {
  if (isa<UnknownLoc>(loc))
    return -1;
  auto [it, isNew] = nodeNumbers.try_emplace(describe(loc), nodeNames.size());
  if (isNew)
    nodeNames.push_back(it->getKey().str());
  return it->second;
}

func::FuncOp CpuModule::createFunction(Location loc, StringRef name, TypeRange arguments, TypeRange results, OpBuilder &b) {
  b.setInsertionPointToEnd(module.getBody());
  auto fn = func::FuncOp::create(b, loc, name, FunctionType::get(context, arguments, results));
  fn->setAttr("llvm.linkage", LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  b.setInsertionPointToEnd(fn.addEntryBlock());
  return fn;
}

func::FuncOp CpuModule::declareKernel(StringRef name, TypeRange arguments, TypeRange results) {
  if (auto known = module.lookupSymbol<func::FuncOp>(name))
    return known;
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  auto fn = func::FuncOp::create(b, module.getLoc(), name, FunctionType::get(context, arguments, results));
  fn.setPrivate();
  return fn;
}

Value CpuModule::addressOf(OpBuilder &b, Location loc, func::FuncOp fn) {
  Value f = func::ConstantOp::create(b, loc, fn.getFunctionType(), FlatSymbolRefAttr::get(fn.getNameAttr()));
  return UnrealizedConversionCastOp::create(b, loc, ptr, f).getResult(0);
}

Value CpuModule::globalArray(OpBuilder &b, Location loc, DenseElementsAttr value) {
  LLVM::GlobalOp &global = globals[value];
  if (!global) {
    OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
    Type element = value.getElementType();
    DenseElementsAttr stored = value;
    if (element.isInteger(1)) {
      element = b.getI8Type();
      SmallVector<int8_t> bytes;
      for (bool v : value.getValues<bool>())
        bytes.push_back(v);
      stored = DenseElementsAttr::get(RankedTensorType::get(value.getType().getShape(), element), ArrayRef<int8_t>(bytes));
    }
    auto flat = stored.reshape(RankedTensorType::get({stored.getNumElements()}, element));
    global = LLVM::GlobalOp::create(top, loc, LLVM::LLVMArrayType::get(element, stored.getNumElements()), /*isConstant=*/true,
                                    LLVM::Linkage::Internal, ("constant_" + Twine(globals.size())).str(), flat, /*alignment=*/64);
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}

Value CpuModule::asI64(OpBuilder &b, Location loc, Value v) {
  return v.getType().isIndex() ? Value(arith::IndexCastOp::create(b, loc, i64, v)) : v;
}
Value CpuModule::asIndex(OpBuilder &b, Location loc, Value v) {
  return v.getType().isIndex() ? v : Value(arith::IndexCastOp::create(b, loc, index, v));
}
Value CpuModule::constantI64(OpBuilder &b, Location loc, int64_t v) {
  return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(v));
}
Value CpuModule::constantI32(OpBuilder &b, Location loc, int32_t v) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(v));
}

static Value fieldAddress(OpBuilder &b, Location loc, Value base, int64_t byteOffset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(byteOffset)}, LLVM::GEPNoWrapFlags::inbounds);
}

Value CpuModule::loadField(OpBuilder &b, Location loc, Value base, Type type, int64_t byteOffset) {
  Type stored = type.isIndex() ? i64 : type;
  Value v = LLVM::LoadOp::create(b, loc, stored, fieldAddress(b, loc, base, byteOffset));
  return type.isIndex() ? asIndex(b, loc, v) : v;
}

void CpuModule::storeField(OpBuilder &b, Location loc, Value v, Value base, int64_t byteOffset) {
  LLVM::StoreOp::create(b, loc, v.getType().isIndex() ? asI64(b, loc, v) : v, fieldAddress(b, loc, base, byteOffset));
}

Value CpuModule::makeClosure(OpBuilder &b, Location loc, ValueRange values) {
  Value count = constantI64(b, loc, std::max<size_t>(values.size(), 1));
  Value memory = LLVM::AllocaOp::create(b, loc, ptr, i64, count, 8);
  for (auto [i, v] : llvm::enumerate(values))
    storeField(b, loc, v, memory, 8 * i);
  return memory;
}

SmallVector<Value> CpuModule::openClosure(OpBuilder &b, Location loc, Value closure, TypeRange types) {
  SmallVector<Value> result;
  for (auto [i, type] : llvm::enumerate(types))
    result.push_back(loadField(b, loc, closure, type, 8 * i));
  return result;
}

// exec->services->[slot](arguments)
Value CpuModule::callService(OpBuilder &b, Location loc, Value exec, int64_t slot, Type result, ValueRange arguments) {
  Value services = loadField(b, loc, exec, ptr, 0);
  SmallVector<Value> operands{loadField(b, loc, services, ptr, 8 * slot)};
  SmallVector<Type> types;
  for (Value v : arguments) {
    operands.push_back(asI64(b, loc, v));
    types.push_back(operands.back().getType());
  }
  auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(context), types);
  auto call = LLVM::CallOp::create(b, loc, type, operands);
  return result ? call.getResult() : Value();
}

void CpuModule::callParallelFor(OpBuilder &b, Location loc, Value exec, func::FuncOp task, Value closure, Value count, Value grain) {
  callService(b, loc, exec, 0, nullptr, {exec, addressOf(b, loc, task), closure, count, grain});
}
Value CpuModule::callScratch(OpBuilder &b, Location loc, Value exec, Value worker, Value bytes) {
  return callService(b, loc, exec, 1, ptr, {exec, worker, bytes});
}
Value CpuModule::callAlloc(OpBuilder &b, Location loc, Value exec, Value bytes) {
  return callService(b, loc, exec, 2, ptr, {exec, bytes});
}
void CpuModule::callFail(OpBuilder &b, Location loc, Value exec, int32_t code, Value a, Value b1) {
  callService(b, loc, exec, 3, nullptr, {exec, constantI32(b, loc, code), constantI32(b, loc, node(loc)), a, b1});
}
