// Loop groups: rows spread over threads, stages one after the other within a row.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/common/LoopPlan.h"
#include "lib/target/cpu/GroupBinding.h"
#include "lib/target/cpu/Groups.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Row buffers up to this size live in the frame, where LLVM sees that nothing aliases them.
constexpr int64_t kMaxFrameBytes = 32 << 10;
// Elements (weighted) that are worth a thread.
constexpr int64_t kGrainElements = 16 << 10;

class LoopGroup {
public:
  LoopGroup(CpuModule &cpu, func::FuncOp group) : cpu(cpu), group(group), signature(group), returned(returnedTensors(group)) {}

  LogicalResult run() {
    FailureOr<LoopPlan> planned = planLoops(group, returned);
    if (failed(planned))
      return failure();
    plan = std::move(*planned);
    return failure(failed(emitRows()) || failed(emitCaller()));
  }

private:
  Location loc() { return group.getLoc(); }

  // @<name>_rows(arguments..., begin, end, worker): runs the rows (or, if flat, elements) [begin, end).
  LogicalResult emitRows() {
    SmallVector<Type> types = signature.types(cpu.context);
    types.append({cpu.index, cpu.index, cpu.i32});
    OpBuilder b(cpu.context);
    rows = cpu.createFunction(loc(), (group.getName() + "_rows").str(), types, {}, b);
    markNoAlias(rows, 1, signature.tensors.size());
    ValueRange arguments = rows.getArguments();
    Emitter e(&rows.getBody().front(), failThrough(cpu, arguments[0]));
    bool rowLoop = plan.flat || plan.rowDims > 0;
    if (failed(bindGroup(cpu, group, signature, arguments, returned, rowLoop, e)) || failed(bindRowBuffers(e, arguments, rowLoop)))
      return failure();
    Value begin = arguments[signature.argumentCount()], end = arguments[signature.argumentCount() + 1];
    if (!rowLoop) {
      for (const Stage &stage : plan.stages)
        if (failed(emitStage(e, stage, {})))
          return failure();
    } else {
      Value row = e.openLoop(loc(), begin, end).getInductionVar();
      if (failed(plan.flat ? emitFlat(e, row) : emitRow(e, row)))
        return failure();
      e.closeLoop(loc());
    }
    func::ReturnOp::create(e.builder, loc());
    return success();
  }

  // The indices of linear index `linear` in the leading `count` axes of a stage's value.
  FailureOr<Emitter::Indices> delinearize(Emitter &e, Value linear, unsigned count) {
    Value of = plan.stages.front().values.front();
    Emitter::Indices result(count);
    for (unsigned axis = count; axis-- > 0;) {
      FailureOr<Value> size = e.size(of, axis);
      if (failed(size))
        return failure();
      result[axis] = axis == 0 ? linear : e.rem(loc(), linear, *size);
      if (axis)
        linear = e.div(loc(), linear, *size);
    }
    return result;
  }

  LogicalResult emitFlat(Emitter &e, Value linear) {
    Value first = plan.stages.front().values.front();
    FailureOr<Emitter::Indices> shape = e.shape(first);
    if (failed(shape))
      return failure();
    FailureOr<Emitter::Indices> indices = delinearize(e, linear, shape->size());
    if (failed(indices))
      return failure();
    e.setCanonical(*indices, linear, *shape);
    for (Value v : plan.stages.front().values) {
      FailureOr<Value> element = e.compute(v, *indices);
      if (failed(element) || failed(e.store(v.getLoc(), *element, v, *indices)))
        return failure();
    }
    return success();
  }

  LogicalResult emitRow(Emitter &e, Value row) {
    FailureOr<Emitter::Indices> indices = delinearize(e, row, plan.rowDims);
    if (failed(indices))
      return failure();
    for (const Stage &stage : plan.stages)
      if (failed(emitStage(e, stage, *indices)))
        return failure();
    return success();
  }

  // Bytes of one row of `v`, rounded up to 64: a constant if known.
  FailureOr<Value> rowBytes(Emitter &e, Value v) {
    Value bytes = e.constant(loc(), memoryBytes(getElementTypeOrSelf(v.getType())));
    for (int64_t axis = plan.rowDims; axis < cast<RankedTensorType>(v.getType()).getRank(); ++axis) {
      FailureOr<Value> size = e.size(v, axis);
      if (failed(size))
        return failure();
      bytes = e.mul(loc(), bytes, *size);
    }
    Value up = e.add(loc(), bytes, e.constant(loc(), 63));
    return e.mul(loc(), e.div(loc(), up, e.constant(loc(), 64)), e.constant(loc(), 64));
  }

  LogicalResult bindRowBuffers(Emitter &e, ValueRange arguments, unsigned minLevel) {
    SmallVector<std::pair<Value, Value>> inScratch; // value, byte offset
    Value total = e.constant(loc(), 0);
    for (Value v : plan.rowBuffers) {
      FailureOr<Value> bytes = rowBytes(e, v);
      if (failed(bytes))
        return failure();
      std::optional<int64_t> known = getConstantIntValue(*bytes);
      if (known && *known <= kMaxFrameBytes) {
        Value count = cpu.constantI64(e.builder, loc(), *known);
        Value memory = LLVM::AllocaOp::create(e.builder, loc(), cpu.ptr, e.builder.getI8Type(), count, 64);
        e.bind(v, {memory, plan.rowDims, minLevel});
        continue;
      }
      inScratch.push_back({v, total});
      total = e.add(loc(), total, *bytes);
    }
    if (inScratch.empty())
      return success();
    Value base = cpu.callScratch(e.builder, loc(), arguments[0], arguments[signature.argumentCount() + 2], total);
    for (auto [v, offset] : inScratch) {
      Value at = cpu.asI64(e.builder, loc(), offset);
      Value memory = LLVM::GEPOp::create(e.builder, loc(), cpu.ptr, e.builder.getI8Type(), base, ArrayRef<LLVM::GEPArg>{at});
      e.bind(v, {memory, plan.rowDims, minLevel});
    }
    return success();
  }

