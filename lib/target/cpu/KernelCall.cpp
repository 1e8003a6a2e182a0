// Calls of kernels, and their epilogues.
#include "lib/target/cpu/KernelCall.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/cpu/Groups.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult KernelGroup::begin(TypeRange results) {
  OpBuilder b(cpu.context);
  caller = cpu.createFunction(group.getLoc(), (group.getName() + "_run").str(), signature.types(cpu.context), results, b);
  caller->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  markNoAlias(caller, 1, signature.tensors.size());
  emitter = std::make_unique<Emitter>(&caller.getBody().front(), failThrough(cpu, caller.getArgument(0)));
  if (failed(bindGroup(cpu, group, signature, caller.getArguments(), returned, 0, *emitter)))
    return failure();
  return success();
}

void KernelGroup::end(ValueRange results) { func::ReturnOp::create(emitter->builder, loc(), results); }

Value KernelGroup::call(StringRef name, ArrayRef<Value> fields, bool withEpilogue, Type result) {
  OpBuilder &b = emitter->builder;
  Value memory = LLVM::AllocaOp::create(b, loc(), cpu.ptr, cpu.i64, cpu.constantI64(b, loc(), fields.size()), 8);
  int64_t at = 0;
  for (Value field : fields) {
    int64_t bytes = isa<LLVM::LLVMPointerType, IndexType>(field.getType()) ? 8 : memoryBytes(field.getType());
    at = llvm::alignTo(at, bytes);
    cpu.storeField(b, loc(), field, memory, at);
    at += bytes;
  }
  SmallVector<Value> operands{caller.getArgument(0), memory};
  if (withEpilogue) {
    operands.push_back(cpu.addressOf(b, loc(), epilogue));
    operands.push_back(cpu.makeClosure(b, loc(), caller.getArguments()));
  }
  func::FuncOp callee = cpu.declareKernel(name, SmallVector<Type>(operands.size(), cpu.ptr), result ? TypeRange(result) : TypeRange());
  auto made = func::CallOp::create(b, loc(), callee, operands);
  return result ? made.getResult(0) : Value();
}

FailureOr<Value> KernelGroup::pointer(const StridedView &view) {
  auto arg = dyn_cast<BlockArgument>(view.base);
  Value base;
  for (auto [t, tensor] : llvm::enumerate(signature.tensors))
    if (tensor == view.base)
      base = caller.getArgument(signature.pointerOf(t));
  if (!arg || !base)
    return FailureOr<Value>(kernel->emitError("a kernel operand that is no argument of its group"));
  Value offset = cpu.asI64(emitter->builder, loc(), view.offset);
  return Value(LLVM::GEPOp::create(emitter->builder, loc(), cpu.ptr, memoryType(getElementTypeOrSelf(view.base.getType())), base,
                                   ArrayRef<LLVM::GEPArg>{offset}, LLVM::GEPNoWrapFlags::inbounds));
}

FailureOr<Value> KernelGroup::pointerOf(Value tensor) {
  FailureOr<StridedView> view = viewOf(*emitter, tensor);
  if (failed(view))
    return failure();
  if (!view->contiguous)
    return FailureOr<Value>(kernel->emitError("a kernel operand that must be contiguous is a strided view"));
  return pointer(*view);
}

LogicalResult KernelGroup::emitEpilogue(Space space) {
  OpBuilder b(cpu.context);
  SmallVector<Type> types = signature.types(cpu.context), closureTypes = types;
  SmallVector<Type> tileTypes(6, cpu.index);
  types.push_back(cpu.ptr);
  types.append(tileTypes);
  func::FuncOp tile = cpu.createFunction(group.getLoc(), (group.getName() + "_tile").str(), types, {}, b);
  markNoAlias(tile, 1, signature.tensors.size());
  markNoAlias(tile, signature.argumentCount(), 1);
  if (failed(emitTile(tile, space)))
    return failure();
  SmallVector<Type> callbackTypes{cpu.ptr, cpu.ptr};
  callbackTypes.append(6, cpu.i64);
  epilogue = cpu.createFunction(group.getLoc(), (group.getName() + "_epilogue").str(), callbackTypes, {}, b);
  SmallVector<Value> operands = cpu.openClosure(b, loc(), epilogue.getArgument(0), closureTypes);
  operands.push_back(epilogue.getArgument(1));
  for (unsigned i = 2; i < 8; ++i)
    operands.push_back(cpu.asIndex(b, loc(), epilogue.getArgument(i)));
  func::CallOp::create(b, loc(), tile, operands);
  func::ReturnOp::create(b, loc());
  return success();
}

