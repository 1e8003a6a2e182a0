// Upsampling by whole numbers without index arithmetic; part of ds-lowering-select-kernels.
#include "passes/lowering/DsRewriter.h"

using namespace mlir;
using namespace mlir::ds;

static AffineExpr product(ArrayRef<AffineExpr> dims, MLIRContext *context) {
  AffineExpr all = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims)
    all = all * dim;
  return all;
}

// Windows that tile the result: ds.conv_transpose -> ds.matmul to [positions, kernel * O], a transpose that interleaves kernel axes.
MatmulOp mlir::ds::tileConvTranspose(DsRewriter &r, ConvTransposeOp op) {
  auto filterType = op.getFilter().getType();
  ArrayRef<int64_t> kernel = filterType.getShape().drop_front(2);
  auto all = [](ArrayRef<int64_t> numbers, int64_t v) { return llvm::all_of(numbers, [&](int64_t n) { return n == v; }); };
  if (!op.getType().getElementType().isF32() || op.getGroups() != 1 || !filterType.hasStaticShape() || kernel != op.getStrides() ||
      !all(op.getPads(), 0) || !all(op.getOutputPadding(), 0) || !all(op.getDilations(), 1))
    return nullptr;
  int64_t n = kernel.size(), c = filterType.getDimSize(0), o = filterType.getDimSize(1), columns = o;
  Value input = op.getChannelsLast() ? op.getInput() : r.channelsLast(op.getInput());
  Dims in = r.dims(input);
  SmallVector<int64_t> filterOrder = {0}, interleave = {0};
  for (int64_t i = 0; i < n; ++i) {
    filterOrder.push_back(2 + i);
    columns *= kernel[i];
    interleave.append({1 + i, 1 + n + i});
  }
  filterOrder.push_back(1);
  interleave.push_back(1 + 2 * n);
  Value filter = r.reshape(r.transpose(op.getFilter(), filterOrder), {c, columns});
  Value rows = r.reshape(input, {product(ArrayRef(in).drop_back(), r.context()), in.back()});
  auto type = RankedTensorType::get({constantOf(r.dims(rows)[0]).value_or(ShapedType::kDynamic), columns}, r.b.getF32Type());
  auto matmul = MatmulOp::create(r.b, type, rows, filter, /*transpose_a=*/false, /*transpose_b=*/false);
  Dims split(in.begin(), in.end() - 1), out = {in[0]};
  for (int64_t i = 0; i < n; ++i) {
    split.push_back(r.constant(kernel[i]));
    out.push_back(in[1 + i] * kernel[i]);
  }
  split.push_back(r.constant(o));
  out.push_back(r.constant(o));
  Value result = r.reshape(r.transpose(r.reshape(matmul, split), interleave), out);
  r.replace(op, op.getChannelsLast() ? result : r.channelsFirst(result));
  return matmul;
}

// Whether position x of an axis reads the operand at x / scale, rounded down.
static bool readsQuotient(ResizeOp op, int64_t scale) {
  NearestMode mode = op.getNearestMode();
  bool round = mode == NearestMode::round_prefer_floor || mode == NearestMode::round_prefer_ceil;
  switch (op.getCoordinates()) {
  case Coordinates::asymmetric:
    return mode == NearestMode::floor || (mode == NearestMode::round_prefer_floor && scale <= 2);
  case Coordinates::half_pixel:
  case Coordinates::half_pixel_symmetric:
  case Coordinates::pytorch_half_pixel:
    return round;
  default:
    return false;
  }
}

// ds.resize nearest -> ds.reshape, ds.broadcast (of an axis of size 1 after each), ds.reshape
bool mlir::ds::repeatNearest(DsRewriter &r, ResizeOp op) {
  if (op.getMode() != ResizeMode::nearest)
    return false;
  Dims from = r.dims(op.getInput()), to = r.dims(op.getResult()), split, full;
  for (auto [in, out, scale] : llvm::zip_equal(from, to, op.getScales())) {
    auto whole = static_cast<int64_t>(scale);
    if (whole < 1 || static_cast<double>(whole) != scale || out != in * whole || (whole > 1 && !readsQuotient(op, whole)))
      return false;
    split.push_back(in);
    full.push_back(in);
    if (whole == 1)
      continue;
    split.push_back(r.constant(1));
    full.push_back(r.constant(whole));
  }
  r.replace(op, r.reshape(r.broadcast(r.reshape(op.getInput(), split), full), to));
  return true;
}
