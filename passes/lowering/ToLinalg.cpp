// ds-lowering-to-linalg: each ds op becomes loops, or a call of a group that holds one dsk op.
#include "passes/lowering/Passes.h"
#include "lib/support/OnnxLoc.h"
#include "passes/lowering/ds_to_linalg/Lowering.h"

namespace mlir::ds {
#define GEN_PASS_DEF_TOLINALG
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

LogicalResult Lowering::lower(Operation *op) {
  b.setInsertionPoint(op);
  b.setLoc(op->getLoc());
  word = op->getName().stripDialect();
  constexpr LowerFn fns[] = {lowerElementwise, lowerMovement, lowerAlone,  lowerIndexing, lowerReduce,
                             lowerNorm,        lowerLinear,   lowerWindow, lowerResize};
  for (LowerFn fn : fns)
    if (succeeded(fn(*this, op)))
      return success();
  return op->emitError("not supported by the CPU target yet: ") << op->getName() << " (" << describe(op->getLoc()) << ")";
}

static StringAttr typeName(Type element) {
  return StringAttr::get(element.getContext(), "u" + Twine(element.getIntOrFloatBitWidth()));
}

// Constants and weights, which stay in place, with signless types.
static void lowerData(Lowering &l, Operation *op) {
  Value result = op->getResult(0);
  RankedTensorType type = loweredType(result.getType());
  if (auto weight = dyn_cast<WeightOp>(op)) {
    l.set(result, dsk::RawWeightOp::create(l.b, type, weight.getName(), weight.getFile(), weight.getOffset(), weight.getLength()));
    return;
  }
  auto elements = cast<DenseElementsAttr>(cast<ConstantOp>(op).getValue());
  l.set(result, arith::ConstantOp::create(l.b, elements.getElementType() == type.getElementType() ? elements : elements.bitcast(type.getElementType())));
}

// A small tensor of scalars that main computes: a loop that picks one by its position.
static void lowerFromElements(Lowering &l, tensor::FromElementsOp op) {
  Dims dims = l.dims(op.getResult());
  SmallVector<Value> elements(op.getElements());
  l.word = "elements";
  l.set(op, l.loops(op.getType().getElementType(), dims, {}, [&](ImplicitLocOpBuilder &b, ValueRange) {
    Value position = l.index(0), result = elements.front();
    for (auto [axis, dim] : llvm::enumerate(dims)) {
      position = arith::MulIOp::create(b, position, l.index(dim));
      position = arith::AddIOp::create(b, position, l.linalgIndex(b, axis));
    }
    for (size_t i = 1; i < elements.size(); ++i) {
      Value here = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, position, l.index(i));
      result = arith::SelectOp::create(b, here, elements[i], result);
    }
    return result;
  }));
}

// Ops that are not ds: uses of ds values move to the lowered ones.
static void lowerOther(Lowering &l, Operation *op) {
  auto dimOp = dyn_cast<tensor::DimOp>(op);
  if (dimOp && dimOp.getConstantIndex() && !isa<BlockArgument>(dimOp.getSource())) {
    l.b.setInsertionPoint(op);
    op->replaceAllUsesWith(ValueRange(l.dim(dimOp.getSource(), *dimOp.getConstantIndex())));
    op->erase();
    return;
  }
  if (auto weight = dyn_cast<dsk::WeightOp>(op)) {
    weight.getResult().setType(loweredType(weight.getType()));
    return l.set(weight, weight);
  }
  for (OpOperand &operand : op->getOpOperands())
    if (Value lowered = l.get(operand.get()))
      operand.set(lowered);
  for (Value result : op->getResults())
    if (isa<RankedTensorType>(result.getType()) && !l.get(result))
      l.set(result, result);
}