LogicalResult KernelGroup::emitTile(func::FuncOp tile, Space space) {
  ValueRange arguments = tile.getArguments();
  Emitter e(&tile.getBody().front(), failThrough(cpu, arguments[0]));
  Value result = kernel->getResult(0);
  // The kernel's result has the shape of the destinations.
  unsigned destination = signature.tensors.size() - signature.destinations;
  auto type = cast<RankedTensorType>(signature.tensors[destination].getType());
  if (type.getRank() != cast<RankedTensorType>(result.getType()).getRank())
    return group.emitError("the results of a kernel group have not the kernel's shape");
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (type.isDynamicDim(axis))
      e.bindSize(result, axis, arguments[signature.sizeOf(destination, axis)]);
  if (failed(bindGroup(cpu, group, signature, arguments, returned, 0, e)))
    return failure();
  unsigned next = signature.argumentCount();
  Value memory = arguments[next], ld = arguments[next + 1], batch = arguments[next + 2], i0 = arguments[next + 3],
        j0 = arguments[next + 4], m = arguments[next + 5], n = arguments[next + 6];
  FailureOr<Emitter::Indices> shape = e.shape(result);
  if (failed(shape))
    return failure();
  Value zero = e.constant(loc(), 0);
  Value i = e.openLoop(loc(), zero, m).getInductionVar(), j = e.openLoop(loc(), zero, n).getInductionVar();
  Value row = e.add(loc(), i0, i), column = e.add(loc(), j0, j), columns = shape->back();
  Emitter::Indices indices;
  Value linearRow = row;
  if (space == Space::BatchedMatrix) {
    indices = {batch, row, column};
    linearRow = e.add(loc(), e.mul(loc(), batch, (*shape)[1]), row);
  } else if (space == Space::Image) {
    Value pixel = e.div(loc(), row, (*shape)[2]);
    indices = {e.div(loc(), pixel, (*shape)[1]), e.rem(loc(), pixel, (*shape)[1]), e.rem(loc(), row, (*shape)[2]), column};
  } else {
    indices = {row, column};
  }
  Value linear = e.add(loc(), e.mul(loc(), linearRow, columns), column);
  e.setCanonical(indices, linear, *shape);
  Value inTile = e.add(loc(), e.mul(loc(), i, ld), j);
  OpBuilder &b = e.builder;
  Value element;
  e.bindPull(result, [&](ArrayRef<Value> at) -> Value {
    if (!element) {
      Value offset = cpu.asI64(b, loc(), inTile);
      Value address = LLVM::GEPOp::create(b, loc(), cpu.ptr, b.getF32Type(), memory, ArrayRef<LLVM::GEPArg>{offset}, LLVM::GEPNoWrapFlags::inbounds);
      element = LLVM::LoadOp::create(b, loc(), b.getF32Type(), address, 4);
      e.setLevel(element, 2);
    }
    return element;
  });
  (void)e.pull(result, indices); // first, outside of any conditional
  for (Value v : returned) {
    FailureOr<Value> value = v == result ? e.pull(v, indices) : e.compute(v, indices);
    if (failed(value) || failed(e.store(v.getLoc(), *value, v, indices)))
      return failure();
  }
  e.closeLoop(loc());
  e.closeLoop(loc());
  func::ReturnOp::create(b, loc());
  return success();
}

LogicalResult mlir::ds::lowerKernelGroup(CpuModule &cpu, func::FuncOp group, Operation *kernel) {
  KernelGroup k(cpu, group, kernel);
  if (isa<dsk::MatmulOp>(kernel))
    return lowerMatmulGroup(k);
  if (isa<dsk::ConvOp, dsk::DepthwiseConvOp>(kernel))
    return lowerConvGroup(k);
  if (isa<dsk::RouteOp, dsk::GroupedMatmulOp, dsk::PackPanelsOp>(kernel))
    return lowerRoutingGroup(k);
  if (isa<dsk::AttentionOp>(kernel))
    return lowerAttentionGroup(k);
  return lowerDataGroup(k);
}
