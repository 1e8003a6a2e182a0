// Matrix products, convolutions, pooling.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A vector operand gets an axis of size 1 that the result loses again.
LogicalResult importMatMul(Node &n) {
  Value a = n.in(0), b = n.in(1);
  if (n.isFailed)
    return failure();
  bool rowVector = n.rank(a) == 1, columnVector = n.rank(b) == 1;
  if (n.rank(a) == 0 || n.rank(b) == 0)
    return n.error() << "an operand is a scalar";
  if (rowVector)
    a = n.reshape(a, {n.shapes.constant(1), n.dim(a, 0)});
  if (columnVector)
    b = n.reshape(b, {n.dim(b, 0), n.shapes.constant(1)});
  Value product = n.same<MatmulOp>(a, b, UnitAttr(), UnitAttr());
  Dims d = n.dims(product);
  if (n.isFailed)
    return failure();
  if (columnVector)
    d.pop_back();
  if (rowVector)
    d.erase(d.end() - (columnVector ? 1 : 2));
  return n.result(n.reshape(product, d));
}

LogicalResult importGemm(Node &n) {
  auto flag = [&](StringRef name) { return n.i(name, 0) ? n.b.getUnitAttr() : UnitAttr(); };
  Type type = n.elementType(0);
  Value y = n.same<MatmulOp>(n.in(0), n.in(1), flag("transA"), flag("transB"));
  if (double alpha = n.f("alpha", 1); alpha != 1)
    y = n.same<MulOp>(y, n.scalar(type, alpha));
  if (n.has(2)) {
    Value c = n.in(2);
    if (double beta = n.f("beta", 1); beta != 1)
      c = n.same<MulOp>(c, n.scalar(type, beta));
    y = n.same<AddOp>(y, c);
  }
  return n.result(y);
}

// Attributes that all windowed operators have, made complete.
struct Window {
  SmallVector<int64_t> kernel, strides, pads, dilations;
};

// Pads that make the result size ceil(size / stride); they need the size.
LogicalResult autoPads(Node &n, Value x, bool upper, Window &w) {
  size_t spatial = w.kernel.size();
  for (size_t i = 0; i < spatial; ++i) {
    auto size = constantOf(n.dim(x, i + 2));
    int64_t window = (w.kernel[i] - 1) * w.dilations[i] + 1;
    if (!size && w.strides[i] != 1)
      return n.unsupported("auto_pad SAME with a stride over a symbolic size; freeze it with --dim");
    int64_t outputs = size ? (*size + w.strides[i] - 1) / w.strides[i] : 0;
    int64_t total = size ? std::max<int64_t>(0, (outputs - 1) * w.strides[i] + window - *size) : window - 1;
    w.pads[i] = upper ? total / 2 : total - total / 2;
    w.pads[i + spatial] = total - w.pads[i];
  }
  return success();
}

FailureOr<Window> windowOf(Node &n, Value x, SmallVector<int64_t> kernel) {
  size_t spatial = kernel.size();
  Window w{kernel, n.ints("strides"), n.ints("pads"), n.ints("dilations")};
  if (w.strides.empty())
    w.strides.assign(spatial, 1);
  if (w.pads.empty())
    w.pads.assign(2 * spatial, 0);
  if (w.dilations.empty())
    w.dilations.assign(spatial, 1);
  auto fits = [](int64_t v) { return v > 0 && v <= INT32_MAX; };
  if (n.rank(x) != static_cast<int64_t>(spatial) + 2 || w.strides.size() != spatial || w.pads.size() != 2 * spatial ||
      w.dilations.size() != spatial || !llvm::all_of(kernel, fits) || !llvm::all_of(w.strides, fits) || !llvm::all_of(w.dilations, fits))
    return n.error() << "kernel, strides, pads or dilations do not fit an operand of rank " << n.rank(x);
  std::string mode = n.s("auto_pad", "NOTSET");
  if (mode == "VALID")
    w.pads.assign(2 * spatial, 0);
  if ((mode == "SAME_UPPER" || mode == "SAME_LOWER") && failed(autoPads(n, x, mode == "SAME_UPPER", w)))
    return failure();
  return w;
}

