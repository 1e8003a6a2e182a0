// Resampling.
#include "lib/importer/Node.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;

namespace {
struct Resampling {
  ResizeMode mode = ResizeMode::nearest;
  Coordinates coordinates = Coordinates::asymmetric;
  NearestMode nearest = NearestMode::floor;
};

// floor(size * scale); exact in affine form where the scale is a fraction with a small power of two below.
AffineExpr scaledSize(Node &n, AffineExpr size, double scale) {
  if (auto c = constantOf(size))
    return n.shapes.constant(static_cast<int64_t>(std::floor(static_cast<double>(*c) * scale)));
  for (int64_t below : {1, 2, 4, 8, 16})
    if (double above = scale * below; above == std::floor(above) && above < 1e6)
      return (size * static_cast<int64_t>(above)).floorDiv(below);
  Type f64 = n.b.getF64Type();
  // The cast goes towards zero, which is down: neither is negative.
  return n.sizeOf(n.cast_(n.same<MulOp>(n.sizeTensor(size, f64), n.scalar(f64, scale)), n.i64()), true);
}

Value resize(Node &n, Value x, ArrayRef<AffineExpr> sizes, ArrayRef<double> scales, Resampling how) {
  if (!x)
    return {};
  auto [dynamic, statics] = n.shapes.split(sizes, n.loc);
  auto op = n.makeOp<ResizeOp>(getElementTypeOrSelf(x.getType()), how.mode, x, dynamic, statics, scales, how.coordinates, how.nearest,
                               APFloat(n.f("cubic_coeff_a", -0.75)), n.i("exclude_outside", 0) != 0);
  return op ? op.getResult() : Value();
}

LogicalResult byScales(Node &n, ArrayRef<double> scales, ArrayRef<int64_t> axes, Resampling how) {
  Value x = n.in(0);
  Dims sizes = n.dims(x);
  SmallVector<double> all(sizes.size(), 1.0);
  if (scales.size() != axes.size())
    return n.error() << scales.size() << " scales for " << axes.size() << " axes";
  for (auto [axis, scale] : llvm::zip_equal(axes, scales)) {
    if (!(scale > 0 && scale < 1e6))
      return n.error() << "scale " << scale << " is not positive";
    sizes[axis] = scaledSize(n, sizes[axis], scale);
    all[axis] = scale;
  }
  return n.result(resize(n, x, sizes, all, how));
}

// keep_aspect_ratio_policy: one scale for all axes, sizes rounded.
LogicalResult keepAspect(Node &n, ArrayRef<AffineExpr> from, ArrayRef<int64_t> axes, SmallVector<AffineExpr> &sizes, SmallVector<double> &scales) {
  std::string policy = n.s("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch")
    return success();
  std::optional<double> scale;
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    auto a = constantOf(from[axis]), b = constantOf(size);
    if (!a || !b || *a == 0)
      return n.unsupported("keep_aspect_ratio_policy over symbolic sizes; freeze them with --dim");
    double s = static_cast<double>(*b) / static_cast<double>(*a);
    scale = !scale ? s : policy == "not_larger" ? std::min(*scale, s) : std::max(*scale, s);
  }
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    size = n.shapes.constant(static_cast<int64_t>(std::round(*scale * static_cast<double>(*constantOf(from[axis])))));
    scales[axis] = *scale;
  }
  return success();
}

LogicalResult bySizes(Node &n, SmallVector<AffineExpr> sizes, ArrayRef<int64_t> axes, Resampling how) {
  Value x = n.in(0);
  Dims from = n.dims(x), to = from;
  if (sizes.size() != axes.size())
    return n.error() << sizes.size() << " sizes for " << axes.size() << " axes";
  SmallVector<double> scales(from.size(), 1.0);
  bool stretch = n.s("keep_aspect_ratio_policy", "stretch") == "stretch";
  if (failed(keepAspect(n, from, axes, sizes, scales)))
    return failure();
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    to[axis] = size;
    if (!stretch)
      continue;
    auto a = constantOf(from[axis]), b = constantOf(size);
    AffineExpr ratio = n.shapes.quotient(size, from[axis]);
    if (a && b)
      scales[axis] = *a ? static_cast<double>(*b) / static_cast<double>(*a) : 1.0;
    else
      scales[axis] = ratio && constantOf(ratio) ? static_cast<double>(*constantOf(ratio)) : 0.0;
  }
  return n.result(resize(n, x, to, scales, how));
}

LogicalResult readMode(Node &n, Resampling &how) {
  auto mode = llvm::StringSwitch<std::optional<ResizeMode>>(n.s("mode", "nearest"))
                  .Case("nearest", ResizeMode::nearest)
                  .Cases({"linear", "bilinear"}, ResizeMode::linear)
                  .Case("cubic", ResizeMode::cubic)
                  .Default(std::nullopt);
  if (!mode)
    return n.unsupported("resize mode " + n.s("mode", ""));
  how.mode = *mode;
  return success();
}

LogicalResult importUpsample(Node &n) {
  Resampling how;
  auto scales = n.hasAttr("scales") ? std::optional(n.floats("scales")) : n.constFloats(1);
  if (!scales)
    return n.unsupported("scales that are not constant");
  if (failed(readMode(n, how)))
    return failure();
  return byScales(n, *scales, llvm::to_vector(llvm::seq<int64_t>(0, n.rank(n.in(0)))), how);
}

LogicalResult importResize(Node &n) {
  Resampling how;
  auto coordinates = symbolizeCoordinates(n.s("coordinate_transformation_mode", "half_pixel"));
  auto nearest = symbolizeNearestMode(n.s("nearest_mode", "round_prefer_floor"));
  if (!coordinates || *coordinates == Coordinates::tf_crop_and_resize || !nearest)
    return n.unsupported("coordinate_transformation_mode " + n.s("coordinate_transformation_mode", "half_pixel"));
  if (n.i("antialias", 0))
    return n.unsupported("Resize with antialias");
  how.coordinates = *coordinates;
  how.nearest = *nearest;
  if (failed(readMode(n, how)))
    return failure();
  int64_t rank = n.rank(n.in(0));
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (n.hasAttr("axes")) {
    auto given = n.axes(n.ints("axes"), rank);
    if (failed(given))
      return failure();
    axes = *given;
  }
  if (n.has(3)) {
    auto sizes = n.sizes(3);
    return failed(sizes) ? failure() : bySizes(n, *sizes, axes, how);
  }
  auto scales = n.constFloats(2);
  return scales ? byScales(n, *scales, axes, how) : n.unsupported("scales that are not constant");
}

const OpEntry kOps[] = {
    {"Resize", 10, importUpsample},
    {"Resize", 11, importResize},
    {"Upsample", 7, importUpsample},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::imageOps() { return kOps; }
