// What the shape passes of the room share: mixed operands, dead ops, function types, and their order.
#include "passes/graph/ShapeUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace mlir::ds;

SmallVector<MixedOperands> mlir::ds::mixedOperands(Operation *op) {
  using Result = SmallVector<MixedOperands>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<ReshapeOp, BroadcastOp, IotaOp, ResizeOp>(
          [](auto o) { return Result{{o.getSizesMutable(), o.getStaticSizesAttrName(), o.getStaticSizes()}}; })
      .Case<SliceOp>([](SliceOp o) {
        return Result{{o.getOffsetsMutable(), o.getStaticOffsetsAttrName(), o.getStaticOffsets()},
                      {o.getSizesMutable(), o.getStaticSizesAttrName(), o.getStaticSizes()}};
      })
      .Case<PadOp>([](PadOp o) {
        return Result{{o.getLowMutable(), o.getStaticLowAttrName(), o.getStaticLow()},
                      {o.getHighMutable(), o.getStaticHighAttrName(), o.getStaticHigh()}};
      })
      .Case<TopKOp>([](TopKOp o) { return Result{{o.getKMutable(), o.getStaticKAttrName(), o.getStaticK()}}; })
      .Default([](Operation *) { return Result(); });
}

SmallVector<func::FuncOp> mlir::ds::shapedFunctions(ModuleOp module) {
  return llvm::filter_to_vector(module.getOps<func::FuncOp>(), [](func::FuncOp f) { return f.getBody().hasOneBlock(); });
}

void mlir::ds::eraseDeadOps(func::FuncOp func) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void mlir::ds::updateResultTypes(func::FuncOp func) {
  Operation *terminator = func.getBody().front().getTerminator();
  func.setFunctionType(FunctionType::get(func.getContext(), func.getBody().getArgumentTypes(), terminator->getOperandTypes()));
}

void mlir::ds::declareRanges(func::FuncOp func, SymbolicShapes &shapes) {
  for (BlockArgument arg : func.getArguments()) {
    auto names = func.getArgAttrOfType<ArrayAttr>(arg.getArgNumber(), "ds.dims");
    SmallVector<Attribute> declared(names ? names.getValue() : ArrayRef<Attribute>());
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    declared.resize(type ? type.getRank() : 0, StringAttr::get(func.getContext(), ""));
    for (auto [axis, name] : llvm::enumerate(declared))
      if (auto dim = shapes.declaration(arg, axis))
        name = StringAttr::get(func.getContext(), dim->str());
    auto says = [](Attribute a) { return !cast<StringAttr>(a).empty(); };
    if (names || llvm::any_of(declared, says))
      func.setArgAttr(arg.getArgNumber(), "ds.dims", ArrayAttr::get(func.getContext(), declared));
  }
}

void mlir::ds::buildShapePipeline(OpPassManager &pm, const ShapePipelineOptions &options) {
  if (!options.dims.empty()) {
    BindDimsOptions bind;
    bind.dims.assign(options.dims.begin(), options.dims.end());
    pm.addPass(createBindDims(std::move(bind)));
  }
  pm.addPass(createShapesToIndex());
  pm.addPass(createRefineTypes());
}
