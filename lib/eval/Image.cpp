// Resampling, axis by axis: each result index is a weighted sum of operand indices (ONNX Resize).
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
struct Tap {
  int64_t source;
  double weight;
};
using Taps = SmallVector<Tap, 4>;

// One axis of a resize.
struct Axis {
  mutable ResizeOp op; // op accessors are not const
  int64_t from, to;
  double scale;

  double coordinate(int64_t i) const {
    double length = from * scale; // the result size as the scale gives it, before rounding
    switch (op.getCoordinates()) {
    case Coordinates::half_pixel:
      return (i + 0.5) / scale - 0.5;
    case Coordinates::half_pixel_symmetric: {
      double center = from / 2.0, adjustment = to / length;
      return center * (1 - adjustment) + (i + 0.5) / scale - 0.5;
    }
    case Coordinates::pytorch_half_pixel:
      return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case Coordinates::align_corners:
      return to > 1 ? static_cast<double>(i) * (from - 1) / (to - 1) : 0;
    case Coordinates::asymmetric:
    case Coordinates::tf_crop_and_resize:
      return i / scale;
    }
    return 0;
  }
  int64_t clamp(int64_t i) const { return std::min(std::max<int64_t>(i, 0), from - 1); }

  Taps nearest(double x) const {
    double below = std::floor(x), fraction = x - below;
    switch (op.getNearestMode()) {
    case NearestMode::round_prefer_floor:
      return {{clamp(fraction <= 0.5 ? below : below + 1), 1}};
    case NearestMode::round_prefer_ceil:
      return {{clamp(fraction < 0.5 ? below : below + 1), 1}};
    case NearestMode::floor:
      return {{clamp(below), 1}};
    case NearestMode::ceil:
      return {{clamp(std::ceil(x)), 1}};
    }
    return {};
  }
  Taps linear(double x) const {
    double below = std::floor(x), fraction = x - below;
    return {{static_cast<int64_t>(below), 1 - fraction}, {static_cast<int64_t>(below) + 1, fraction}};
  }
  Taps cubic(double x) const {
    double below = std::floor(x), a = op.getCubicA().convertToDouble();
    Taps taps;
    for (int64_t i = -1; i <= 2; ++i) {
      double d = std::fabs(x - below - i);
      double weight = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
      taps.push_back({static_cast<int64_t>(below) + i, weight});
    }
    return taps;
  }
  // What result index i sums. Outside of the operand the border repeats, or is left out and the rest scaled up.
  Taps taps(int64_t i) const {
    double x = coordinate(i);
    if (op.getMode() == ResizeMode::nearest)
      return nearest(x);
    Taps taps = op.getMode() == ResizeMode::linear ? linear(x) : cubic(x);
    double sum = 0;
    for (Tap &tap : taps) {
      if (op.getExcludeOutside() && (tap.source < 0 || tap.source >= from))
        tap.weight = 0;
      tap.source = clamp(tap.source);
      sum += tap.weight;
    }
    for (Tap &tap : taps)
      tap.weight /= op.getExcludeOutside() ? sum : 1;
    return taps;
  }
};

std::vector<double> resample(const Axis &axis, const std::vector<double> &from, int64_t outer, int64_t inner) {
  std::vector<double> to(outer * axis.to * inner, 0.0);
  for (int64_t i = 0; i < axis.to; ++i)
    for (const Tap &tap : axis.taps(i)) {
      if (tap.weight == 0) // infinities outside of the window do not matter
        continue;
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t j = 0; j < inner; ++j)
          to[(o * axis.to + i) * inner + j] += tap.weight * from[(o * axis.from + tap.source) * inner + j];
    }
  return to;
}

LogicalResult evalResize(ResizeOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  if (!byteSize(call.elementType(), *shape))
    return call.give(failure());
  if (input.numElements() == 0 && product(*shape) != 0)
    return call.error() << "resamples an operand without elements";
  std::vector<double> values = load<double>(input);
  Shape sizes(input.shape());
  for (int64_t axis = 0; axis < input.rank(); ++axis) {
    double scale = op.getScales()[axis];
    if (scale == 0 && sizes[axis] != 0)
      scale = static_cast<double>((*shape)[axis]) / static_cast<double>(sizes[axis]);
    if (scale == 1 && sizes[axis] == (*shape)[axis])
      continue;
    values =
        resample({op, sizes[axis], (*shape)[axis], scale}, values, product(ArrayRef<int64_t>(sizes).take_front(axis)),
                 product(ArrayRef<int64_t>(sizes).drop_front(axis + 1)));
    sizes[axis] = (*shape)[axis];
  }
  if (isa<FloatType>(call.elementType()))
    return call.give(*shape, values);
  std::vector<int64_t> result;
  for (double value : values)
    result.push_back(saturate(call.elementType(), value));
  return call.give(*shape, result);
}
} // namespace

void eval::addImage(OpTable &table) { table.add<ResizeOp>(evalResize); }
