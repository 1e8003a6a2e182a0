// Normalisation and softmax.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// A vector over channels, axis 1 of rank `rank`.
Value perChannel(Node &n, Value v, int64_t rank) { return n.unsqueezeTo(v, 0, std::max<int64_t>(rank - 1, 1)); }

// (x - mean) * (scale / sqrt(variance + epsilon)) + bias, over channels: the factors are computed from weights alone.
LogicalResult importBatchNorm(Node &n) {
  Value x = n.in(0);
  if (n.i("training_mode", 0) || (n.since < 14 && n.wants(1) && n.i("is_test", 1) == 0))
    return n.unsupported("BatchNormalization in training mode");
  Type type = n.elementType(0);
  int64_t rank = n.rank(x);
  Value scale = n.in(1), bias = n.in(2), mean = n.in(3), variance = n.in(4);
  Type work = n.elementType(4);
  Value deviation = n.same<SqrtOp>(n.same<AddOp>(variance, n.scalar(work, n.f("epsilon", 1e-5f))));
  Value factor = n.same<DivOp>(n.cast_(scale, work), deviation);
  Value shift = n.same<SubOp>(n.cast_(bias, work), n.same<MulOp>(n.cast_(mean, work), factor));
  Value scaled = n.same<MulOp>(n.cast_(x, work), perChannel(n, factor, rank));
  return n.result(n.cast_(n.same<AddOp>(scaled, perChannel(n, shift, rank)), type));
}

Value norm(Node &n, NormKind kind, Value x, Value scale, Value bias, int64_t axis, double epsilon) {
  auto op = x ? n.makeOp<NormOp>(getElementTypeOrSelf(x.getType()), NormKindAttr::get(n.ctx(), kind), x, Optional{scale}, Optional{bias},
                                 n.b.getI64IntegerAttr(axis), n.b.getF64FloatAttr(epsilon))
              : NormOp();
  return op ? op.getResult() : Value();
}

SmallVector<int64_t> axesFrom(Node &n, Value x, int64_t axis) { return llvm::to_vector(llvm::seq<int64_t>(axis, std::max(axis, n.rank(x)))); }

LogicalResult importLayerNorm(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), n.rank(x));
  if (failed(axis))
    return failure();
  double epsilon = n.f("epsilon", 1e-5f);
  Value scale = n.in(1), bias = n.has(2) ? n.in(2) : Value();
  if (failed(n.result(norm(n, NormKind::layer, x, scale, bias, *axis, epsilon))))
    return failure();
  if (!n.wants(1) && !n.wants(2))
    return success();
  // The statistics are outputs of training graphs, in f32 unless the stash type says otherwise.
  Type type = elementTypeOf(static_cast<int>(n.i("stash_type", 1)), n.ctx());
  Value wide = type ? n.cast_(x, type) : Value();
  Value mean = wide ? n.mean(wide, axesFrom(n, x, *axis), true) : Value();
  Value centred = mean ? n.same<SubOp>(wide, mean) : Value();
  Value variance = centred ? n.mean(n.same<MulOp>(centred, centred), axesFrom(n, x, *axis), true) : Value();
  Value inverse = variance ? n.same<RsqrtOp>(n.same<AddOp>(variance, n.scalar(type, epsilon))) : Value();
  return failure(failed(n.result(mean, 1)) || failed(n.result(inverse, 2)));
}

LogicalResult importRmsNorm(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), n.rank(x));
  if (failed(axis))
    return failure();
  return n.result(norm(n, NormKind::rms, x, n.in(1), Value(), *axis, n.f("epsilon", 1e-5f)));
}

// Normalises over all spatial axes: seen as [N, C, rest], over the last axis.
LogicalResult importInstanceNorm(Node &n) {
  Value x = n.in(0);
  Dims d = n.dims(x);
  if (d.size() < 3)
    return n.error() << "the operand needs at least three axes";
  AffineExpr rest = n.shapes.product(ArrayRef(d).drop_front(2));
  if (!rest)
    return n.error() << "the number of elements overflows 64 bits";
  Value y = norm(n, NormKind::layer, n.reshape(x, {d[0], d[1], rest}), Value(), Value(), 2, n.f("epsilon", 1e-5f));
  Value scaled = n.same<MulOp>(n.reshape(y, d), perChannel(n, n.in(1), d.size()));
  return n.result(n.same<AddOp>(scaled, perChannel(n, n.in(2), d.size())));
}

// Normalises [N, groups, everything else] over the last axis; then scale and bias per channel (opset 21) or group (18).
LogicalResult importGroupNorm(Node &n) {
  Value x = n.in(0);
  Dims d = n.dims(x);
  int64_t groups = n.i("num_groups", 0);
  if (d.size() < 2 || groups <= 0)
    return n.error() << "needs two axes and a positive num_groups";
  AffineExpr g = n.shapes.constant(groups), perGroup = n.shapes.quotient(d[1], g);
  SmallVector<AffineExpr> inside{perGroup};
  llvm::append_range(inside, ArrayRef(d).drop_front(2));
  AffineExpr rest = perGroup ? n.shapes.product(inside) : perGroup;
  if (!rest)
    return n.error() << "the size of a group cannot be computed";
  Value y = norm(n, NormKind::layer, n.reshape(x, {d[0], g, rest}), Value(), Value(), 2, n.f("epsilon", 1e-5f));
  if (n.since < 21) {
    Value column = n.same<MulOp>(y, n.unsqueezeTo(n.in(1), 0, 2));
    return n.result(n.reshape(n.same<AddOp>(column, n.unsqueezeTo(n.in(2), 0, 2)), d));
  }
  Value scaled = n.same<MulOp>(n.reshape(y, d), perChannel(n, n.in(1), d.size()));
  return n.result(n.same<AddOp>(scaled, perChannel(n, n.in(2), d.size())));
}

