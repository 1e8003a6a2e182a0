// What stands around matmuls and attention: transposes become layouts, the rest moves so that consumers sit directly on them.
#include "passes/graph/Match.h"
#include "passes/graph/Patterns.h"

using namespace mlir;
using namespace mlir::ds;

// x^T of the last two axes: x, else null.
static Value transposedMatrix(Value v) {
  auto op = v.getDefiningOp<TransposeOp>();
  if (!op)
    return nullptr;
  ArrayRef<int64_t> permutation = op.getPermutation();
  int64_t rank = permutation.size();
  bool swaps = rank >= 2 && permutation[rank - 1] == rank - 2 && permutation[rank - 2] == rank - 1 &&
               llvm::equal(permutation.drop_back(2), llvm::seq<int64_t>(0, rank - 2));
  return swaps ? op.getInput() : nullptr;
}

// matmul(transpose(a), b) -> matmul(a, b) {transpose_a}, the same for b
static LogicalResult foldTransposesIntoMatmul(MatmulOp op, PatternRewriter &rewriter) {
  Value a = transposedMatrix(op.getLhs()), b = transposedMatrix(op.getRhs());
  if (!a && !b)
    return rewriter.notifyMatchFailure(op, "no operand is a transposed matrix");
  rewriter.modifyOpInPlace(op, [&] {
    if (a) {
      op.getLhsMutable().assign(a);
      op.setTransposeA(!op.getTransposeA());
    }
    if (b) {
      op.getRhsMutable().assign(b);
      op.setTransposeB(!op.getTransposeB());
    }
  });
  return success();
}

// matmul(reshape(x), w) -> reshape(matmul(x, w)), when w is a matrix and the reshape keeps the last axis
static LogicalResult sinkReshapeBelowMatmul(MatmulOp op, PatternRewriter &rewriter) {
  auto reshape = op.getLhs().getDefiningOp<ReshapeOp>();
  RankedTensorType w = op.getRhs().getType();
  if (!reshape || op.getTransposeA() || w.getRank() != 2)
    return rewriter.notifyMatchFailure(op, "the left operand is no reshape, or the right one no matrix");
  Value x = reshape.getInput();
  RankedTensorType from = reshape.getInput().getType(), to = reshape.getType();
  if (from.getRank() < 2 || from.isDynamicDim(from.getRank() - 1) || from.getShape().back() != to.getShape().back())
    return rewriter.notifyMatchFailure(op, "the reshape changes the last axis");
  Location loc = rewriter.getFusedLoc({reshape.getLoc(), op.getLoc()});
  SmallVector<int64_t> shape(from.getShape());
  shape.back() = op.getType().getShape().back();
  auto type = RankedTensorType::get(shape, op.getType().getElementType());
  auto product = MatmulOp::create(rewriter, op.getLoc(), type, x, op.getRhs(), false, op.getTransposeB());
  SmallVector<OpFoldResult> sizes = getMixedValues(reshape.getStaticSizes(), reshape.getSizes(), rewriter);
  sizes.back() = mixedSizes(rewriter, loc, product).back();
  rewriter.replaceOp(op, reshapeTo(rewriter, loc, product, sizes));
  return success();
}

// Whether elementwise code over `v` would sit on a kernel's result.
static bool isKernelChain(Value v) {
  for (int depth = 0; depth < 16 && v; ++depth) {
    Operation *op = v.getDefiningOp();
    if (!op)
      return false;
    if (isa<MatmulOp, ConvOp, ConvTransposeOp>(op))
      return true;
    if (!isElementwise(op))
      return false;
    v = nullptr;
    for (Value operand : op->getOperands())
      if (operand.getType() == op->getResult(0).getType() && operand.hasOneUse())
        v = operand;
  }
  return false;
}

// How many last axes both shapes have in common, statically.
static int64_t commonSuffix(RankedTensorType a, RankedTensorType b) {
  int64_t n = 0;
  while (n < std::min(a.getRank(), b.getRank()) && a.getShape()[a.getRank() - 1 - n] == b.getShape()[b.getRank() - 1 - n] &&
         !a.isDynamicDim(a.getRank() - 1 - n))
    ++n;
  return n;
}

// Whether the operand only varies along axes that the reshape keeps.
static bool isUntouchedBy(Value operand, ReshapeOp reshape) {
  return static_cast<int64_t>(trimmedShape(operand).size()) <= commonSuffix(reshape.getInput().getType(), reshape.getType());
}

