// Axes where kernels want them; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"

using namespace mlir;
using namespace mlir::ds;

static bool normaliseScan(DsRewriter &r, ScanOp op) {
  int64_t axis = op.getAxis(), last = op.getInput().getType().getRank() - 1;
  if (axis == last)
    return false;
  Value input = r.moveLast(op.getInput(), axis);
  Value scan = ScanOp::create(r.b, input.getType(), op.getKind(), input, static_cast<uint64_t>(last), op.getExclusive(), op.getReverse());
  r.replace(op, r.moveBack(scan, axis));
  return true;
}

static bool normaliseTopK(DsRewriter &r, TopKOp op) {
  int64_t axis = op.getAxis(), last = op.getInput().getType().getRank() - 1;
  if (axis == last)
    return false;
  Value input = r.moveLast(op.getInput(), axis);
  auto moved = [&](RankedTensorType type) {
    SmallVector<int64_t> shape(type.getShape());
    std::rotate(shape.begin() + axis, shape.begin() + axis + 1, shape.end());
    return type.clone(shape);
  };
  auto top = TopKOp::create(r.b, moved(op.getValues().getType()), moved(op.getIndices().getType()), input, op.getK(), op.getStaticK(),
                            static_cast<uint64_t>(last), op.getLargest());
  r.replace(op, {r.moveBack(top.getValues(), axis), r.moveBack(top.getIndices(), axis)});
  return true;
}

// High pads with which the floor of the size is what ceil_mode says; nullopt where that takes sizes of the run.
static std::optional<SmallVector<int64_t>> floorPads(DsRewriter &r, PoolOp op) {
  SmallVector<int64_t> pads(op.getPads());
  if (!op.getCeilMode())
    return pads;
  if (op.getKind() == PoolKind::avg && op.getCountIncludePad())
    return std::nullopt;
  size_t n = op.getKernel().size(), first = op.getChannelsLast() ? 1 : 2;
  Dims in = r.dims(op.getInput()), out = r.dims(op.getResult());
  for (size_t i = 0; i < n; ++i) {
    auto have = constantOf(in[first + i]), want = constantOf(out[first + i]);
    if (!have || !want)
      return std::nullopt;
    int64_t reach = (*want - 1) * op.getStrides()[i] + op.getDilations()[i] * (op.getKernel()[i] - 1) + 1;
    pads[n + i] = std::max(pads[n + i], reach - *have - pads[i]);
  }
  return pads;
}

static bool normalisePool(DsRewriter &r, PoolOp op) {
  bool image = op.getInput().getType().getRank() == 4 && op.getType().getElementType().isF32() && op.getKind() != PoolKind::lp;
  if (!image || (op.getChannelsLast() && !op.getCeilMode()))
    return false;
  std::optional<SmallVector<int64_t>> pads = floorPads(r, op);
  if (!pads)
    return false;
  Value input = op.getChannelsLast() ? op.getInput() : r.channelsLast(op.getInput());
  Dims out = r.dims(op.getResult());
  if (!op.getChannelsLast())
    std::rotate(out.begin() + 1, out.begin() + 2, out.end());
  auto type = RankedTensorType::get(shapeOf(out), op.getType().getElementType());
  Value pool = PoolOp::create(r.b, type, input, op.getKind(), op.getKernel(), op.getStrides(), *pads, op.getDilations(), /*ceil_mode=*/false,
                              op.getCountIncludePad(), op.getP(), /*channels_last=*/true);
  r.shapes.setDims(pool, out);
  r.replace(op, op.getChannelsLast() ? pool : r.channelsFirst(pool));
  return true;
}

static bool normaliseAttention(DsRewriter &r, AttentionOp op) {
  Type element = op.getType().getElementType(), f32 = r.b.getF32Type();
  bool mask = op.getMask() && op.getMask().getType().getElementType() != f32;
  if (!element.isF16() && !element.isBF16() && !mask)
    return false;
  SmallVector<Value> operands = llvm::map_to_vector(op->getOperands(), [&](Value v) { return r.cast(v, f32); });
  auto wide = llvm::cast<AttentionOp>(r.b.clone(*op));
  wide->setOperands(operands);
  wide.getResult().setType(op.getType().clone(f32));
  r.replace(op, r.cast(wide, element));
  return true;
}

bool mlir::ds::normaliseAxes(DsRewriter &r, Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](ScanOp o) { return normaliseScan(r, o); })
      .Case([&](TopKOp o) { return normaliseTopK(r, o); })
      .Case([&](PoolOp o) { return normalisePool(r, o); })
      .Case([&](AttentionOp o) { return normaliseAttention(r, o); })
      .Default([](Operation *) { return false; });
}
