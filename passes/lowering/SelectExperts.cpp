// Mixtures of experts become grouped products with packed panels; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"

using namespace mlir;
using namespace mlir::ds;

static dsk::ActivationAttr activationOf(DsRewriter &r, ExpertsOp op) {
  return dsk::ActivationAttr::get(r.context(), *dsk::symbolizeActivation(stringifyActivation(op.getActivation())));
}

// ds.experts -> gathering product with gate and activation, scattering product with the weights, sum over slots
bool mlir::ds::selectExperts(DsRewriter &r, ExpertsOp op) {
  RankedTensorType up = op.getUp().getType(), down = op.getDown().getType();
  if (!op.getType().getElementType().isF32() || !op.getWeights().getType().getElementType().isF32() || !up.hasStaticShape() ||
      !down.hasStaticShape() || up.getNumElements() == 0 || down.getNumElements() == 0)
    return false;
  int64_t features = up.getDimSize(1), width = up.getDimSize(2), outs = down.getDimSize(2);
  bool gated = static_cast<bool>(op.getGate());
  Dims weights = r.dims(op.getWeights());
  AffineExpr tokens = weights[0], rows = r.dims(op.getPermutation())[0];
  int64_t slots = *constantOf(weights[1]), flops = 2 * (features * width * (gated ? 2 : 1) + width * outs);
  auto type = [&](int64_t columns) { return RankedTensorType::get({constantOf(rows).value_or(ShapedType::kDynamic), columns}, r.b.getF32Type()); };
  auto number = [&](int64_t n) { return r.b.getI64IntegerAttr(n); };
  auto none = dsk::ActivationAttr::get(r.context(), dsk::Activation::identity);
  Value first = packExperts(r, gated ? ValueRange{op.getGate(), op.getUp()} : ValueRange{op.getUp()});
  Value hidden = dsk::GroupedMatmulOp::create(r.b, type(width), op.getInput(), op.getPermutation(), op.getOffsets(), first, Value(), number(width),
                                              number(slots), gated ? r.b.getUnitAttr() : UnitAttr(), activationOf(r, op), number(flops));
  r.shapes.setDims(hidden, {rows, r.constant(width)});
  Value result = dsk::GroupedMatmulOp::create(r.b, type(outs), hidden, op.getPermutation(), op.getOffsets(), packExperts(r, op.getDown()),
                                              op.getWeights(), number(outs), number(slots), UnitAttr(), none, IntegerAttr());
  r.shapes.setDims(result, {rows, r.constant(outs)});
  if (slots != 1) {
    result = r.reshape(result, {tokens, r.constant(slots), r.constant(outs)});
    result = ReduceOp::create(r.b, op.getType(), ReduceKind::sum, result, ArrayRef<int64_t>{1}, /*keepdims=*/false);
  } else {
    result = r.reshape(result, r.dims(op.getResult()));
  }
  r.replace(op, result);
  return true;
}
