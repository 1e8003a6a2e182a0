// Second of the shape passes: what computes sizes on tensors becomes index arithmetic on the entry arguments' sizes.
#include "lib/analysis/DimBuilder.h"
#include "passes/graph/Passes.h"
#include "passes/graph/ShapeUtils.h"

namespace mlir::ds {
#define GEN_PASS_DEF_SHAPESTOINDEX
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

namespace {
class Rewriter {
public:
  explicit Rewriter(func::FuncOp func) : func(func), shapes(func), dims(shapes, func) {}

  void run() {
    SmallVector<Operation *> ops = llvm::map_to_vector(func.getBody().front(), [](Operation &op) { return &op; });
    for (Operation *op : ops)
      if (isa_and_nonnull<DsDialect>(op->getDialect()))
        rewriteIndexOperands(op);
    for (Operation *op : ops)
      if (op->getNumResults() == 1 && isFrontier(op))
        rewriteTensor(op);
    eraseDeadOps(func);
    updateResultTypes(func);
    declareRanges(func, shapes);
  }

private:
  void rewriteIndexOperands(Operation *op) {
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      // A size may follow from the number of elements.
      unsigned next = 0;
      for (auto [size, dim] : llvm::zip_equal(reshape.getStaticSizes(), shapes.dims(reshape.getResult())))
        if (ShapedType::isDynamic(size))
          if (OpOperand &operand = reshape.getSizesMutable()[next++]; Value v = dims.build(op->getLoc(), dim))
            operand.set(v);
      return;
    }
    for (OpOperand &operand : op->getOpOperands())
      if (isa<IndexType>(operand.get().getType()))
        if (Value v = dims.build(op->getLoc(), shapes.index(operand.get())))
          operand.set(v);
  }

  // Whether all elements are made of constants and sizes of entry arguments.
  bool isMadeOfSizes(Operation *op) {
    if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
      return false;
    auto values = shapes.elements(op->getResult(0));
    return values && llvm::all_of(*values, [&](AffineExpr e) { return shapes.dependsOnSizesOnly(e); });
  }

  // Whether the op makes a tensor of sizes that somebody needs as a tensor.
  bool isFrontier(Operation *op) {
    if (isa<ConstantOp>(op) || !isMadeOfSizes(op))
      return false;
    return llvm::any_of(op->getUsers(), [&](Operation *user) { return !isa<tensor::ExtractOp, tensor::DimOp>(user) && !isMadeOfSizes(user); });
  }

  void rewriteTensor(Operation *op) {
    Value old = op->getResult(0);
    SmallVector<AffineExpr> values = *shapes.elements(old);
    auto type = RankedTensorType::get(shapeOf(shapes.dims(old)), getElementTypeOrSelf(old.getType()));
    OpBuilder b(op);
    if (llvm::all_of(values, [](AffineExpr e) { return constantOf(e).has_value(); }))
      return old.replaceAllUsesWith(buildConstant(b, op->getLoc(), type, values));
    if (!type.getElementType().isSignlessInteger() || type.getElementType().isInteger(1))
      return; // arith has no casts from index to unsigned types
    SmallVector<Value> scalars;
    for (AffineExpr e : values) {
      Value index = dims.build(op->getLoc(), e);
      if (!index)
        return;
      scalars.push_back(arith::IndexCastOp::create(b, op->getLoc(), type.getElementType(), index));
    }
    old.replaceAllUsesWith(tensor::FromElementsOp::create(b, op->getLoc(), type, scalars));
  }

  static Value buildConstant(OpBuilder &b, Location loc, RankedTensorType type, ArrayRef<AffineExpr> values) {
    unsigned width = type.getElementTypeBitWidth();
    SmallVector<APInt> elements =
        llvm::map_to_vector(values, [&](AffineExpr e) { return APInt(64, *constantOf(e), /*isSigned=*/true).sextOrTrunc(width); });
    return ConstantOp::create(b, loc, cast<ElementsAttr>(Attribute(DenseElementsAttr::get(type, elements))));
  }

  func::FuncOp func;
  SymbolicShapes shapes;
  DimBuilder dims;
};

struct ShapesToIndex : mlir::ds::impl::ShapesToIndexBase<ShapesToIndex> {
  void runOnOperation() override {
    for (func::FuncOp func : shapedFunctions(getOperation()))
      Rewriter(func).run();
  }
};
} // namespace
