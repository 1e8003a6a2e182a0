// ds-lowering-select-kernels: products and convolutions in f32 become kernel ops with packed constants.
#include "passes/lowering/Passes.h"
#include "passes/lowering/MainShapes.h"
#include "passes/lowering/WeightOnly.h"
#include "passes/lowering/DsRewriter.h"
#include "lib/support/Remarks.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace mlir::ds {
#define GEN_PASS_DEF_SELECTKERNELS
#include "passes/lowering/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static AffineExpr product(ArrayRef<AffineExpr> dims, MLIRContext *context) {
  AffineExpr all = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims)
    all = all * dim;
  return all;
}

// [groups..., rows, columns] -> [groups..., ceil(columns / 16), rows, 16], zeros in the last panel.
static Value packPanels(DsRewriter &r, Value matrix) {
  SmallVector<int64_t> split(cast<RankedTensorType>(matrix.getType()).getShape()), high(split.size()), order;
  int64_t columns = split.pop_back_val(), panels = llvm::divideCeil(columns, dsk::kPanel), rows = split.size() - 1;
  high.back() = panels * dsk::kPanel - columns;
  split.append({panels, dsk::kPanel});
  llvm::append_range(order, llvm::seq<int64_t>(0, rows));
  order.append({rows + 1, rows, rows + 2});
  return r.transpose(r.reshape(r.padHigh(matrix, high), split), order);
}

static constexpr StringLiteral kPass = "ds-lowering-select-kernels";
// A gated product pays for few rows, and for weights that do not live in the cache next to a core.
static constexpr int64_t kMaxGatedRows = 3, kMinGatedBytes = 1 << 18;

//--- matmul ------------------------------------------------------------------------------------------------------------

static bool allOnes(ArrayRef<AffineExpr> dims) {
  return llvm::all_of(dims, [](AffineExpr e) { return constantOf(e) == 1; });
}

// A gated product whose weight stays in rows, so that closed features are not read, instead of in panels.
static bool keepsRows(DsRewriter &r, MatmulOp op, AffineExpr rows, double minSparsity) {
  Value lhs = op.getLhs();
  while (auto reshape = lhs.getDefiningOp<ReshapeOp>())
    lhs = reshape.getInput();
  auto gate = lhs.getDefiningOp<GateOp>();
  if (!gate)
    return false;
  auto attr = gate->getAttrOfType<FloatAttr>("ds.sparsity");
  std::optional<int64_t> count = constantOf(rows);
  // A row of the weight stays unread if all rows close its feature; they do so independently.
  double sparsity = attr && count ? std::pow(attr.getValueAsDouble(), *count) : 0;
  int64_t bytes = op.getRhs().getType().getNumElements() * 4;
  std::string why;
  if (!attr)
    why = "how many features its gate closes is not known";
  else if (!count || *count > kMaxGatedRows)
    why = llvm::formatv("{0} rows; skipping pays up to {1}", count ? std::to_string(*count) : "any number of", kMaxGatedRows);
  else if (sparsity < minSparsity)
    why = llvm::formatv("its rows close {0:P0} of the features together, and skipping pays from {1:P0}", sparsity, minSparsity);
  else if (bytes < kMinGatedBytes)
    why = llvm::formatv("its weight of {0} bytes is too small", bytes);
  if (why.empty())
    remarkPassed(op.getLoc(), kPass, "gated", llvm::formatv("reads {0:P0} of its weight's rows", 1 - sparsity).str());
  else
    remarkMissed(op.getLoc(), kPass, "dense", "stays dense: " + why);
  return why.empty();
}