// The argument itself is signless; ds ops see it through a cast until they are gone.
static void lowerArgument(Lowering &l, BlockArgument arg, SmallVector<Operation *> &dead) {
  if (!isUnsigned(arg.getType()))
    return l.set(arg, arg);
  Dims dims = l.dims(arg);
  Type type = arg.getType();
  arg.setType(loweredType(type));
  l.b.setInsertionPointToStart(arg.getOwner());
  auto cast = UnrealizedConversionCastOp::create(l.b, type, arg);
  arg.replaceAllUsesExcept(cast.getResult(0), cast);
  l.shapes.setDims(cast.getResult(0), dims);
  l.set(cast.getResult(0), arg);
  dead.push_back(cast);
}

static LogicalResult lowerFunction(func::FuncOp func) {
  MainShapes shapes(func);
  Lowering l(func, shapes);
  SmallVector<Operation *> dead;
  SmallVector<Operation *> ops = llvm::map_to_vector(func.getBody().front(), [](Operation &op) { return &op; });
  for (BlockArgument arg : func.getArguments())
    lowerArgument(l, arg, dead);
  for (Operation *it : ops) {
    Operation &op = *it;
    if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
      l.b.setInsertionPoint(&op);
      l.b.setLoc(op.getLoc());
      lowerFromElements(l, elements);
      dead.push_back(&op);
      continue;
    }
    l.b.setInsertionPoint(&op);
    l.b.setLoc(op.getLoc());
    if (isa<dsk::GroupedMatmulOp, dsk::PackPanelsOp>(op)) {
      lowerKernel(l, &op, isa<dsk::PackPanelsOp>(op) ? "pack" : "experts");
      dead.push_back(&op);
      continue;
    }
    if (!isa_and_nonnull<DsDialect>(op.getDialect())) {
      lowerOther(l, &op);
      continue;
    }
    if (isa<ConstantOp, WeightOp>(op))
      lowerData(l, &op);
    else if (failed(l.lower(&op)))
      return failure();
    dead.push_back(&op);
  }
  for (Operation *op : llvm::reverse(dead))
    op->erase();
  return success();
}

// Unsigned types leave the signature; what they were stays as an attribute.
static void lowerSignature(func::FuncOp func, ArrayRef<Type> inputTypes) {
  auto note = [&](Type type, auto setAttr) {
    if (isUnsigned(type))
      setAttr("ds.type", typeName(getElementTypeOrSelf(type)));
    return isa<RankedTensorType>(type) ? loweredType(type) : type;
  };
  SmallVector<Type> inputs, results;
  for (auto [i, type] : llvm::enumerate(inputTypes))
    inputs.push_back(note(type, [&, i = i](StringRef name, Attribute a) { func.setArgAttr(i, name, a); }));
  for (auto [i, type] : llvm::enumerate(func.getResultTypes()))
    results.push_back(note(type, [&, i = i](StringRef name, Attribute a) { func.setResultAttr(i, name, a); }));
  func.setFunctionType(FunctionType::get(func.getContext(), inputs, results));
}

namespace {
struct ToLinalg : ds::impl::ToLinalgBase<ToLinalg> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> funcs = llvm::filter_to_vector(getOperation().getOps<func::FuncOp>(), [](func::FuncOp f) {
      return !f->hasAttr(dsk::kGroupAttr) && !f.isExternal();
    });
    for (func::FuncOp func : funcs) {
      SmallVector<Type> inputs(func.getArgumentTypes());
      if (failed(lowerFunction(func)))
        return signalPassFailure();
      lowerSignature(func, inputs);
    }
    getOperation().walk([](arith::ArithFastMathInterface op) {
      // Between casts `contract` would undo the rounding to 16 bits.
      if (isa<arith::ExtFOp, arith::TruncFOp>(op))
        return;
      arith::FastMathFlagsAttr before = op.getFastMathFlagsAttr();
      auto flags = (before ? before.getValue() : arith::FastMathFlags::none) | arith::FastMathFlags::contract;
      op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), flags));
    });
  }
};
} // namespace