// Whether the operand can be reshaped back, which costs nothing. What sits on another kernel's result of another shape would only
// send the reshape back here.
static bool isReshapable(Value operand, ReshapeOp reshape) {
  RankedTensorType to = reshape.getType();
  auto inner = operand.getDefiningOp<ReshapeOp>();
  Value source = inner ? inner.getInput() : operand;
  return cast<RankedTensorType>(operand.getType()).getShape() == to.getShape() && to.getNumDynamicDims() <= 1 &&
         (cast<RankedTensorType>(source.getType()).getShape() == reshape.getInput().getType().getShape() || !isKernelChain(source));
}

// The operand as it is below the reshape: unchanged, without leading axes of size 1, or reshaped back.
static Value operandBeforeReshape(PatternRewriter &rewriter, Value operand, ReshapeOp reshape) {
  if (operand == reshape.getResult())
    return reshape.getInput();
  Location loc = operand.getLoc();
  if (!isUntouchedBy(operand, reshape))
    return reshapeTo(rewriter, loc, operand, mixedSizes(rewriter, loc, reshape.getInput()));
  if (cast<RankedTensorType>(operand.getType()).getRank() <= reshape.getInput().getType().getRank())
    return operand;
  return reshapeTo(rewriter, loc, operand, ArrayRef(mixedSizes(rewriter, loc, operand)).take_back(trimmedShape(operand).size()));
}

// add(reshape(matmul), bias) -> reshape(add(matmul, bias)), for any elementwise op
static LogicalResult sinkReshapeBelowElementwise(Operation *op, PatternRewriter &rewriter) {
  if (!isElementwise(op) || op->getNumResults() != 1)
    return rewriter.notifyMatchFailure(op, "not elementwise");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  ReshapeOp reshape;
  for (Value operand : op->getOperands())
    if (auto def = operand.getDefiningOp<ReshapeOp>();
        def && def->hasOneUse() && def.getType().getShape() == type.getShape() && isKernelChain(def.getInput()))
      reshape = def;
  if (!reshape)
    return rewriter.notifyMatchFailure(op, "no operand is the reshaped result of a kernel");
  if (!llvm::all_of(op->getOperands(), [&](Value v) {
        return v == reshape.getResult() || isUntouchedBy(v, reshape) || isReshapable(v, reshape);
      }))
    return rewriter.notifyMatchFailure(op, "an operand varies along axes that the reshape changes");
  SmallVector<Value> operands =
      llvm::map_to_vector(op->getOperands(), [&](Value v) { return operandBeforeReshape(rewriter, v, reshape); });
  OperationState state(op->getLoc(), op->getName(), operands,
                       RankedTensorType::get(reshape.getInput().getType().getShape(), type.getElementType()), op->getAttrs());
  Operation *below = rewriter.create(state);
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, type, below->getResult(0), reshape.getSizes(), reshape.getStaticSizes())
      ->setLoc(reshape.getLoc());
  return success();
}

// add(transpose(matmul), bias) -> transpose(add(matmul, bias)), when the last axis stays and nothing else varies along the others
static LogicalResult sinkTransposeBelowElementwise(Operation *op, PatternRewriter &rewriter) {
  if (!isElementwise(op) || op->getNumResults() != 1)
    return rewriter.notifyMatchFailure(op, "not elementwise");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  TransposeOp transpose;
  for (Value operand : op->getOperands())
    if (auto def = operand.getDefiningOp<TransposeOp>();
        def && def->hasOneUse() && def.getType().getShape() == type.getShape() && isKernelChain(def.getInput()))
      transpose = def;
  if (!transpose || transpose.getPermutation().back() != type.getRank() - 1)
    return rewriter.notifyMatchFailure(op, "no operand is the transposed result of a kernel, its last axis in place");
  SmallVector<Value> operands(op->getOperands());
  for (Value &operand : operands) {
    if (operand == transpose.getResult())
      operand = transpose.getInput();
    else if (trimmedShape(operand).size() > 1)
      return rewriter.notifyMatchFailure(op, "an operand varies along axes that change places");
  }
  OperationState state(op->getLoc(), op->getName(), operands,
                       RankedTensorType::get(transpose.getInput().getType().getShape(), type.getElementType()), op->getAttrs());
  rewriter.replaceOp(op, transposeBy(rewriter, transpose.getLoc(), rewriter.create(state)->getResult(0), transpose.getPermutation()));
  return success();
}

