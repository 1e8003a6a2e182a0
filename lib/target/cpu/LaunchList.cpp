// Launch lists: index arithmetic, buffers and their lifetimes, calls.
#include "lib/target/cpu/LaunchList.h"
#include "dialects/dsk/ir/DskOps.h"
#include "ds/model_abi.h"
#include "lib/support/OnnxLoc.h"
#include "lib/target/common/Buffers.h"
#include "lib/target/cpu/Groups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Where a destination (a tensor.empty of the launch list) lives.
struct Storage {
  enum Kind { Buffer, Output, Heap } kind = Buffer;
  uint32_t number = 0;      // buffer or output index
  bool isOutput = false;    // a heap block that is an output, too
  uint32_t first = ~0u, last = 0;
  Value pointer;            // in ds_run
};

// One of the two functions being built.
struct Side {
  OpBuilder b;
  func::FuncOp fn;
  Value exec, inputDims;
  IRMapping map; // index and scalar values
};

class LaunchList {
public:
  LaunchList(ModuleOp module, func::FuncOp entry) : cpu(module), entry(entry), planSide{OpBuilder(module.getContext()), {}, {}, {}, {}}, runSide{OpBuilder(module.getContext()), {}, {}, {}, {}} {}

  FailureOr<ImageInfo> run() {
    if (failed(lowerGroups()) || failed(collect()))
      return failure();
    createFunctions();
    if (failed(emitPlan()) || failed(emitRun()))
      return failure();
    for (auto group : llvm::make_early_inc_range(cpu.module.getOps<func::FuncOp>()))
      if (group->hasAttr(dsk::kGroupAttr))
        group.erase();
    entry.erase();
    info.nodes = cpu.nodes();
    return info;
  }

private:
  Block &body() { return entry.getBody().front(); }

  LogicalResult lowerGroups() {
    for (func::FuncOp group : llvm::to_vector(cpu.module.getOps<func::FuncOp>())) {
      if (!group->hasAttr(dsk::kGroupAttr))
        continue;
      Operation *kernel = nullptr;
      for (Operation &op : group.getBody().front())
        if (op.getName().getDialectNamespace() == "dsk" && !isa<dsk::ReshapeOp, dsk::CheckOp>(op)) {
          if (kernel)
            return op.emitError("a group holds two kernel ops");
          kernel = &op;
        }
      if (isa_and_nonnull<dsk::GroupedMatmulOp>(kernel))
        named.insert(group.getName());
      LogicalResult lowered = kernel                    ? lowerKernelGroup(cpu, group, kernel)
                              : isTransposeGroup(group) ? lowerTransposeGroup(cpu, group)
                                                        : lowerLoopGroup(cpu, group);
      if (failed(lowered))
        return failure();
    }
    return success();
  }

  //--- What is where
  // The value that owns the memory of `v`: an entry argument, a weight, or a tensor.empty.
  Value owner(Value v) {
    while (Operation *op = v.getDefiningOp()) {
      if (auto reshape = dyn_cast<dsk::ReshapeOp>(op))
        v = reshape.getInput();
      else if (auto call = dyn_cast<func::CallOp>(op))
        v = destination(call, cast<OpResult>(v).getResultNumber());
      else
        break;
    }
    return v;
  }
  static unsigned tensorResults(func::CallOp call) {
    return llvm::count_if(call.getResultTypes(), [](Type t) { return isa<RankedTensorType>(t); });
  }
  static Value destination(func::CallOp call, unsigned result) {
    return call.getOperands().take_back(tensorResults(call))[result];
  }

  bool dependsOnData(Value v) {
    auto [it, isNew] = dataDependent.try_emplace(v, false);
    if (!isNew)
      return it->second;
    Operation *op = v.getDefiningOp();
    bool result = false;
    if (isa_and_nonnull<tensor::ExtractOp, func::CallOp>(op)) {
      result = true;
    } else if (auto dim = dyn_cast_or_null<tensor::DimOp>(op)) {
      FailureOr<Value> size = sizeSource(dim.getSource(), dim.getConstantIndex().value_or(0));
      result = succeeded(size) && *size && dependsOnData(*size);
    } else if (op) {
      result = llvm::any_of(op->getOperands(), [&](Value o) { return dependsOnData(o); });
    }
    dataDependent[v] = result;
    return result;
  }

