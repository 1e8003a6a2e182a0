// Registration of the dialect.
#include "dialects/ds/ir/DsOps.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::ds;

#include "dialects/ds/ir/DsDialect.cpp.inc"
#include "dialects/ds/ir/DsEnums.cpp.inc"
#include "dialects/ds/ir/DsInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/ds/ir/DsAttrs.cpp.inc"

void DsDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/ds/ir/DsAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/ds/ir/DsOps.cpp.inc"
      >();
}

Operation *DsDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  if (ConstantOp::isBuildableWith(value, type))
    return ConstantOp::create(builder, loc, cast<ElementsAttr>(value));
  if (isa<IndexType>(type))
    return arith::ConstantOp::materialize(builder, value, type, loc);
  return nullptr;
}
