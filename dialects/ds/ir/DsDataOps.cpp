// Constants and weights.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

bool ConstantOp::isBuildableWith(Attribute value, Type type) {
  auto elements = dyn_cast_or_null<ElementsAttr>(value);
  return elements && elements.getType() == type && isa<RankedTensorType>(type);
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  if (getValue().getShapedType().getElementType() != getResult().getType().getElementType())
    return emitOpError("C1: the attribute has another element type than the result");
  results.push_back(shapes.mixed({}, getValue().getShapedType().getShape()));
  return success();
}

LogicalResult WeightOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  RankedTensorType type = getResult().getType();
  if (!type.hasStaticShape())
    return emitOpError("C1: a weight has a static shape");
  int64_t bytes = std::max<int64_t>(type.getElementTypeBitWidth(), 8) / 8;
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(bytes, size, bytes))
      return emitOpError("C2: the byte size overflows 64 bits");
  if (static_cast<int64_t>(getLength()) != bytes)
    return emitOpError() << "C2: length " << getLength() << " is not the " << bytes << " bytes of " << type;
  if (static_cast<int64_t>(getOffset()) < 0)
    return emitOpError("C3: the offset is negative");
  results.push_back(shapes.mixed({}, type.getShape()));
  return success();
}