// transpose(attention) -> attention {out_layout}, when it is the only user
static LogicalResult absorbOutputTranspose(TransposeOp op, PatternRewriter &rewriter) {
  auto attention = op.getInput().getDefiningOp<AttentionOp>();
  if (!attention || !attention->hasOneUse())
    return rewriter.notifyMatchFailure(op, "not the only user of an attention");
  SmallVector<int64_t> inverse = invertPermutationVector(op.getPermutation()), layout;
  for (int64_t axis : attention.getOutLayout())
    layout.push_back(inverse[axis]);
  rewriter.setInsertionPoint(attention);
  auto stored = cast<AttentionOp>(rewriter.clone(*attention));
  stored.getResult().setType(op.getType());
  stored.setOutLayout(layout);
  stored->setLoc(rewriter.getFusedLoc({attention.getLoc(), op.getLoc()}));
  rewriter.replaceOp(op, stored);
  return success();
}

// attention(transpose(q), ..) -> attention(q, ..) {q_layout}, the same for k and v
static LogicalResult absorbOperandTransposes(AttentionOp op, PatternRewriter &rewriter) {
  auto absorb = [&](Value v, ArrayRef<int64_t> stored, SmallVector<int64_t> &layout) -> Value {
    layout.assign(stored.begin(), stored.end());
    auto transpose = v.getDefiningOp<TransposeOp>();
    if (!transpose)
      return v;
    for (int64_t &axis : layout)
      axis = transpose.getPermutation()[axis];
    return transpose.getInput();
  };
  SmallVector<int64_t> q, k, v;
  Value newQ = absorb(op.getQ(), op.getQLayout(), q), newK = absorb(op.getK(), op.getKLayout(), k),
        newV = absorb(op.getV(), op.getVLayout(), v);
  if (newQ == op.getQ() && newK == op.getK() && newV == op.getV())
    return rewriter.notifyMatchFailure(op, "no operand is transposed");
  rewriter.modifyOpInPlace(op, [&] {
    op.getQMutable().assign(newQ);
    op.getKMutable().assign(newK);
    op.getVMutable().assign(newV);
    op.setQLayout(q);
    op.setKLayout(k);
    op.setVLayout(v);
  });
  return success();
}

// rope(transpose(x), cos, sin) -> transpose(rope(x, cos', sin')), when the last axis stays and the tables move only axes of size 1
static LogicalResult sinkTransposeBelowRope(RopeOp op, PatternRewriter &rewriter) {
  auto transpose = op.getInput().getDefiningOp<TransposeOp>();
  int64_t rank = op.getType().getRank();
  if (!transpose || transpose.getPermutation().back() != rank - 1)
    return rewriter.notifyMatchFailure(op, "the operand is not transposed, or its last axis is");
  SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
  auto movesFreely = [&](Value table) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(table.getType()).getShape();
    int64_t previous = -1;
    for (int64_t axis : inverse) {
      int64_t at = axis - (rank - static_cast<int64_t>(shape.size()));
      if (at < 0 || shape[at] == 1)
        continue;
      if (at < previous)
        return false;
      previous = at;
    }
    return true;
  };
  if (!movesFreely(op.getCos()) || !movesFreely(op.getSin()))
    return rewriter.notifyMatchFailure(op, "the tables would have to be transposed");
  auto moved = [&](Value table) {
    SmallVector<OpFoldResult> sizes = mixedSizes(rewriter, table.getLoc(), table);
    sizes.insert(sizes.begin(), rank - sizes.size(), rewriter.getIndexAttr(1));
    return transposeBy(rewriter, table.getLoc(), reshapeTo(rewriter, table.getLoc(), table, sizes), inverse);
  };
  Value cos = moved(op.getCos()), sin = moved(op.getSin());
  Value turned = RopeOp::create(rewriter, op.getLoc(), transpose.getInput().getType(), transpose.getInput(), cos, sin,
                                op.getInterleaved());
  rewriter.replaceOp(op, transposeBy(rewriter, transpose.getLoc(), turned, transpose.getPermutation()));
  return success();
}

void mlir::ds::populateMatmulPatterns(RewritePatternSet &patterns) {
  patterns.add(foldTransposesIntoMatmul).add(sinkReshapeBelowMatmul);
  patterns.add(absorbOperandTransposes).add(absorbOutputTranspose).add(sinkTransposeBelowRope);
  struct SinkReshape : RewritePattern {
    SinkReshape(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
    LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
      return failure(failed(sinkReshapeBelowElementwise(op, rewriter)) && failed(sinkTransposeBelowElementwise(op, rewriter)));
    }
  };
  patterns.add<SinkReshape>(patterns.getContext());
}