// B is one matrix: rows of all batches of A are one. ds.matmul -> ds.reshape, dsk.matmul, ds.reshape
static Value sharedMatmul(DsRewriter &r, MatmulOp op, WeightOnly &weightOnly, double minSparsity) {
  Value a = op.getLhs(), b = op.getRhs();
  Dims da = r.dims(a), db = r.dims(b);
  bool transposeA = op.getTransposeA();
  if (transposeA && da.size() > 2) {
    a = r.swapLast(a);
    std::swap(da[da.size() - 1], da[da.size() - 2]);
    transposeA = false;
  }
  if (da.size() != 2) {
    a = r.reshape(a, {product(ArrayRef(da).drop_back(), r.context()), da.back()});
    da = r.dims(a);
  }
  if (db.size() != 2)
    b = r.reshape(b, Dims(db.end() - 2, db.end()));
  bool transposeB = op.getTransposeB();
  auto matrix = cast<RankedTensorType>(b.getType());
  int64_t n = matrix.getDimSize(transposeB ? 0 : 1);
  AffineExpr rows = da[transposeA ? 1 : 0];
  bool pack = weightOnly(b) && matrix.hasStaticShape() && matrix.getNumElements() > 0, gated = pack && keepsRows(r, op, rows, minSparsity);
  pack &= !gated;
  if (gated && transposeB) {
    b = r.swapLast(b);
    transposeB = false;
  }
  if (pack) {
    if (transposeB)
      b = r.swapLast(b);
    b = packPanels(r, b);
    transposeB = false;
  }
  auto type = RankedTensorType::get({constantOf(rows).value_or(ShapedType::kDynamic), n}, r.b.getF32Type());
  return dsk::MatmulOp::create(r.b, type, a, b, pack ? r.b.getI64IntegerAttr(n) : IntegerAttr(), transposeA, transposeB, gated);
}

// The operand as [batch, rows, columns] of the result's batches, or of one that repeats.
static Value asBatch(DsRewriter &r, Value operand, ArrayRef<AffineExpr> batch) {
  Dims dims = r.dims(operand);
  Dims own(dims.begin(), dims.end() - 2), matrix(dims.end() - 2, dims.end());
  if (allOnes(own)) {
    matrix.insert(matrix.begin(), r.constant(1));
    return r.reshape(operand, matrix);
  }
  if (own != Dims(batch)) {
    Dims full(batch);
    full.append(matrix);
    operand = r.broadcast(operand, full);
  }
  matrix.insert(matrix.begin(), product(batch, r.context()));
  return r.reshape(operand, matrix);
}

static Value batchedMatmul(DsRewriter &r, MatmulOp op) {
  Dims out = r.dims(op.getResult());
  Dims batch(out.begin(), out.end() - 2);
  Value a = asBatch(r, op.getLhs(), batch), b = asBatch(r, op.getRhs(), batch);
  Dims result = {product(batch, r.context()), out[out.size() - 2], out.back()};
  auto type = RankedTensorType::get(shapeOf(result), r.b.getF32Type());
  return dsk::MatmulOp::create(r.b, type, a, b, IntegerAttr(), op.getTransposeA(), op.getTransposeB(), /*skip_zeros=*/false);
}

static bool selectMatmul(DsRewriter &r, MatmulOp op, WeightOnly &weightOnly, double minSparsity) {
  if (!op.getType().getElementType().isF32())
    return false;
  Dims db = r.dims(op.getRhs());
  bool shared = allOnes(ArrayRef(db).drop_back(2));
  Value product = shared ? sharedMatmul(r, op, weightOnly, minSparsity) : batchedMatmul(r, op);
  r.replace(op, r.reshape(product, r.dims(op.getResult())));
  return true;
}

//--- conv --------------------------------------------------------------------------------------------------------------

// A row of an image: axes and numbers of the missing height are 1 and 0.
static SmallVector<int64_t> planar(ArrayRef<int64_t> numbers, int64_t missing) {
  SmallVector<int64_t> result(numbers);
  for (size_t half = numbers.size() > 1 ? 2 : 1; half > 0; --half)
    result.insert(result.begin() + (half - 1) * (numbers.size() > 1), missing);
  return result;
}

// The filter [O, C / groups, kh, kw] as panels per group, or as [kh * kw, C] of a depthwise one.
static Value packFilter(DsRewriter &r, Value filter, int64_t groups, bool depthwise) {
  auto shape = cast<RankedTensorType>(filter.getType()).getShape();
  int64_t o = shape[0], c = shape[1], kh = shape[2], kw = shape[3];
  if (depthwise)
    return r.transpose(r.reshape(filter, {o, kh * kw}), {1, 0});
  Value split = r.transpose(r.reshape(filter, {groups, o / groups, c, kh, kw}), {0, 3, 4, 2, 1});
  return packPanels(r, r.reshape(split, {groups, kh * kw * c, o / groups}));
}

