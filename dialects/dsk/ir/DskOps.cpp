// Registration and constraints of the dsk dialect.
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dsk;

#include "dialects/dsk/ir/DskDialect.cpp.inc"
#include "dialects/dsk/ir/DskEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/dsk/ir/DskAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/dsk/ir/DskOps.cpp.inc"

void DskDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/dsk/ir/DskAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/dsk/ir/DskOps.cpp.inc"
      >();
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getInput().getType(), to = getResult().getType();
  if (static_cast<int64_t>(getSizes().size()) != to.getNumDynamicDims())
    return emitOpError("C1: ") << getSizes().size() << " sizes for " << to.getNumDynamicDims() << " dynamic ones";
  if (from.hasStaticShape() && to.hasStaticShape() && from.getNumElements() != to.getNumElements())
    return emitOpError("C2: the numbers of elements differ");
  if (from.getElementType() != to.getElementType())
    return emitOpError("C2: the element types differ");
  return success();
}

static bool agree(int64_t a, int64_t b) { return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b; }

LogicalResult MatmulOp::verify() {
  RankedTensorType a = getLhs().getType(), b = getRhs().getType(), c = getResult().getType();
  bool packed = getPackedN().has_value();
  if (a.getRank() < 2 || a.getRank() > 3 || (packed ? b.getRank() != 3 : b.getRank() < 2 || b.getRank() > 3))
    return emitOpError("C2: operand ranks ") << a.getRank() << " and " << b.getRank();
  bool batch = a.getRank() == 3 || (!packed && b.getRank() == 3);
  if (c.getRank() != (batch ? 3 : 2))
    return emitOpError("C2: the result has rank ") << c.getRank();
  int64_t ka = a.getDimSize(a.getRank() - (getTransposeA() ? 2 : 1));
  int64_t kb = packed ? b.getDimSize(1) : b.getDimSize(b.getRank() - (getTransposeB() ? 1 : 2));
  if (!agree(ka, kb))
    return emitOpError("C3: inner sizes ") << ka << " and " << kb;
  if (packed && (b.getDimSize(2) != kPanel || !agree(b.getDimSize(0), llvm::divideCeil(*getPackedN(), kPanel))))
    return emitOpError("C2: the panels do not hold ") << *getPackedN() << " columns";
  if (getSkipZeros() && (packed || batch || getTransposeB()))
    return emitOpError("C4: to skip zeros of A, A and B must be matrices and the rows of B contiguous");
  return success();
}

template <typename OpTy> static LogicalResult verifyWindow(OpTy op) {
  if (op.getInput().getType().getRank() != 4 || op.getResult().getType().getRank() != 4)
    return op.emitOpError("C1: input and result must have rank 4");
  if (op.getKernel().size() != 2 || op.getStrides().size() != 2 || op.getDilations().size() != 2 || op.getPads().size() != 4)
    return op.emitOpError("C2: kernel, strides, dilations need two numbers and pads four");
  return success();
}
LogicalResult ConvOp::verify() { return verifyWindow(*this); }
LogicalResult DepthwiseConvOp::verify() { return verifyWindow(*this); }
LogicalResult PoolOp::verify() { return verifyWindow(*this); }

LogicalResult AttentionOp::verify() {
  for (ArrayRef<int64_t> layout : {getQLayout(), getKLayout(), getVLayout(), getOutLayout()})
    if (layout.size() != 4 || !isPermutationVector(layout))
      return emitOpError("C1: a layout is not a permutation of 4 axes");
  for (Value v : getOperands())
    if (cast<RankedTensorType>(v.getType()).getRank() != 4)
      return emitOpError("C2: an operand has not rank 4");
  return success();
}

LogicalResult ScatterOp::verify() {
  RankedTensorType input = getInput().getType(), indices = getIndices().getType(), updates = getUpdates().getType();
  if (indices.getRank() != 2 || indices.isDynamicDim(1))
    return emitOpError("C1: indices are not [U, depth] with a static depth");
  if (updates.getRank() != 1 + input.getRank() - indices.getDimSize(1))
    return emitOpError("C2: updates of rank ") << updates.getRank();
  return success();
}