// The kernel's sizes, from the filter [O, C, kernel...].
FailureOr<SmallVector<int64_t>> kernelOf(Node &n, Value filter) {
  SmallVector<int64_t> kernel;
  for (AffineExpr dim : llvm::drop_begin(n.dims(filter), std::min<size_t>(2, n.rank(filter)))) {
    if (!constantOf(dim))
      return n.unsupported("a filter whose size is not known");
    kernel.push_back(*constantOf(dim));
  }
  return kernel;
}

Value addBias(Node &n, Value y, unsigned input) {
  return n.has(input) ? n.same<AddOp>(y, n.unsqueezeTo(n.in(input), 0, n.rank(y) - 1)) : y;
}

LogicalResult importConv(Node &n) {
  Value y = convolve(n, n.in(0), n.in(1));
  return y ? n.result(addBias(n, y, 2)) : failure();
}

// Pads from an output_shape or auto_pad: pads = stride * (in - 1) + output_padding + window - out.
LogicalResult transposedPads(Node &n, Value x, MutableArrayRef<int64_t> outputPadding, Window &w) {
  SmallVector<int64_t> shape = n.ints("output_shape");
  std::string mode = n.s("auto_pad", "NOTSET");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  size_t spatial = w.kernel.size();
  if (mode == "VALID")
    w.pads.assign(2 * spatial, 0);
  if (shape.empty() && !same)
    return success();
  if (shape.size() == spatial + 2)
    shape.erase(shape.begin(), shape.begin() + 2);
  if (!shape.empty() && shape.size() != spatial)
    return n.error() << "output_shape has " << shape.size() << " sizes";
  for (size_t i = 0; i < spatial; ++i) {
    auto size = constantOf(n.dim(x, i + 2));
    if (!size)
      return n.unsupported("output_shape or auto_pad over a symbolic size; freeze it with --dim");
    int64_t out = shape.empty() ? *size * w.strides[i] : shape[i];
    int64_t total = w.strides[i] * (*size - 1) + outputPadding[i] + (w.kernel[i] - 1) * w.dilations[i] + 1 - out;
    // A result larger than the input reaches is padded at its end.
    outputPadding[i] += std::max<int64_t>(-total, 0);
    total = std::max<int64_t>(total, 0);
    w.pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    w.pads[i + spatial] = total - w.pads[i];
  }
  return success();
}

LogicalResult importConvTranspose(Node &n) {
  Value x = n.in(0), filter = n.in(1);
  auto kernel = kernelOf(n, filter);
  if (failed(kernel))
    return failure();
  Window w{*kernel, n.ints("strides"), n.ints("pads"), n.ints("dilations")};
  size_t spatial = kernel->size();
  SmallVector<int64_t> outputPadding = n.ints("output_padding");
  auto complete = [](SmallVector<int64_t> &list, size_t size, int64_t value) {
    if (list.empty())
      list.assign(size, value);
    return list.size() == size;
  };
  if (n.rank(x) != static_cast<int64_t>(spatial) + 2 || !complete(w.strides, spatial, 1) || !complete(w.pads, 2 * spatial, 0) ||
      !complete(w.dilations, spatial, 1) || !complete(outputPadding, spatial, 0))
    return n.error() << "strides, pads, dilations or output_padding do not fit an operand of rank " << n.rank(x);
  if (failed(transposedPads(n, x, outputPadding, w)))
    return failure();
  Value y = n.same<ConvTransposeOp>(x, filter, w.strides, w.pads, w.dilations, outputPadding, n.i("group", 1), false);
  return n.result(addBias(n, y, 2));
}