static bool selectConv(DsRewriter &r, ConvOp op) {
  auto filterType = op.getFilter().getType();
  int64_t rank = filterType.getRank();
  if (!op.getType().getElementType().isF32() || rank > 4 || !filterType.hasStaticShape())
    return false;
  Value input = op.getChannelsLast() ? op.getInput() : r.channelsLast(op.getInput());
  Value filter = op.getFilter();
  SmallVector<int64_t> strides(op.getStrides()), pads(op.getPads()), dilations(op.getDilations()), kernel(filterType.getShape().drop_front(2));
  if (rank == 3) {
    Dims dims = r.dims(input);
    input = r.reshape(input, {dims[0], r.constant(1), dims[1], dims[2]});
    filter = r.reshape(filter, {filterType.getDimSize(0), filterType.getDimSize(1), 1, kernel[0]});
    strides = planar(strides, 1);
    dilations = planar(dilations, 1);
    kernel = planar(kernel, 1);
    pads = planar(pads, 0);
  }
  int64_t o = filterType.getDimSize(0), groups = op.getGroups();
  bool depthwise = groups > 1 && groups == o && filterType.getDimSize(1) == 1;
  Value packed = packFilter(r, filter, groups, depthwise);
  Dims out = r.dims(op.getResult()); // channels last, with height
  if (!op.getChannelsLast())
    std::rotate(out.begin() + 1, out.begin() + 2, out.end());
  if (rank == 3)
    out.insert(out.begin() + 1, r.constant(1));
  out.back() = r.constant(o);
  auto type = RankedTensorType::get(shapeOf(out), r.b.getF32Type());
  Value result = depthwise ? dsk::DepthwiseConvOp::create(r.b, type, input, packed, kernel, strides, pads, dilations).getResult()
                           : dsk::ConvOp::create(r.b, type, input, packed, kernel, strides, pads, dilations, groups).getResult();
  if (rank == 3) {
    out.erase(out.begin() + 1);
    result = r.reshape(result, out);
  }
  r.replace(op, op.getChannelsLast() ? result : r.channelsFirst(result));
  return true;
}

static void selectConvTranspose(DsRewriter &r, ConvTransposeOp op, WeightOnly &weightOnly) {
  MatmulOp matmul = tileConvTranspose(r, op);
  if (!matmul)
    return;
  r.at(matmul);
  selectMatmul(r, matmul, weightOnly, 1);
}

// Ops whose results nothing needs. (They stay until sizes are no longer asked for: the table of sizes knows ops by address.)
static DenseSet<Operation *> unusedOps(func::FuncOp main) {
  DenseSet<Operation *> unused;
  for (Operation &op : llvm::reverse(main.getBody().front()))
    if (isMemoryEffectFree(&op) && !op.hasTrait<::mlir::OpTrait::IsTerminator>() &&
        llvm::all_of(op.getUsers(), [&](Operation *user) { return unused.contains(user); }))
      unused.insert(&op);
  return unused;
}

namespace {
struct SelectKernels : ds::impl::SelectKernelsBase<SelectKernels> {
  using SelectKernelsBase::SelectKernelsBase;
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    MainShapes shapes(main);
    DsRewriter r(main, shapes);
    WeightOnly weightOnly;
    splitMatmuls(r, main, weightOnly);
    DenseSet<Operation *> unused = unusedOps(main);
    for (Operation &op : llvm::make_early_inc_range(main.getBody().front())) {
      if (unused.contains(&op) || r.isReplaced(&op))
        continue;
      r.at(&op);
      if (auto matmul = dyn_cast<MatmulOp>(op))
        selectMatmul(r, matmul, weightOnly, minGatedSparsity);
      else if (auto conv = dyn_cast<ConvOp>(op))
        selectConv(r, conv);
      else if (auto experts = dyn_cast<ExpertsOp>(op))
        selectExperts(r, experts);
      else if (auto transposed = dyn_cast<ConvTransposeOp>(op))
        selectConvTranspose(r, transposed, weightOnly);
      else if (auto resize = dyn_cast<ResizeOp>(op))
        repeatNearest(r, resize);
      else if (!normaliseAxes(r, &op))
        sinkReshape(r, &op);
    }
    r.finish();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};
} // namespace
