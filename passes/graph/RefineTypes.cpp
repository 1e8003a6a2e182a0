// Third of the shape passes: what symbolic shapes prove becomes types and attributes, and ops that do nothing go.
#include "lib/analysis/SymbolicShapes.h"
#include "passes/graph/Passes.h"
#include "passes/graph/ShapeUtils.h"

namespace mlir::ds {
#define GEN_PASS_DEF_REFINETYPES
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

namespace {
class Refiner {
public:
  explicit Refiner(func::FuncOp func) : func(func), shapes(func) {}

  LogicalResult run() {
    for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
      auto shaped = dyn_cast<ShapeOpInterface>(op);
      if (!shaped)
        continue;
      dropBroadcasts(&op);
      moveConstants(&op);
      if (failed(refine(&op)))
        return failure();
      if (Value same = unchanged(&op)) {
        op.getResult(0).replaceAllUsesWith(same);
        continue;
      }
    }
    eraseDeadOps(func);
    updateResultTypes(func);
    declareRanges(func, shapes);
    return success();
  }

private:
  // op(broadcast(x), y) -> op(x, y), where y (or what else is there) gives the sizes
  void dropBroadcasts(Operation *op) {
    if (!isElementwise(op) || op->getNumOperands() < 2)
      return;
    Dims result = shapes.dims(op->getResult(0));
    for (OpOperand &operand : op->getOpOperands()) {
      auto broadcast = operand.get().getDefiningOp<BroadcastOp>();
      if (!broadcast)
        continue;
      SmallVector<Dims> operands = llvm::map_to_vector(op->getOpOperands(), [&](OpOperand &o) {
        return shapes.dims(&o == &operand ? Value(broadcast.getInput()) : o.get());
      });
      FailureOr<Dims> without = broadcastDims(op, shapes, operands, "C1");
      if (succeeded(without) && shapes.proveEqual(ArrayRef<AffineExpr>(*without), ArrayRef<AffineExpr>(result)))
        operand.set(broadcast.getInput());
    }
  }

  void moveConstants(Operation *op) {
    size_t groups = mixedOperands(op).size();
    for (size_t g = 0; g < groups; ++g) {
      MixedOperands mixed = mixedOperands(op)[g]; // anew, since changing one group moves the others
      SmallVector<int64_t> statics(mixed.statics);
      SmallVector<Value> dynamic;
      unsigned next = 0;
      for (int64_t &size : statics) {
        if (!ShapedType::isDynamic(size) || next >= mixed.dynamic.size())
          continue;
        Value v = mixed.dynamic[next++].get();
        if (auto value = constantOf(shapes.index(v)))
          size = *value;
        else
          dynamic.push_back(v);
      }
      if (dynamic.size() == mixed.dynamic.size())
        continue;
      mixed.dynamic.assign(dynamic);
      op->setAttr(mixed.attribute, DenseI64ArrayAttr::get(op->getContext(), statics));
    }
  }

  // The result types that types of operands and symbolic shapes together give.
  LogicalResult refine(Operation *op) {
    SmallVector<Type> before(op->getResultTypes());
    SmallVector<Dims> proved = llvm::map_to_vector(op->getResults(), [&](Value v) { return shapes.dims(v); });
    if (failed(refineResultTypes(op)))
      return failure();
    for (auto [value, old, dims] : llvm::zip_equal(op->getResults(), before, proved)) {
      auto type = cast<RankedTensorType>(value.getType());
      SmallVector<int64_t> shape(type.getShape());
      for (auto [axis, size] : llvm::enumerate(shape)) {
        auto known = constantOf(dims[axis]);
        if (known && *known < 0)
          return op->emitOpError("would have a result of negative size ") << *known << " (axis " << axis << ")";
        if (ShapedType::isDynamic(size) && known)
          size = *known;
      }
      value.setType(RankedTensorType::get(shape, type.getElementType()));
    }
    return success();
  }

  // The operand that the op's only result equals.
  Value unchanged(Operation *op) {
    auto zero = [&](ValueRange dynamic, ArrayRef<int64_t> statics) {
      return llvm::all_of(shapes.mixed(dynamic, statics), [](AffineExpr e) { return constantOf(e) == 0; });
    };
    if (auto concat = dyn_cast<ConcatOp>(op)) {
      auto filled = llvm::make_filter_range(concat.getInputs(), [&](Value v) { return constantOf(shapes.dims(v)[concat.getAxis()]) != 0; });
      SmallVector<Value> inputs(filled);
      if (!inputs.empty() && inputs.size() < concat.getInputs().size())
        concat.getInputsMutable().assign(inputs);
      return concat.getInputs().size() == 1 ? concat.getInputs().front() : Value();
    }
    bool isCandidate = llvm::TypeSwitch<Operation *, bool>(op)
                           .Case<ReshapeOp, BroadcastOp>([](auto) { return true; })
                           .Case<SliceOp>([&](SliceOp s) {
                             return zero(s.getOffsets(), s.getStaticOffsets()) && llvm::all_of(s.getStrides(), [](int64_t v) { return v == 1; });
                           })
                           .Case<PadOp>([&](PadOp p) { return zero(p.getLow(), p.getStaticLow()) && zero(p.getHigh(), p.getStaticHigh()); })
                           .Default(false);
    if (!isCandidate || !shapes.proveEqual(ArrayRef<AffineExpr>(shapes.dims(op->getOperand(0))), ArrayRef<AffineExpr>(shapes.dims(op->getResult(0)))))
      return {};
    return op->getOperand(0);
  }

  func::FuncOp func;
  SymbolicShapes shapes;
};

struct RefineTypes : mlir::ds::impl::RefineTypesBase<RefineTypes> {
  void runOnOperation() override {
    for (func::FuncOp func : shapedFunctions(getOperation()))
      if (failed(Refiner(func).run()))
        return signalPassFailure();
  }
};
} // namespace
