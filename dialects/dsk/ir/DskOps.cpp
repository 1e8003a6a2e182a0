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

LogicalResult GroupedMatmulOp::verify() {
  RankedTensorType input = getInput().getType(), panels = getPanels().getType(), result = getResult().getType();
  RankedTensorType permutation = getPermutation().getType(), offsets = getOffsets().getType();
  if (input.getRank() != 2 || panels.getRank() != 4 || result.getRank() != 2 || permutation.getRank() != 1 || offsets.getRank() != 1)
    return emitOpError("C1: ranks of input, permutation, offsets, panels and result must be 2, 1, 1, 4, 2");
  if (!permutation.getElementType().isInteger(64) || !offsets.getElementType().isInteger(64))
    return emitOpError("C1: permutation and offsets must be i64");
  int64_t n = getPackedN(), count = llvm::divideCeil(std::max<int64_t>(n, 0), kPanel) * (getGated() ? 2 : 1);
  if (n < 1 || panels.getDimSize(3) != kPanel || panels.getDimSize(1) != count || !agree(result.getDimSize(1), n))
    return emitOpError("C2: the panels do not hold ") << n << (getGated() ? " columns of gate and up" : " columns");
  if (panels.isDynamicDim(0) || !agree(offsets.getDimSize(0), panels.getDimSize(0) + 1) || !agree(input.getDimSize(1), panels.getDimSize(2)))
    return emitOpError("C3: experts or inner sizes differ");
  int64_t slots = getSlots();
  if (slots < 1)
    return emitOpError("C3: ") << slots << " slots";
  if (!getScale())
    return success();
  RankedTensorType scale = getScale().getType();
  if (scale.getRank() != 2 || scale.getDimSize(1) != slots)
    return emitOpError("C3: the scale is not [T, ") << slots << "]";
  if (getGated() || getActivation() != Activation::identity)
    return emitOpError("C4: what scatters has neither gate nor activation");
  return success();
}

// The product of numbers that are not negative; nothing if it overflows.
static std::optional<int64_t> scaled(int64_t a, int64_t b) {
  int64_t result;
  if (a < 0 || b < 0 || llvm::MulOverflow(a, b, result) || result > int64_t(1) << 61)
    return std::nullopt;
  return result;
}

LogicalResult PackPanelsOp::verify() {
  size_t count = getSources().size();
  if (!count || getOffsets().size() != count || getRowStrides().size() != count || getColumnStrides().size() != count)
    return emitOpError("C1: sources, offsets and strides name different numbers of matrices");
  RankedTensorType type = getResult().getType();
  int64_t pairs = getPairs() ? 2 : 1, n = getColumns();
  if (type.getRank() != 4 || !type.hasStaticShape() || n < 1 || type.getDimSize(0) * pairs != static_cast<int64_t>(count) ||
      type.getDimSize(1) != static_cast<int64_t>(llvm::divideCeil(n, kPanel)) * pairs || type.getDimSize(2) < 1 || type.getDimSize(3) != kPanel)
    return emitOpError("C2: the result does not hold ") << count << " matrices of " << n << " columns";
  for (auto [source, offset, row, column] : llvm::zip_equal(getSources(), getOffsets(), getRowStrides(), getColumnStrides())) {
    bool known = source >= 0 && source < static_cast<int64_t>(getInputs().size());
    auto from = known ? cast<RankedTensorType>(getInputs()[source].getType()) : RankedTensorType();
    auto rows = scaled(type.getDimSize(2) - 1, row), columns = scaled(n - 1, column);
    if (!known || !from.hasStaticShape() || !rows || !columns || offset < 0 || offset >= from.getNumElements() - *rows - *columns)
      return emitOpError("C3: a matrix of operand ") << source << " is not inside it";
  }
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