  // @<name>_task(closure, begin, end, worker): the runtime's entry to @<name>_rows.
  func::FuncOp emitTask() {
    OpBuilder b(cpu.context);
    func::FuncOp task = cpu.createFunction(loc(), (group.getName() + "_task").str(), {cpu.ptr, cpu.i64, cpu.i64, cpu.i32}, {}, b);
    SmallVector<Value> operands = cpu.openClosure(b, loc(), task.getArgument(0), signature.types(cpu.context));
    operands.push_back(cpu.asIndex(b, loc(), task.getArgument(1)));
    operands.push_back(cpu.asIndex(b, loc(), task.getArgument(2)));
    operands.push_back(task.getArgument(3));
    func::CallOp::create(b, loc(), rows, operands);
    func::ReturnOp::create(b, loc());
    return task;
  }

  LogicalResult emitCaller() {
    OpBuilder b(cpu.context);
    func::FuncOp task = emitTask();
    func::FuncOp caller = cpu.createFunction(loc(), (group.getName() + "_run").str(), signature.types(cpu.context), {}, b);
    caller->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    Emitter e(&caller.getBody().front(), failThrough(cpu, caller.getArgument(0)));
    if (failed(bindGroup(cpu, group, signature, caller.getArguments(), returned, 0, e)))
      return failure();
    // The work: elements of the largest result or reduction, and how many of them are a row.
    Value count = e.constant(loc(), 1), first = plan.stages.front().values.front();
    FailureOr<Emitter::Indices> shape = e.shape(first);
    if (failed(shape))
      return failure();
    for (auto [axis, size] : llvm::enumerate(*shape))
      if (axis < plan.rowDims || plan.flat)
        count = e.mul(loc(), count, size);
    FailureOr<Value> work = rowWork(e);
    if (failed(work))
      return failure();
    Value perRow = *work;
    OpBuilder &cb = e.builder;
    Value zero = e.constant(loc(), 0), one = e.constant(loc(), 1);
    Value grain = arith::CeilDivUIOp::create(cb, loc(), e.constant(loc(), kGrainElements), arith::MaxUIOp::create(cb, loc(), perRow, one));
    Value small = arith::CmpIOp::create(cb, loc(), arith::CmpIPredicate::ule, count, grain);
    scf::IfOp::create(
        cb, loc(), small,
        [&](OpBuilder &then, Location l) {
          SmallVector<Value> operands(caller.getArguments());
          operands.append({zero, count, cpu.constantI32(then, l, 0)});
          func::CallOp::create(then, l, rows, operands);
          scf::YieldOp::create(then, l);
        },
        [&](OpBuilder &other, Location l) {
          Value closure = cpu.makeClosure(other, l, caller.getArguments());
          cpu.callParallelFor(other, l, caller.getArgument(0), task, closure, count, grain);
          scf::YieldOp::create(other, l);
        });
    func::ReturnOp::create(cb, loc());
    return success();
  }

  // Weighted element operations of one row.
  FailureOr<Value> rowWork(Emitter &e) {
    Value total = e.constant(loc(), 0);
    for (const Stage &stage : plan.stages) {
      int64_t weight = 0;
      for (Value v : stage.values)
        if (auto generic = v.getDefiningOp<linalg::GenericOp>())
          weight += generic.getBody()->getOperations().size();
      Value work = e.constant(loc(), std::max<int64_t>(weight / 2, 1));
      if (!plan.flat) {
        FailureOr<Emitter::Indices> sizes = stageSizes(e, stage);
        if (failed(sizes))
          return failure();
        for (Value size : *sizes)
          work = e.mul(loc(), work, size);
      }
      total = e.add(loc(), total, work);
    }
    return total;
  }

  // Sizes of the loops of a stage inside a row.
  FailureOr<Emitter::Indices> stageSizes(Emitter &e, const Stage &stage) {
    Emitter::Indices result;
    FailureOr<Emitter::Indices> shape = e.shape(stage.values.front());
    if (failed(shape))
      return failure();
    result.append(shape->begin() + plan.rowDims, shape->end());
    linalg::GenericOp op = stage.reduction;
    if (!op)
      return result;
    SmallVector<unsigned> reduced;
    op.getReductionDims(reduced);
    for (unsigned d : reduced) {
      FailureOr<Value> size = loopSize(e, op, d);
      if (failed(size))
        return failure();
      result.push_back(*size);
    }
    return result;
  }

  CpuModule &cpu;
  func::FuncOp group, rows;
  GroupSignature signature;
  SmallVector<Value> returned;
  LoopPlan plan;
};
} // namespace

LogicalResult mlir::ds::lowerLoopGroup(CpuModule &cpu, func::FuncOp group) { return LoopGroup(cpu, group).run(); }
