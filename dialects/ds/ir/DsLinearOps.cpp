// Rules of matrix products and windowed ops.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult MatmulOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims a = shapes.dims(getLhs()), b = shapes.dims(getRhs());
  if (a.size() < 2 || b.size() < 2)
    return emitOpError("C1: ranks ") << a.size() << " and " << b.size() << ", both must be at least 2";
  if (getTransposeA())
    std::swap(a[a.size() - 1], a[a.size() - 2]);
  if (getTransposeB())
    std::swap(b[b.size() - 1], b[b.size() - 2]);
  if (failed(checkEqual(*this, a.back(), b[b.size() - 2], "C2: inner sizes")))
    return failure();
  FailureOr<Dims> dims = broadcastDims(*this, shapes, {Dims(ArrayRef(a).drop_back(2)), Dims(ArrayRef(b).drop_back(2))}, "C3");
  if (failed(dims))
    return failure();
  dims->push_back(a[a.size() - 2]);
  dims->push_back(b.back());
  results.push_back(std::move(*dims));
  return success();
}

namespace {
// A windowed op's operand seen as batch, channels and spatial sizes, whatever its layout.
struct Image {
  Image(Dims dims, bool channelsLast) : channelsLast(channelsLast) {
    batch = dims.front();
    channels = channelsLast ? dims.back() : dims[1];
    spatial.append(dims.begin() + (channelsLast ? 1 : 2), dims.end() - (channelsLast ? 1 : 0));
  }
  Dims dims() const {
    Dims result{batch};
    if (!channelsLast)
      result.push_back(channels);
    result.append(spatial);
    if (channelsLast)
      result.push_back(channels);
    return result;
  }
  bool channelsLast;
  AffineExpr batch, channels;
  Dims spatial;
};
} // namespace

static LogicalResult checkCounts(Operation *op, StringRef label, size_t spatial, ArrayRef<int64_t> strides,
                                 ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads) {
  auto positive = [](int64_t v) { return v > 0; };
  if (strides.size() != spatial || dilations.size() != spatial || pads.size() != 2 * spatial ||
      !llvm::all_of(strides, positive) || !llvm::all_of(dilations, positive) ||
      llvm::any_of(pads, [](int64_t v) { return v < 0 || v > INT32_MAX; }))
    return op->emitOpError() << label << ": strides, dilations or pads do not fit " << spatial << " spatial axes";
  return success();
}

static LogicalResult checkGroups(Operation *op, int64_t groups) {
  if (groups <= 0)
    return op->emitOpError("C3: groups is ") << groups << ", it must be positive";
  return success();
}

// floor or ceil of (size + pads - window) / stride, plus 1. With `ceil`, a window that would start in the high padding is dropped.
static FailureOr<AffineExpr> windows(Operation *op, AffineExpr size, int64_t low, int64_t high, int64_t kernel, int64_t dilation,
                                     int64_t stride, bool ceil) {
  int64_t window;
  if (llvm::MulOverflow(kernel - 1, dilation, window))
    return op->emitOpError("the dilated kernel overflows 64 bits");
  AffineExpr span = size + (low + high - window - 1);
  auto known = constantOf(size);
  if (!known) {
    // Rounded up, the last window starts inside of the input if windows overlap the high padding by a stride; else it is dropped.
    bool mayDrop = ceil && high - window - 1 > -stride;
    return mayDrop ? (size + low).ceilDiv(stride) : (ceil ? span.ceilDiv(stride) : span.floorDiv(stride)) + 1;
  }
  int64_t room = *known + low + high - window - 1;
  if (room < 0 && !ceil)
    return op->emitOpError("C4: the kernel (dilated size ") << window + 1 << ") does not fit into size " << *known << " padded by " << low + high;
  int64_t count = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (count - 1) * stride >= *known + low)
    --count;
  return getAffineConstantExpr(count, op->getContext());
}

LogicalResult ConvOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), filter = shapes.dims(getFilter());
  if (input.size() != filter.size() || input.size() < 3)
    return emitOpError("C1: ranks ") << input.size() << " and " << filter.size() << " of input and filter";
  if (failed(checkCounts(*this, "C2", input.size() - 2, getStrides(), getDilations(), getPads())))
    return failure();
  Image image(input, getChannelsLast());
  int64_t groups = getGroups();
  if (failed(checkGroups(*this, groups)) ||
      failed(checkEqual(*this, image.channels, filter[1] * groups, "C3: input channels and groups * filter channels")))
    return failure();
  if (auto o = constantOf(filter[0]); o && *o % groups)
    return emitOpError("C3: ") << *o << " filters in " << groups << " groups";
  image.channels = filter[0];
  for (auto [i, dim] : llvm::enumerate(image.spatial)) {
    auto kernel = constantOf(filter[i + 2]);
    if (!kernel) {
      dim = shapes.unknown(*this, i);
      continue;
    }
    auto size = windows(*this, dim, getPads()[i], getPads()[i + image.spatial.size()], *kernel, getDilations()[i], getStrides()[i], false);
    if (failed(size))
      return failure();
    dim = *size;
  }
  results.push_back(image.dims());
  return success();
}

LogicalResult ConvTransposeOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), filter = shapes.dims(getFilter());
  if (input.size() != filter.size() || input.size() < 3)
    return emitOpError("C1: ranks ") << input.size() << " and " << filter.size() << " of input and filter";
  if (failed(checkCounts(*this, "C2", input.size() - 2, getStrides(), getDilations(), getPads())))
    return failure();
  if (getOutputPadding().size() != input.size() - 2)
    return emitOpError("C2: one output padding per spatial axis");
  Image image(input, getChannelsLast());
  if (failed(checkGroups(*this, getGroups())) ||
      failed(checkEqual(*this, image.channels, filter[0], "C3: channels of input and filter")))
    return failure();
  image.channels = filter[1] * static_cast<int64_t>(getGroups());
  for (auto [i, dim] : llvm::enumerate(image.spatial)) {
    AffineExpr kernel = filter[i + 2];
    int64_t pads = getPads()[i] + getPads()[i + image.spatial.size()];
    dim = (dim - 1) * getStrides()[i] + (kernel - 1) * getDilations()[i] + (1 - pads + getOutputPadding()[i]);
  }
  results.push_back(image.dims());
  return success();
}

LogicalResult PoolOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  if (input.size() < 3)
    return emitOpError("C1: rank ") << input.size() << " is below 3";
  Image image(input, getChannelsLast());
  if (getKernel().size() != image.spatial.size() || llvm::any_of(getKernel(), [](int64_t k) { return k <= 0; }))
    return emitOpError("C2: the kernel does not fit ") << image.spatial.size() << " spatial axes";
  if (failed(checkCounts(*this, "C2", image.spatial.size(), getStrides(), getDilations(), getPads())))
    return failure();
  for (auto [i, dim] : llvm::enumerate(image.spatial)) {
    auto size = windows(*this, dim, getPads()[i], getPads()[i + image.spatial.size()], getKernel()[i], getDilations()[i],
                        getStrides()[i], getCeilMode());
    if (failed(size))
      return failure();
    dim = *size;
  }
  results.push_back(image.dims());
  return success();
}
