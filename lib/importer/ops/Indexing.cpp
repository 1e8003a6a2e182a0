// Operators that choose elements by index tensors.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
template <typename OpTy>
LogicalResult importAlongAxis(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", 0), n.rank(x));
  return failed(axis) ? failure() : n.result(n.same<OpTy>(x, n.in(1), static_cast<uint64_t>(*axis)));
}

LogicalResult importGatherNd(Node &n) {
  return n.result(n.same<GatherNdOp>(n.in(0), n.in(1), static_cast<uint64_t>(n.i("batch_dims", 0))));
}

std::optional<ScatterKind> scatterKind(Node &n) {
  auto kind = llvm::StringSwitch<std::optional<ScatterKind>>(n.s("reduction", "none"))
                  .Case("none", ScatterKind::set)
                  .Case("add", ScatterKind::add)
                  .Case("mul", ScatterKind::mul)
                  .Case("max", ScatterKind::max)
                  .Case("min", ScatterKind::min)
                  .Default(std::nullopt);
  if (!kind)
    n.error() << "unknown reduction '" << n.s("reduction", "") << "'";
  return kind;
}
LogicalResult importScatterElements(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", 0), n.rank(x));
  auto kind = scatterKind(n);
  if (failed(axis) || !kind)
    return failure();
  return n.result(n.same<ScatterElementsOp>(x, n.in(1), n.in(2), static_cast<uint64_t>(*axis), *kind));
}
LogicalResult importScatterNd(Node &n) {
  auto kind = scatterKind(n);
  return kind ? n.result(n.same<ScatterNdOp>(n.in(0), n.in(1), n.in(2), *kind)) : failure();
}

LogicalResult importNonZero(Node &n) { return n.result(n.make<NonZeroOp>(n.i64(), n.in(0))); }

// Elements (or slices along the axis) whose condition holds: gathered at the condition's non-zero places.
LogicalResult importCompress(Node &n) {
  Value x = n.in(0);
  int64_t axis = 0;
  if (n.hasAttr("axis")) {
    FailureOr<int64_t> checked = n.axis(n.i("axis", 0), n.rank(x));
    if (failed(checked))
      return failure();
    axis = *checked;
  } else {
    AffineExpr size = n.shapes.product(n.dims(x));
    x = size ? n.reshape(x, size) : Value();
  }
  Value places = n.make<NonZeroOp>(n.i64(), n.in(1));
  return n.result(n.same<GatherOp>(x, n.reshape(places, n.dim(places, 1)), static_cast<uint64_t>(axis)));
}

// A comparison of the indices with 0, 1, ... along a new axis; indices count from the end where negative.
LogicalResult importOneHot(Node &n) {
  Value indices = n.in(0), values = n.in(2);
  auto depth = n.constInts(1);
  if (n.isFailed)
    return failure();
  int64_t rank = n.rank(indices) + 1;
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), rank);
  if (failed(axis))
    return failure();
  AffineExpr size = depth && depth->size() == 1 ? n.shapes.constant(depth->front()) : n.sizeOf(n.cast_(n.in(1), n.i64()), true);
  Value i = n.cast_(indices, n.i64()), count = n.sizeTensor(size, n.i64());
  Value negative = n.make<LessOp>(n.i1(), i, n.scalar(n.i64(), 0));
  Value wrapped = n.make<SelectOp>(n.i64(), negative, n.same<AddOp>(i, count), i);
  Dims spread = n.dims(indices);
  spread.insert(spread.begin() + *axis, n.shapes.constant(1));
  Value classes = n.unsqueezeTo(n.iota(size, n.i64()), 0, rank - *axis);
  Value hit = n.make<EqualOp>(n.i1(), n.reshape(wrapped, spread), classes);
  auto pick = [&](int64_t k) { return n.reshape(n.sliceAxis(values, 0, n.shapes.constant(k), n.shapes.constant(1)), {}); };
  Value off = pick(0), on = pick(1);
  return n.result(n.make<SelectOp>(n.elementType(2), hit, on, off));
}

// Along the time axis element t of a sequence of length l is read at l - 1 - t, or stays where t >= l.
LogicalResult importReverseSequence(Node &n) {
  Value x = n.in(0);
  int64_t rank = n.rank(x), time = n.i("time_axis", 0), batch = n.i("batch_axis", 1);
  if (rank < 2 || time + batch != 1 || (time && batch))
    return n.error() << "time_axis and batch_axis must be 0 and 1";
  Value t = n.unsqueezeTo(n.iota(n.dim(x, time), n.i64()), 0, rank - time);
  Value length = n.unsqueezeTo(n.cast_(n.in(1), n.i64()), 0, rank - batch);
  Value mirrored = n.same<SubOp>(n.same<SubOp>(length, n.scalar(n.i64(), 1)), t);
  Value places = n.make<SelectOp>(n.i64(), n.make<LessOp>(n.i1(), t, length), mirrored, t);
  return n.result(n.same<GatherElementsOp>(x, n.broadcast(places, n.dims(x)), static_cast<uint64_t>(time)));
}

const OpEntry kOps[] = {
    {"Compress", 1, importCompress},
    {"Gather", 1, importAlongAxis<GatherOp>},
    {"GatherElements", 1, importAlongAxis<GatherElementsOp>},
    {"GatherND", 1, importGatherNd},
    {"NonZero", 1, importNonZero},
    {"OneHot", 1, importOneHot},
    {"ReverseSequence", 10, importReverseSequence},
    {"Scatter", 1, importScatterElements},
    {"ScatterElements", 1, importScatterElements},
    {"ScatterND", 1, importScatterNd},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::indexingOps() { return kOps; }
