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

namespace {
// Elementwise ops behind a transposed convolution that know no position: its bias and activation.
class Tail {
public:
  Tail(DsRewriter &r, ConvTransposeOp op, int64_t columns) : r(r), op(op), columns(columns), last(op) {
    while (last->hasOneUse() && fits(*last->getUsers().begin())) {
      last = *last->getUsers().begin();
      ops.push_back(last);
    }
  }
  // The op whose result the whole computes.
  Operation *end() const { return last; }
  // The same on [positions, kernel * O].
  Value apply(Value value) {
    Value before = op;
    for (Operation *tail : ops) {
      SmallVector<Value> operands;
      for (Value operand : tail->getOperands())
        operands.push_back(operand == before ? value : tiled(operand));
      Operation *moved = r.b.clone(*tail);
      moved->setOperands(operands);
      Type element = getElementTypeOrSelf(tail->getResult(0).getType());
      moved->getResult(0).setType(cast<RankedTensorType>(value.getType()).clone(element));
      r.shapes.setDims(moved->getResult(0), r.dims(value));
      before = tail->getResult(0);
      value = moved->getResult(0);
    }
    return value;
  }

private:
  // One number for all, or one per channel of the result.
  bool perChannel(Value operand) {
    int64_t rank = op.getType().getRank(), channel = op.getChannelsLast() ? rank - 1 : 1;
    Dims own = r.dims(operand);
    if (!cast<RankedTensorType>(operand.getType()).hasStaticShape())
      return false;
    for (auto [i, dim] : llvm::enumerate(own))
      if (constantOf(dim) != 1 && (rank - static_cast<int64_t>(own.size() - i) != channel || dim != r.dims(op)[channel]))
        return false;
    return true;
  }
  bool fits(Operation *user) {
    return isElementwise(user) && r.dims(user->getResult(0)) == r.dims(op) && llvm::all_of(user->getOperands(), [&](Value v) {
             return v == last->getResult(0) || perChannel(v);
           });
  }
  Value tiled(Value operand) {
    auto type = cast<RankedTensorType>(operand.getType());
    int64_t count = type.getNumElements();
    Value vector = r.reshape(operand, {count});
    if (count == 1)
      return vector;
    return r.reshape(r.broadcast(r.reshape(vector, {1, count}), {r.constant(columns / count), r.constant(count)}), {columns});
  }

  DsRewriter &r;
  ConvTransposeOp op;
  int64_t columns;
  Operation *last;
  SmallVector<Operation *> ops;
};
} // namespace

// Windows that tile the result: ds.conv_transpose -> ds.matmul to [positions, kernel * O], a transpose that interleaves kernel axes.
MatmulOp mlir::ds::tileConvTranspose(DsRewriter &r, ConvTransposeOp op) {
  auto filterType = op.getFilter().getType();
  ArrayRef<int64_t> kernel = filterType.getShape().drop_front(2);
  auto all = [](ArrayRef<int64_t> numbers, int64_t v) { return llvm::all_of(numbers, [&](int64_t n) { return n == v; }); };
  if (!op.getType().getElementType().isF32() || op.getGroups() != 1 || !filterType.hasStaticShape() || kernel != op.getStrides() ||
      !all(op.getPads(), 0) || !all(op.getOutputPadding(), 0) || !all(op.getDilations(), 1))
    return nullptr;
  int64_t n = kernel.size(), c = filterType.getDimSize(0), o = filterType.getDimSize(1), columns = o;
  for (int64_t k : kernel)
    columns *= k;
  Tail tail(r, op, columns);
  r.b.setInsertionPoint(tail.end());
  Value input = op.getChannelsLast() ? op.getInput() : r.channelsLast(op.getInput());
  Dims in = r.dims(input);
  SmallVector<int64_t> filterOrder = {0}, interleave = {0};
  for (int64_t i = 0; i < n; ++i) {
    filterOrder.push_back(2 + i);
    interleave.append({1 + i, 1 + n + i});
  }
  filterOrder.push_back(1);
  interleave.push_back(1 + 2 * n);
  Value filter = r.reshape(r.transpose(op.getFilter(), filterOrder), {c, columns});
  Value rows = r.reshape(input, {product(ArrayRef(in).drop_back(), r.context()), in.back()});
  auto type = RankedTensorType::get({constantOf(r.dims(rows)[0]).value_or(ShapedType::kDynamic), columns}, r.b.getF32Type());
  auto matmul = MatmulOp::create(r.b, type, rows, filter, /*transpose_a=*/false, /*transpose_b=*/false);
  Value value = tail.apply(matmul);
  Dims split(in.begin(), in.end() - 1), out = {in[0]};
  for (int64_t i = 0; i < n; ++i) {
    split.push_back(r.constant(kernel[i]));
    out.push_back(in[1 + i] * kernel[i]);
  }
  split.push_back(r.constant(o));
  out.push_back(r.constant(o));
  Value result = r.reshape(r.transpose(r.reshape(value, split), interleave), out);
  r.replace(tail.end(), op.getChannelsLast() ? result : r.channelsFirst(result));
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
