// Products that no kernel takes: plain loops with a sum, any type. Halves accumulate in f32.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult mlir::ds::lowerLinear(Lowering &l, Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  if (!matmul)
    return failure();
  Dims out = l.dims(matmul.getResult());
  unsigned rank = out.size(), k = rank; // loops: those of the result, then k
  Type element = loweredElement(matmul.getType().getElementType()), wide = isHalf(element) ? l.b.getF32Type() : element;
  auto operand = [&](Value v, bool transposed, bool isLhs) {
    Dims own = l.dims(v);
    Exprs exprs;
    unsigned batch = own.size() - 2, first = rank - own.size();
    for (unsigned i = 0; i < batch; ++i)
      exprs.push_back(constantOf(own[i]) == 1 && constantOf(out[first + i]) != 1 ? getAffineConstantExpr(0, l.b.getContext()) : l.d(first + i));
    AffineExpr row = isLhs ? l.d(rank - 2) : l.d(k), column = isLhs ? l.d(k) : l.d(rank - 1);
    exprs.push_back(transposed ? column : row);
    exprs.push_back(transposed ? row : column);
    return LoopOperand{l.get(v), l.map(rank + 1, exprs)};
  };
  SmallVector<bool> reduced(rank + 1);
  reduced[k] = true;
  LoopOperand inputs[] = {operand(matmul.getLhs(), matmul.getTransposeA(), true), operand(matmul.getRhs(), matmul.getTransposeB(), false)};
  Value sum = l.reduction(reduced, inputs, l.filled(wide, out, l.constant(wide, 0)), [&](ImplicitLocOpBuilder &b, ValueRange args) -> SmallVector<Value> {
    Value x = widen(b, args[0]), y = widen(b, args[1]);
    if (isa<FloatType>(wide))
      return {arith::AddFOp::create(b, args[2], arith::MulFOp::create(b, x, y), arith::FastMathFlags::reassoc)};
    return {arith::AddIOp::create(b, args[2], arith::MulIOp::create(b, x, y))};
  })[0];
  if (wide != element)
    sum = l.loops(element, out, LoopOperand{sum, l.identity(rank)}, [&](ImplicitLocOpBuilder &b, ValueRange args) { return narrow(b, args[0], element); });
  l.set(matmul, sum);
  return success();
}