Value pool(Node &n, PoolKind kind, Value x, const Window &w) {
  auto flag = [&](StringRef name) { return n.i(name, 0) ? n.b.getUnitAttr() : UnitAttr(); };
  auto op = n.makeOp<PoolOp>(getElementTypeOrSelf(x.getType()), x, PoolKindAttr::get(n.ctx(), kind), n.b.getDenseI64ArrayAttr(w.kernel),
                             n.b.getDenseI64ArrayAttr(w.strides), n.b.getDenseI64ArrayAttr(w.pads), n.b.getDenseI64ArrayAttr(w.dilations),
                             flag("ceil_mode"), flag("count_include_pad"), n.b.getI64IntegerAttr(n.i("p", 2)), UnitAttr());
  return op ? op.getResult() : Value();
}

template <PoolKind kind>
LogicalResult importPool(Node &n) {
  Value x = n.in(0);
  auto w = windowOf(n, x, n.ints("kernel_shape"));
  if (failed(w))
    return failure();
  if (n.wants(1))
    return n.unsupported("MaxPool with an output of indices");
  return n.result(pool(n, kind, x, *w));
}

SmallVector<int64_t> spatialAxes(Node &n, Value x) { return llvm::to_vector(llvm::seq<int64_t>(2, std::max<int64_t>(2, n.rank(x)))); }

LogicalResult importGlobalAveragePool(Node &n) {
  Value x = n.in(0);
  return n.result(n.mean(x, spatialAxes(n, x), true));
}
LogicalResult importGlobalMaxPool(Node &n) {
  Value x = n.in(0);
  return n.result(n.reduce(ReduceKind::max, x, spatialAxes(n, x), true));
}
LogicalResult importGlobalLpPool(Node &n) {
  Value x = n.in(0);
  Type type = n.elementType(0);
  Value p = n.scalar(type, n.i("p", 2)), sum = n.reduce(ReduceKind::sum, n.same<PowOp>(n.same<AbsOp>(x), p), spatialAxes(n, x), true);
  return n.result(n.same<PowOp>(sum, n.scalar(type, 1.0 / n.i("p", 2))));
}

// Zero points are taken off before padding, which so is with them.
LogicalResult importConvInteger(Node &n) {
  Value x = n.cast_(n.in(0), n.b.getI32Type()), w = n.cast_(n.in(1), n.b.getI32Type());
  if (n.has(2))
    x = n.same<SubOp>(x, n.cast_(n.reshape(n.in(2), {}), n.b.getI32Type()));
  if (n.has(3)) {
    Value zero = n.cast_(n.in(3), n.b.getI32Type());
    w = n.same<SubOp>(w, n.rank(zero) == 1 ? n.unsqueezeTo(zero, 0, n.rank(w)) : zero);
  }
  return n.result(convolve(n, x, w));
}

const OpEntry kOps[] = {
    {"AveragePool", 1, importPool<PoolKind::avg>},
    {"Conv", 1, importConv},
    {"ConvInteger", 10, importConvInteger},
    {"ConvTranspose", 1, importConvTranspose},
    {"Gemm", 1, importGemm},
    {"GlobalAveragePool", 1, importGlobalAveragePool},
    {"GlobalLpPool", 1, importGlobalLpPool},
    {"GlobalMaxPool", 1, importGlobalMaxPool},
    {"LpPool", 1, importPool<PoolKind::lp>},
    {"MatMul", 1, importMatMul},
    {"MaxPool", 1, importPool<PoolKind::max>},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::linearOps() { return kOps; }

Value mlir::ds::convolve(Node &n, Value x, Value filter) {
  auto kernel = kernelOf(n, filter);
  auto w = failed(kernel) ? FailureOr<Window>(failure()) : windowOf(n, x, *kernel);
  if (failed(w))
    return {};
  // The dialect's pads are not negative; cropping first is the same.
  if (llvm::any_of(w->pads, [](int64_t p) { return p < 0; }))
    return (void)n.unsupported("negative pads"), Value();
  return n.same<ConvOp>(x, filter, w->strides, w->pads, w->dilations, n.i("group", 1), false);
}
