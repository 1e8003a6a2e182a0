// What importers of operators build most often.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

AffineExpr Node::dim(Value v, int64_t axis) {
  Dims d = dims(v);
  return axis >= 0 && axis < static_cast<int64_t>(d.size()) ? d[axis] : shapes.constant(1);
}

FailureOr<int64_t> Node::axis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  return error() << "axis " << axis << " is out of range for rank " << rank;
}

FailureOr<SmallVector<int64_t>> Node::axes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t a : axes) {
    FailureOr<int64_t> positive = axis(a, rank);
    if (failed(positive))
      return failure();
    if (llvm::is_contained(result, *positive))
      return error() << "axis " << a << " is given twice";
    result.push_back(*positive);
  }
  return result;
}

Value Node::cast_(Value v, Type elementType) {
  return !v || getElementTypeOrSelf(v.getType()) == elementType ? v : make<CastOp>(elementType, v);
}

Value Node::constant(DenseElementsAttr attr) {
  return make<ConstantOp>(attr.getElementType(), attr);
}

Value Node::scalar(Type elementType, double value) {
  auto type = RankedTensorType::get({}, elementType);
  if (auto f = dyn_cast<FloatType>(elementType)) {
    APFloat x(value);
    bool lossy;
    x.convert(f.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lossy);
    return constant(DenseElementsAttr::get(type, x));
  }
  return constant(DenseElementsAttr::get(
      type, APInt(elementType.getIntOrFloatBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(value)), false, true)));
}

Value Node::ints1d(ArrayRef<int64_t> values) {
  return constant(DenseElementsAttr::get(RankedTensorType::get(values.size(), i64()), values));
}

Value Node::reshape(Value v, ArrayRef<AffineExpr> sizes) {
  if (!v || ArrayRef(dims(v)) == sizes)
    return v;
  auto [dynamic, statics] = shapes.split(sizes, loc);
  return same<ReshapeOp>(v, dynamic, statics);
}

Value Node::broadcast(Value v, ArrayRef<AffineExpr> sizes) {
  if (!v || ArrayRef(dims(v)) == sizes)
    return v;
  auto [dynamic, statics] = shapes.split(sizes, loc);
  return same<BroadcastOp>(v, dynamic, statics);
}

Value Node::transpose(Value v, ArrayRef<int64_t> permutation) {
  if (!v || llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return v;
  return same<TransposeOp>(v, permutation);
}

Value Node::slice(Value v, ArrayRef<AffineExpr> offsets, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> strides) {
  bool whole = llvm::all_of(offsets, [](AffineExpr o) { return constantOf(o) == 0; }) &&
               llvm::all_of(strides, [](int64_t s) { return s == 1; });
  if (!v || (whole && ArrayRef(dims(v)) == sizes))
    return v;
  auto [offsetValues, staticOffsets] = shapes.split(offsets, loc);
  auto [sizeValues, staticSizes] = shapes.split(sizes, loc);
  return same<SliceOp>(v, offsetValues, sizeValues, staticOffsets, staticSizes, strides);
}

Value Node::sliceAxis(Value v, int64_t axis, AffineExpr offset, AffineExpr size) {
  Dims sizes = dims(v), offsets(sizes.size(), shapes.constant(0));
  if (axis < 0 || axis >= static_cast<int64_t>(sizes.size()))
    return {};
  sizes[axis] = size;
  offsets[axis] = offset;
  return slice(v, offsets, sizes, SmallVector<int64_t>(sizes.size(), 1));
}

Value Node::concat(ArrayRef<Value> values, int64_t axis) {
  if (values.empty() || isNull(values))
    return {};
  return values.size() == 1 ? values.front() : make<ConcatOp>(getElementTypeOrSelf(values.front().getType()), ValueRange(values), static_cast<uint64_t>(axis));
}

Value Node::iota(AffineExpr size, Type elementType) {
  auto [dynamic, statics] = shapes.split(size, loc);
  return make<IotaOp>(elementType, dynamic, statics);
}

Value Node::sizeTensor(AffineExpr expr, Type elementType) {
  if (auto c = constantOf(expr))
    return scalar(elementType, static_cast<double>(*c));
  Value index = arith::IndexCastOp::create(b, loc, i64(), shapes.value(expr, loc));
  Value v = tensor::FromElementsOp::create(b, loc, RankedTensorType::get({}, i64()), index);
  shapes.declare(v, {});
  return cast_(v, elementType);
}

AffineExpr Node::sizeOf(Value tensor, bool nonNegative) {
  if (!tensor)
    return shapes.constant(0);
  SmallVector<Value> at(rank(tensor), shapes.value(shapes.constant(0), loc));
  Value element = tensor::ExtractOp::create(b, loc, tensor, at);
  return shapes.symbol(arith::IndexCastOp::create(b, loc, b.getIndexType(), element), nonNegative);
}

Value Node::reduce(ReduceKind kind, Value v, ArrayRef<int64_t> axes, bool keepdims) {
  if (!v)
    return {};
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  auto op = makeOp<ReduceOp>(getElementTypeOrSelf(v.getType()), ReduceKindAttr::get(ctx(), kind), v, b.getDenseI64ArrayAttr(sorted),
                             keepdims ? b.getUnitAttr() : UnitAttr());
  return op ? op.getResult() : Value();
}

Value Node::mean(Value v, ArrayRef<int64_t> axes, bool keepdims) {
  Value sum = reduce(ReduceKind::sum, v, axes, keepdims);
  if (!sum)
    return {};
  SmallVector<AffineExpr> sizes;
  for (int64_t axis : axes)
    sizes.push_back(dim(v, axis));
  AffineExpr count = shapes.product(sizes);
  if (!count)
    return error() << "the number of elements overflows 64 bits", Value();
  return same<DivOp>(sum, sizeTensor(count, getElementTypeOrSelf(v.getType())));
}

Value Node::unsqueezeTo(Value v, int64_t before, int64_t rank) {
  Dims sizes(before, shapes.constant(1));
  llvm::append_range(sizes, dims(v));
  if (static_cast<int64_t>(sizes.size()) < rank)
    sizes.resize(rank, shapes.constant(1));
  return reshape(v, sizes);
}