  // The index value of the launch list that gives a dynamic size; null if it is an entry argument's.
  FailureOr<Value> sizeSource(Value tensor, unsigned axis) {
    auto type = cast<RankedTensorType>(tensor.getType());
    if (auto call = tensor.getDefiningOp<func::CallOp>())
      return sizeSource(destination(call, cast<OpResult>(tensor).getResultNumber()), axis);
    if (isa<BlockArgument>(tensor) || !type.isDynamicDim(axis))
      return Value();
    if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
      return Value(empty.getDynamicSizes()[type.getDynamicDimIndex(axis)]);
    if (auto reshape = tensor.getDefiningOp<dsk::ReshapeOp>())
      return Value(reshape.getSizes()[type.getDynamicDimIndex(axis)]);
    return FailureOr<Value>(emitError(tensor.getLoc(), "a size that the launch list does not give"));
  }

  bool knownSize(Value tensor) {
    for (int64_t axis = 0; axis < cast<RankedTensorType>(tensor.getType()).getRank(); ++axis) {
      FailureOr<Value> size = sizeSource(tensor, axis);
      if (failed(size) || (*size && dependsOnData(*size)))
        return false;
    }
    return true;
  }

  //--- First pass: weights, outputs, buffers, lifetimes.
  LogicalResult collect() {
    isWeights = entry.getName() == "weights";
    for (BlockArgument arg : entry.getArguments()) {
      inputDimBase.push_back(info.inputDimCount);
      info.inputDimCount += cast<RankedTensorType>(arg.getType()).getRank();
    }
    info.inputCount = entry.getNumArguments();
    uint32_t step = 0;
    for (Operation &op : body()) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        for (Value v : call.getOperands())
          touch(v, step);
        ++step;
      } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
        touch(extract.getTensor(), step);
      } else if (auto weight = dyn_cast<dsk::WeightOp>(op)) {
        info.weightCount = std::max<uint32_t>(info.weightCount, weight.getIndex() + 1);
      } else if (auto raw = dyn_cast<dsk::RawWeightOp>(op)) {
        rawIndex[raw.getResult()] = info.raws.size();
        info.raws.push_back({raw.getFile().str(), static_cast<uint64_t>(raw.getOffset()), static_cast<uint64_t>(raw.getLength())});
      }
    }
    if (isWeights)
      info.weightCount = info.raws.size();
    return failure(failed(collectOutputs()) || failed(collectBuffers()));
  }

  void touch(Value v, uint32_t step) {
    Value o = isa<RankedTensorType>(v.getType()) ? owner(v) : Value();
    if (!o || !o.getDefiningOp<tensor::EmptyOp>())
      return;
    Storage &s = storage[o];
    s.first = std::min(s.first, step);
    s.last = std::max(s.last, step);
  }

  LogicalResult collectOutputs() {
    for (Value v : body().getTerminator()->getOperands()) {
      Value o = owner(v);
      if (auto raw = o.getDefiningOp<dsk::RawWeightOp>(); raw && isWeights) {
        info.slots.push_back({static_cast<uint64_t>(raw.getLength()), true, info.raws[rawIndex[o]]});
        continue;
      }
      auto it = storage.find(o);
      if (it == storage.end())
        return emitError(v.getLoc(), "a result of the launch list that no group writes");
      Storage &s = it->second;
      if (s.isOutput)
        return emitError(v.getLoc(), "two results of the launch list share memory");
      s.isOutput = true;
      s.kind = Storage::Output;
      s.number = info.outputCount++;
      outputs.push_back(v);
      info.outputDimCount += cast<RankedTensorType>(v.getType()).getRank();
      if (isWeights) {
        auto type = cast<RankedTensorType>(v.getType());
        info.slots.push_back({static_cast<uint64_t>(type.getNumElements() * memoryBytes(type.getElementType())), false, {}});
      }
    }
    return success();
  }

  LogicalResult collectBuffers() {
    for (auto empty : body().getOps<tensor::EmptyOp>()) {
      auto it = storage.find(empty.getResult());
      if (it == storage.end())
        continue;
      if (!knownSize(empty)) {
        it->second.kind = Storage::Heap;
      } else if (it->second.kind == Storage::Buffer) {
        it->second.number = info.buffers.size();
        info.buffers.push_back({it->second.first, it->second.last});
      }
    }
    return success();
  }

  //--- The functions
  void createFunctions() {
    planSide.fn = cpu.createFunction(entry.getLoc(), "ds_plan", SmallVector<Type>(4, cpu.ptr), cpu.i32, planSide.b);
    runSide.fn = cpu.createFunction(entry.getLoc(), "ds_run", SmallVector<Type>(7, cpu.ptr), cpu.i32, runSide.b);
    for (Side *side : {&planSide, &runSide}) {
      side->fn->removeAttr("llvm.linkage");
      side->exec = side->fn.getArgument(0);
      side->inputDims = side->fn.getArgument(1);
    }
  }

  FailureOr<Value> size(Side &side, Value tensor, unsigned axis) {
    auto type = cast<RankedTensorType>(tensor.getType());
    Location loc = tensor.getLoc();
    if (!type.isDynamicDim(axis) && !isa<BlockArgument>(tensor))
      return Value(arith::ConstantIndexOp::create(side.b, loc, type.getDimSize(axis)));
    FailureOr<Value> source = sizeSource(tensor, axis);
    if (failed(source))
      return failure();
    if (*source)
      return scalar(side, *source);
    if (auto arg = dyn_cast<BlockArgument>(owner(tensor)); arg && arg == tensor)
      return cpu.loadField(side.b, loc, side.inputDims, cpu.index, 8 * (inputDimBase[arg.getArgNumber()] + axis));
    return Value(arith::ConstantIndexOp::create(side.b, loc, type.getDimSize(axis)));
  }

  // An index or scalar value of the launch list; in ds_run those of earlier ops are in the map already.
  FailureOr<Value> scalar(Side &side, Value v) {
    if (Value known = side.map.lookupOrNull(v))
      return known;
    Operation *op = v.getDefiningOp();
    FailureOr<Value> result = failure();
    if (auto dim = dyn_cast_or_null<tensor::DimOp>(op)) {
      if (!dim.getConstantIndex())
        return FailureOr<Value>(op->emitError("tensor.dim of a computed axis"));
      result = size(side, dim.getSource(), *dim.getConstantIndex());
    } else if (auto extract = dyn_cast_or_null<tensor::ExtractOp>(op)) {
      result = element(side, extract);
    } else if (op && op->getNumRegions() == 0 && isMemoryEffectFree(op)) {
      for (Value operand : op->getOperands())
        if (failed(scalar(side, operand)))
          return failure();
      side.b.clone(*op, side.map);
      return side.map.lookup(v);
    } else {
      return FailureOr<Value>(emitError(v.getLoc(), "not supported in a launch list"));
    }
    if (succeeded(result))
      side.map.map(v, *result);
    return result;
  }

  // Only in ds_run, after the op that makes the tensor.
  FailureOr<Value> element(Side &side, tensor::ExtractOp extract) {
    Location loc = extract.getLoc();
    Value tensor = extract.getTensor(), linear = arith::ConstantIndexOp::create(side.b, loc, 0);
    for (auto [axis, index] : llvm::enumerate(extract.getIndices())) {
      FailureOr<Value> i = scalar(side, index), s = size(side, tensor, axis);
      if (failed(i) || failed(s))
        return failure();
      linear = arith::AddIOp::create(side.b, loc, arith::MulIOp::create(side.b, loc, linear, *s), *i);
    }
    FailureOr<Value> base = pointer(tensor);
    if (failed(base))
      return failure();
    Type elementType = extract.getType(), memory = memoryType(elementType);
    Value at = LLVM::GEPOp::create(side.b, loc, cpu.ptr, memory, *base, ArrayRef<LLVM::GEPArg>{cpu.asI64(side.b, loc, linear)});
    Value v = LLVM::LoadOp::create(side.b, loc, memory, at, memoryBytes(elementType));
    if (memory != elementType)
      v = arith::CmpIOp::create(side.b, loc, arith::CmpIPredicate::ne, v, arith::ConstantOp::create(side.b, loc, side.b.getIntegerAttr(memory, 0)));
    return v;
  }

  // The product of a tensor's sizes and element bytes, or -1 where it is negative or above 2^62.
  FailureOr<Value> byteSize(Side &side, Value tensor) {
    Location loc = tensor.getLoc();
    OpBuilder &b = side.b;
    Value bytes = cpu.constantI64(b, loc, memoryBytes(getElementTypeOrSelf(tensor.getType())));
    Value bad = arith::ConstantOp::create(b, loc, b.getBoolAttr(false)), zero = cpu.constantI64(b, loc, 0);
    Value limit = cpu.constantI64(b, loc, int64_t(1) << 62);
    for (int64_t axis = 0; axis < cast<RankedTensorType>(tensor.getType()).getRank(); ++axis) {
      FailureOr<Value> s = size(side, tensor, axis);
      if (failed(s))
        return failure();
      Value wide = cpu.asI64(b, loc, *s);
      auto product = arith::MulUIExtendedOp::create(b, loc, bytes, wide);
      Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, wide, zero);
      Value high = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, product.getHigh(), zero);
      Value large = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, product.getLow(), limit);
      bad = arith::OrIOp::create(b, loc, bad, arith::OrIOp::create(b, loc, negative, arith::OrIOp::create(b, loc, high, large)));
      bytes = product.getLow();
    }
    return Value(arith::SelectOp::create(b, loc, bad, cpu.constantI64(b, loc, -1), bytes));
  }

  void failIf(Side &side, Location loc, Value bad, int32_t code, Value a, Value bound) {
    scf::IfOp::create(side.b, loc, bad, [&](OpBuilder &then, Location l) {
      cpu.callFail(then, l, side.exec, code, a, bound);
      scf::YieldOp::create(then, l);
    });
  }

  void finish(Side &side) {
    Value status = cpu.loadField(side.b, entry.getLoc(), side.exec, cpu.i32, 12);
    func::ReturnOp::create(side.b, entry.getLoc(), status);
  }

  LogicalResult emitPlan() {
    Side &side = planSide;
    for (auto empty : body().getOps<tensor::EmptyOp>()) {
      auto it = storage.find(empty.getResult());
      if (it == storage.end() || it->second.kind == Storage::Heap)
        continue;
      FailureOr<Value> bytes = byteSize(side, empty);
      if (failed(bytes))
        return failure();
      Location loc = empty.getLoc();
      Value zero = cpu.constantI64(side.b, loc, 0);
      Value negative = arith::CmpIOp::create(side.b, loc, arith::CmpIPredicate::slt, *bytes, zero);
      failIf(side, producerLoc(empty), negative, DS_E_VALUE, *bytes, zero);
      if (it->second.kind == Storage::Buffer)
        cpu.storeField(side.b, loc, *bytes, side.fn.getArgument(2), 8 * int64_t(it->second.number));
    }
    int64_t at = 0;
    for (Value v : outputs)
      for (int64_t axis = 0; axis < cast<RankedTensorType>(v.getType()).getRank(); ++axis, ++at) {
        FailureOr<Value> source = sizeSource(v, axis);
        bool unknown = succeeded(source) && *source && dependsOnData(*source);
        FailureOr<Value> s = unknown ? FailureOr<Value>(cpu.constantI64(side.b, v.getLoc(), -1)) : size(side, v, axis);
        if (failed(s))
          return failure();
        cpu.storeField(side.b, v.getLoc(), *s, side.fn.getArgument(3), 8 * at);
      }
    finish(side);
    return success();
  }

  // The location of the group that first writes a destination: it names ONNX nodes.
  static Location producerLoc(tensor::EmptyOp empty) {
    for (Operation *user : empty->getUsers())
      if (isa<func::CallOp>(user))
        return user->getLoc();
    return empty.getLoc();
  }

  //--- ds_run
  FailureOr<Value> pointer(Value tensor) {
    Value o = owner(tensor);
    Side &side = runSide;
    auto argument = [&](unsigned array, int64_t i) { return cpu.loadField(side.b, o.getLoc(), side.fn.getArgument(array), cpu.ptr, 8 * i); };
    if (auto arg = dyn_cast<BlockArgument>(o))
      return argument(2, arg.getArgNumber());
    if (auto weight = o.getDefiningOp<dsk::WeightOp>())
      return argument(3, weight.getIndex());
    if (o.getDefiningOp<dsk::RawWeightOp>())
      return argument(3, rawIndex[o]);
    Storage &s = storage[o];
    if (s.kind == Storage::Heap) {
      if (!s.pointer && failed(allocate(o, s)))
        return failure();
      return s.pointer;
    }
    return argument(s.kind == Storage::Buffer ? 4 : 5, s.number);
  }

  // A block of data-dependent size; the run ends here if there is none.
  LogicalResult allocate(Value empty, Storage &s) {
    Side &side = runSide;
    Location loc = producerLoc(empty.getDefiningOp<tensor::EmptyOp>());
    FailureOr<Value> bytes = byteSize(side, empty);
    if (failed(bytes))
      return failure();
    Value zero = cpu.constantI64(side.b, loc, 0);
    s.pointer = cpu.callAlloc(side.b, loc, side.exec, *bytes);
    Value null = LLVM::ZeroOp::create(side.b, loc, cpu.ptr);
    Value none = LLVM::ICmpOp::create(side.b, loc, LLVM::ICmpPredicate::eq, s.pointer, null);
    failIf(side, loc, none, DS_E_MEMORY, *bytes, zero);
    Block *next = side.fn.addBlock(), *stop = side.fn.addBlock();
    cf::CondBranchOp::create(side.b, loc, none, stop, next);
    side.b.setInsertionPointToEnd(stop);
    finish(side);
    side.b.setInsertionPointToEnd(next);
    if (s.isOutput)
      cpu.storeField(side.b, loc, s.pointer, side.fn.getArgument(5), 8 * int64_t(s.number));
    return success();
  }

  LogicalResult emitRun() {
    for (Operation &op : body().without_terminator()) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        if (failed(emitCall(call)))
          return failure();
      } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
        if (failed(scalar(runSide, extract.getResult())))
          return failure();
      }
    }
    int64_t at = 0;
    for (Value v : outputs)
      for (int64_t axis = 0; axis < cast<RankedTensorType>(v.getType()).getRank(); ++axis, ++at) {
        FailureOr<Value> source = sizeSource(v, axis);
        if (failed(source) || !*source || !dependsOnData(*source))
          continue;
        FailureOr<Value> s = scalar(runSide, *source);
        if (failed(s))
          return failure();
        cpu.storeField(runSide.b, v.getLoc(), *s, runSide.fn.getArgument(6), 8 * at);
      }
    finish(runSide);
    return success();
  }

  LogicalResult emitCall(func::CallOp call) {
    auto target = cpu.module.lookupSymbol<func::FuncOp>((call.getCallee() + "_run").str());
    if (!target)
      return call.emitError("a call of something that is no group");
    Side &side = runSide;
    SmallVector<Value> operands{side.exec}, sizes, scalars;
    for (Value v : call.getOperands()) {
      auto type = dyn_cast<RankedTensorType>(v.getType());
      FailureOr<Value> mapped = type ? pointer(v) : scalar(side, v);
      if (failed(mapped))
        return failure();
      (type ? operands : scalars).push_back(*mapped);
      for (int64_t axis = 0; type && axis < type.getRank(); ++axis)
        if (type.isDynamicDim(axis)) {
          FailureOr<Value> s = size(side, v, axis);
          if (failed(s))
            return failure();
          sizes.push_back(*s);
        }
    }
    llvm::append_range(operands, sizes);
    llvm::append_range(operands, scalars);
    if (named.contains(call.getCallee()))
      cpu.storeField(side.b, call.getLoc(), cpu.constantI32(side.b, call.getLoc(), cpu.node(call.getLoc())), side.exec, 16);
    auto lowered = func::CallOp::create(side.b, call.getLoc(), target, operands);
    for (auto [from, to] : llvm::zip_equal(call.getResults().drop_front(tensorResults(call)), lowered.getResults()))
      side.map.map(from, to);
    return success();
  }

  CpuModule cpu;
  func::FuncOp entry;
  Side planSide, runSide;
  ImageInfo info;
  bool isWeights = false;
  llvm::StringSet<> named; // groups whose kernels ask for the node of the launch
  SmallVector<uint32_t> inputDimBase;
  SmallVector<Value> outputs;
  DenseMap<Value, uint32_t> rawIndex;
  llvm::MapVector<Value, Storage> storage;
  DenseMap<Value, bool> dataDependent;
};
} // namespace

FailureOr<ImageInfo> mlir::ds::lowerLaunchList(ModuleOp module, func::FuncOp entry) { return LaunchList(module, entry).run(); }
