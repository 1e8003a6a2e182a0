// Quantised operators as the arithmetic they stand for; passes/quantization finds it again.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A scale or zero point as it broadcasts to rank `rank`: one for all, one per index of an axis, or one per block of it.
Value spread(Node &n, Value v, Value like, int64_t axis, int64_t block) {
  int64_t rank = n.rank(like);
  if (!v || n.rank(v) == 0)
    return v;
  if (n.rank(v) == 1 && constantOf(n.dim(v, 0)) == 1 && rank != 1)
    return n.reshape(v, {});
  if (n.rank(v) == 1)
    return n.unsqueezeTo(v, 0, rank - axis);
  if (block <= 0)
    return v;
  // [.., k, ..] -> [.., k, 1, ..] -> [.., k, block, ..] -> [.., k * block, ..], cut to the axis.
  Dims split = n.dims(v);
  if (static_cast<int64_t>(split.size()) != rank)
    return v;
  Dims merged = split, repeated = split;
  merged[axis] = split[axis] * block;
  split.insert(split.begin() + axis + 1, n.shapes.constant(1));
  repeated.insert(repeated.begin() + axis + 1, n.shapes.constant(block));
  Value blocks = n.reshape(n.broadcast(n.reshape(v, split), repeated), merged);
  return n.sliceAxis(blocks, axis, n.shapes.constant(0), n.dim(like, axis));
}

struct Range {
  double low, high;
};
std::optional<Range> rangeOf(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() > 16)
    return std::nullopt;
  unsigned width = integer.getWidth();
  return integer.isUnsigned() ? Range{0, std::ldexp(1.0, width) - 1} : Range{-std::ldexp(1.0, width - 1), std::ldexp(1.0, width - 1) - 1};
}

FailureOr<int64_t> quantAxis(Node &n, Value x, Value scale) {
  if (n.rank(scale) == 0 || n.rank(x) == 0)
    return 0;
  if (n.rank(scale) == 1 && constantOf(n.dim(scale, 0)) == 1)
    return 0;
  return n.axis(n.i("axis", 1), n.rank(x));
}

// clamp(round(x / scale) + zero point) in the integer type.
Value quantized(Node &n, Value x, Value scale, Value zero, Type type) {
  auto range = rangeOf(type);
  if (!range)
    return (void)n.unsupported("quantization to this element type"), Value();
  Value y = n.same<RoundOp>(n.same<DivOp>(x, n.cast_(scale, n.f32())));
  if (zero)
    y = n.same<AddOp>(y, n.cast_(zero, n.f32()));
  Value low = n.scalar(n.f32(), range->low), high = n.scalar(n.f32(), range->high);
  return n.cast_(n.same<MinOp>(n.same<MaxOp>(y, low), high), type);
}

LogicalResult importQuantize(Node &n) {
  Value x = n.cast_(n.in(0), n.f32()), scale = n.in(1), zero = n.has(2) ? n.in(2) : Value();
  auto axis = quantAxis(n, x, scale);
  if (failed(axis) || n.isFailed)
    return failure();
  Type type = n.has(2) ? n.elementType(2) : n.b.getIntegerType(8, false);
  if (!n.has(2) && n.i("output_dtype", 0)) {
    type = elementTypeOf(static_cast<int>(n.i("output_dtype", 0)), n.ctx());
    if (!type)
      return n.unsupported("QuantizeLinear to ONNX element type " + Twine(n.i("output_dtype", 0)));
  }
  int64_t block = n.i("block_size", 0);
  return n.result(quantized(n, x, spread(n, scale, x, *axis, block), spread(n, zero, x, *axis, block), type));
}

// (x - zero point) * scale, in the type of the scale.
LogicalResult importDequantize(Node &n) {
  Value x = n.in(0), scale = n.in(1), zero = n.has(2) ? n.in(2) : Value();
  auto axis = quantAxis(n, x, scale);
  if (failed(axis) || n.isFailed)
    return failure();
  int64_t block = n.i("block_size", 0);
  Type type = n.hasAttr("output_dtype") && n.i("output_dtype", 0) ? elementTypeOf(static_cast<int>(n.i("output_dtype", 0)), n.ctx())
                                                                  : n.elementType(1);
  if (!type)
    return n.unsupported("DequantizeLinear to ONNX element type " + Twine(n.i("output_dtype", 0)));
  Value wide = n.cast_(x, n.f32());
  if (zero)
    wide = n.same<SubOp>(wide, n.cast_(spread(n, zero, x, *axis, block), n.f32()));
  Value scaled = n.same<MulOp>(wide, n.cast_(spread(n, scale, x, *axis, block), n.f32()));
  return n.result(n.cast_(scaled, type));
}

