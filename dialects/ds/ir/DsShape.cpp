// Shapes as expressions: contexts, broadcasting, and what the interface does with a rule's answer.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

Dims ShapeContext::mixed(ValueRange dynamic, ArrayRef<int64_t> statics) {
  Dims result;
  unsigned next = 0;
  for (int64_t size : statics) {
    if (ShapedType::isDynamic(size))
      result.push_back(next < dynamic.size() ? index(dynamic[next++]) : constant(0));
    else
      result.push_back(constant(size));
  }
  return result;
}

Dims TypeShapeContext::dims(Value tensor) {
  Dims result;
  for (int64_t size : cast<RankedTensorType>(tensor.getType()).getShape())
    result.push_back(ShapedType::isDynamic(size) ? unknown(nullptr, 0) : constant(size));
  return result;
}

AffineExpr TypeShapeContext::index(Value value) {
  IntegerAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return constant(attr.getInt());
  return unknown(nullptr, 0);
}

AffineExpr TypeShapeContext::unknown(Operation *, unsigned) { return getAffineSymbolExpr(nextSymbol++, getContext()); }

std::optional<int64_t> mlir::ds::constantOf(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

SmallVector<int64_t> mlir::ds::shapeOf(ArrayRef<AffineExpr> dims) {
  return llvm::map_to_vector(dims, [](AffineExpr e) { return constantOf(e).value_or(ShapedType::kDynamic); });
}

FailureOr<Dims> mlir::ds::broadcastDims(Operation *op, ShapeContext &shapes, ArrayRef<Dims> operands, StringRef label) {
  size_t rank = 0;
  for (const Dims &dims : operands)
    rank = std::max(rank, dims.size());
  Dims result(rank, shapes.constant(1));
  for (const Dims &dims : operands) {
    for (auto [i, dim] : llvm::enumerate(dims)) {
      AffineExpr &out = result[rank - dims.size() + i];
      auto have = constantOf(out), want = constantOf(dim);
      if (out == dim || want == 1)
        continue;
      if (have == 1 || (want && !have))
        out = dim;
      else if (have && want)
        return op->emitOpError() << label << ": sizes " << *have << " and " << *want << " of axis "
                                 << rank - dims.size() + i << " do not broadcast";
      else if (!have)
        out = shapes.broadcast(op, rank - dims.size() + i, out, dim);
    }
  }
  return result;
}

LogicalResult mlir::ds::checkEqual(Operation *op, AffineExpr a, AffineExpr b, const Twine &message) {
  auto x = constantOf(a), y = constantOf(b);
  if (x && y && *x != *y)
    return op->emitOpError() << message << ": " << *x << " and " << *y << " differ";
  return success();
}

static LogicalResult inferTypes(Operation *op, SmallVectorImpl<Dims> &results) {
  TypeShapeContext shapes(op->getContext());
  if (failed(cast<ShapeOpInterface>(op).inferShapes(shapes, results)))
    return failure();
  if (results.size() != op->getNumResults())
    return op->emitOpError("has results whose shapes its rule does not give");
  for (const Dims &dims : results)
    for (AffineExpr dim : dims)
      if (constantOf(dim).value_or(0) < 0)
        return op->emitOpError("would have a result of negative size ") << *constantOf(dim);
  return success();
}

LogicalResult mlir::ds::verifyShapes(Operation *op) {
  SmallVector<Dims> results;
  if (failed(inferTypes(op, results)))
    return failure();
  for (auto [value, dims] : llvm::zip_equal(op->getResults(), results)) {
    auto type = cast<RankedTensorType>(value.getType());
    if (failed(verifyCompatibleShape(type.getShape(), shapeOf(dims)))) {
      auto expected = RankedTensorType::get(shapeOf(dims), type.getElementType());
      return op->emitOpError() << "result type " << type << " does not fit the inferred " << expected;
    }
  }
  return success();
}

LogicalResult mlir::ds::refineResultTypes(Operation *op) {
  SmallVector<Dims> results;
  if (failed(inferTypes(op, results)))
    return failure();
  for (auto [value, dims] : llvm::zip_equal(op->getResults(), results))
    value.setType(RankedTensorType::get(shapeOf(dims), getElementTypeOrSelf(value.getType())));
  return success();
}