template <bool isLog>
LogicalResult importSoftmax(Node &n) {
  Value x = n.in(0);
  bool flattens = n.since < 13;
  FailureOr<int64_t> axis = n.axis(n.i("axis", flattens ? 1 : -1), n.rank(x));
  if (failed(axis))
    return failure();
  auto log = isLog ? n.b.getUnitAttr() : UnitAttr();
  Dims d = n.dims(x);
  // Before opset 13 all axes from `axis` on are normalised together.
  if (!flattens || *axis + 1 == n.rank(x))
    return n.result(n.same<SoftmaxOp>(x, n.b.getI64IntegerAttr(*axis), log));
  AffineExpr before = n.shapes.product(ArrayRef(d).take_front(*axis)), behind = n.shapes.product(ArrayRef(d).drop_front(*axis));
  if (!before || !behind)
    return n.error() << "the number of elements overflows 64 bits";
  return n.result(n.reshape(n.same<SoftmaxOp>(n.reshape(x, {before, behind}), n.b.getI64IntegerAttr(1), log), d));
}

// One where the maximum along the axis is first reached.
LogicalResult importHardmax(Node &n) {
  Value x = n.in(0);
  int64_t rank = n.rank(x);
  if (n.since < 13)
    return n.unsupported("Hardmax before opset 13");
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), rank);
  if (failed(axis))
    return failure();
  auto best = n.makeOp<ArgReduceOp>(n.i64(), ReduceKindAttr::get(n.ctx(), ReduceKind::max), x, n.b.getI64IntegerAttr(*axis),
                                    n.b.getUnitAttr(), UnitAttr());
  if (!best)
    return failure();
  Value places = n.unsqueezeTo(n.iota(n.dim(x, *axis), n.i64()), 0, rank - *axis);
  return n.result(n.cast_(n.make<EqualOp>(n.i1(), best.getResult(), places), n.elementType(0)));
}

// x / norm along the axis.
LogicalResult importLpNormalization(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), n.rank(x));
  if (failed(axis))
    return failure();
  bool first = n.i("p", 2) == 1;
  Value sum = n.reduce(ReduceKind::sum, first ? n.same<AbsOp>(x) : n.same<MulOp>(x, x), *axis, true);
  Value length = first ? sum : n.same<SqrtOp>(sum), zero = n.scalar(n.elementType(0), 0);
  // A vector of zeros stays one.
  Value y = n.same<DivOp>(x, length);
  return n.result(n.make<SelectOp>(n.elementType(0), n.make<EqualOp>(n.i1(), length, zero), zero, y));
}

// x / (bias + alpha / size * sum of squares of `size` neighbouring channels)^beta
LogicalResult importLrn(Node &n) {
  Value x = n.in(0);
  Dims d = n.dims(x);
  int64_t size = n.i("size", 0);
  if (d.size() < 3 || size <= 0)
    return n.error() << "needs three axes and a positive size";
  Type type = n.elementType(0);
  AffineExpr rest = n.shapes.product(ArrayRef(d).drop_front(2));
  if (!rest)
    return n.error() << "the number of elements overflows 64 bits";
  // As an average pool over channels seen as a spatial axis.
  Value squares = n.reshape(n.same<MulOp>(x, x), {d[0], n.shapes.constant(1), d[1], rest});
  auto mean = n.makeOp<PoolOp>(type, squares, PoolKindAttr::get(n.ctx(), PoolKind::avg), n.b.getDenseI64ArrayAttr({size, 1}),
                               n.b.getDenseI64ArrayAttr({1, 1}), n.b.getDenseI64ArrayAttr({(size - 1) / 2, 0, size / 2, 0}),
                               n.b.getDenseI64ArrayAttr({1, 1}), UnitAttr(), n.b.getUnitAttr(), n.b.getI64IntegerAttr(2), UnitAttr());
  if (!mean)
    return failure();
  Value scaled = n.same<MulOp>(n.reshape(mean.getResult(), d), n.scalar(type, n.f("alpha", 1e-4f)));
  Value base = n.same<AddOp>(scaled, n.scalar(type, n.f("bias", 1)));
  return n.result(n.same<DivOp>(x, n.same<PowOp>(base, n.scalar(type, n.f("beta", 0.75f)))));
}

const OpEntry kOps[] = {
    {"BatchNormalization", 1, importBatchNorm},
    {"GroupNormalization", 18, importGroupNorm},
    {"Hardmax", 1, importHardmax},
    {"InstanceNormalization", 1, importInstanceNorm},
    {"LRN", 1, importLrn},
    {"LayerNormalization", 17, importLayerNorm},
    {"LogSoftmax", 1, importSoftmax<true>},
    {"LpNormalization", 1, importLpNormalization},
    {"RMSNormalization", 23, importRmsNorm},
    {"Softmax", 1, importSoftmax<false>},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::normOps() { return kOps; }