// scale = (max - min) / 255 with 0 inside the range; zero point = round(-min / scale).
LogicalResult importDynamicQuantize(Node &n) {
  Value x = n.in(0);
  Type f32 = n.f32(), ui8 = n.b.getIntegerType(8, false);
  auto all = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(x)));
  Value nought = n.scalar(f32, 0), top = n.scalar(f32, 255);
  Value max = n.same<MaxOp>(n.reduce(ReduceKind::max, x, all, false), nought);
  Value min = n.same<MinOp>(n.reduce(ReduceKind::min, x, all, false), nought);
  Value scale = n.same<DivOp>(n.same<SubOp>(max, min), top);
  Value place = n.same<RoundOp>(n.same<DivOp>(n.same<NegOp>(min), scale));
  Value zero = n.cast_(n.same<MinOp>(n.same<MaxOp>(place, nought), top), ui8);
  Value y = quantized(n, x, scale, zero, ui8);
  return failure(failed(n.result(y, 0)) || failed(n.result(scale, 1)) || failed(n.result(zero, 2)));
}

// An integer operand minus its zero point, as i32. A zero point per row belongs to the first of two matrix axes.
Value centred(Node &n, unsigned operand, unsigned zero, bool perRow) {
  Value x = n.cast_(n.in(operand), n.b.getI32Type());
  if (!n.has(zero))
    return x;
  Value z = n.cast_(n.in(zero), n.b.getI32Type());
  if (perRow && n.rank(z) == 1 && constantOf(n.dim(z, 0)) != 1)
    z = n.unsqueezeTo(z, 0, 2);
  else if (n.rank(z) == 1 && constantOf(n.dim(z, 0)) == 1)
    z = n.reshape(z, {});
  return n.same<SubOp>(x, z);
}
LogicalResult importMatMulInteger(Node &n) {
  return n.result(n.same<MatmulOp>(centred(n, 0, 2, true), centred(n, 1, 3, false), UnitAttr(), UnitAttr()));
}

// Operands x, x scale, x zero, w, w scale, w zero, result scale, result zero: dequantised, multiplied, quantised.
LogicalResult importQLinearMatMul(Node &n) {
  auto real = [&](unsigned i, bool perRow) {
    Value x = n.cast_(n.in(i), n.f32()), scale = n.cast_(n.in(i + 1), n.f32()), zero = n.cast_(n.in(i + 2), n.f32());
    auto place = [&](Value v) {
      if (n.rank(v) == 1 && constantOf(n.dim(v, 0)) == 1)
        return n.reshape(v, {});
      return perRow && n.rank(v) == 1 ? n.unsqueezeTo(v, 0, 2) : v;
    };
    return n.same<MulOp>(n.same<SubOp>(x, place(zero)), place(scale));
  };
  Value product = n.same<MatmulOp>(real(0, true), real(3, false), UnitAttr(), UnitAttr());
  return n.result(quantized(n, product, n.in(6), n.in(7), n.elementType(7)));
}

// Operands x, x scale, x zero, w, w scale, w zero, y scale, y zero, bias in units of both scales.
LogicalResult importQLinearConv(Node &n) {
  Value w = n.cast_(n.in(3), n.f32());
  int64_t rank = n.rank(w);
  auto perFilter = [&](Value v) {
    if (n.rank(v) == 1 && constantOf(n.dim(v, 0)) == 1)
      return n.reshape(v, {});
    return n.rank(v) == 1 ? n.unsqueezeTo(v, 0, rank) : v;
  };
  Value x = n.same<SubOp>(n.cast_(n.in(0), n.f32()), n.cast_(n.reshape(n.in(2), {}), n.f32()));
  w = n.same<SubOp>(w, n.cast_(perFilter(n.in(5)), n.f32()));
  Value y = convolve(n, x, w);
  if (n.has(8))
    y = n.same<AddOp>(y, n.unsqueezeTo(n.cast_(n.in(8), n.f32()), 0, rank - 1));
  Value scale = n.in(4);
  if (n.rank(scale) == 1)
    scale = constantOf(n.dim(scale, 0)) == 1 ? n.reshape(scale, {}) : n.unsqueezeTo(scale, 0, rank - 1);
  y = n.same<MulOp>(y, n.same<MulOp>(n.reshape(n.in(1), {}), scale));
  return n.result(quantized(n, y, n.reshape(n.in(6), {}), n.reshape(n.in(7), {}), n.elementType(7)));
}

const OpEntry kOps[] = {
    {"DequantizeLinear", 10, importDequantize},
    {"DynamicQuantizeLinear", 11, importDynamicQuantize},
    {"MatMulInteger", 10, importMatMulInteger},
    {"QLinearConv", 10, importQLinearConv},
    {"QLinearMatMul", 10, importQLinearMatMul},
    {"QuantizeLinear", 10, importQuantize},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::quantOps() { return kOps; }
