// GridSample: every result point reads its neighbours by gathers, weighted per axis. Any number of spatial axes.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
enum class Border { zeros, border, reflection };

// One spatial axis: its size as a float tensor, and where its samples lie, [N, P].
struct Axis {
  Value size, at;
};

// What one neighbour of an axis contributes: index, weight, and whether it lies inside (null: it always does).
struct Tap {
  Value index, weight, inside;
};

class Sampler {
public:
  Sampler(Node &n, Type type, Border border, bool align) : n(n), type(type), border(border), align(align) {}

  Value number(double v) { return n.scalar(type, v); }
  Value add(Value a, Value b) { return n.same<AddOp>(a, b); }
  Value sub(Value a, Value b) { return n.same<SubOp>(a, b); }
  Value mul(Value a, Value b) { return n.same<MulOp>(a, b); }
  Value clamp(Value v, Value low, Value high) { return n.same<MinOp>(n.same<MaxOp>(v, low), high); }

  // [-1, 1] to positions in the operand, with what lies outside brought back unless it reads zeros.
  Value position(Value grid, Value size, bool nearest) {
    Value last = sub(size, number(1)), p;
    if (align)
      p = mul(add(grid, number(1)), n.same<DivOp>(last, number(2)));
    else
      p = n.same<DivOp>(sub(mul(add(grid, number(1)), size), number(1)), number(2));
    if (nearest)
      p = n.same<RoundOp>(p);
    return border == Border::zeros ? p : inner(p, size);
  }

  // Clamped, or mirrored at the border, which lies half a step outside of the first and last position unless `align`.
  Value inner(Value p, Value size) {
    Value last = sub(size, number(1));
    if (border != Border::reflection)
      return clamp(p, number(0), last);
    Value low = number(align ? 0 : -0.5), range = align ? last : size;
    // A single position mirrors onto itself; the division must not meet its empty range.
    range = n.same<MaxOp>(range, number(1e-6));
    Value period = mul(range, number(2)), t = n.same<ModOp>(sub(p, low), period, false);
    Value folded = n.same<MinOp>(t, sub(period, t));
    return add(folded, low);
  }

  Tap tap(Value index, Value weight, Value size) {
    Value last = sub(size, number(1)), inside;
    if (border == Border::zeros) {
      Value bounded = clamp(index, number(0), last);
      inside = n.make<EqualOp>(n.i1(), bounded, index);
      return {bounded, weight, inside};
    }
    return {clamp(inner(index, size), number(0), last), weight, {}};
  }

  SmallVector<Tap> taps(const Axis &axis, StringRef mode) {
    if (mode == "nearest")
      return {tap(axis.at, {}, axis.size)};
    Value base = n.same<FloorOp>(axis.at), t = sub(axis.at, base);
    if (mode == "linear" || mode == "bilinear")
      return {tap(base, sub(number(1), t), axis.size), tap(add(base, number(1)), t, axis.size)};
    SmallVector<Tap> result;
    for (int k = -1; k <= 2; ++k)
      result.push_back(tap(add(base, number(k)), cubic(k < 1 ? sub(t, number(k)) : sub(number(k), t), k == -1 || k == 2), axis.size));
    return result;
  }

  // Keys' kernel with a = -0.75 at distance d: below 1, or between 1 and 2 if `far`.
  Value cubic(Value d, bool far) {
    double a = -0.75;
    auto poly = [&](double c3, double c2, double c1, double c0) {
      return add(mul(add(mul(add(mul(d, number(c3)), number(c2)), d), number(c1)), d), number(c0));
    };
    return far ? poly(a, -5 * a, 8 * a, -4 * a) : poly(a + 2, -(a + 3), 0, 1);
  }

  Node &n;
  Type type;
  Border border;
  bool align;
};

LogicalResult importGridSample(Node &n) {
  Value x = n.in(0), grid = n.in(1);
  Dims d = n.dims(x), g = n.dims(grid);
  if (d.size() < 3 || g.size() != d.size() || constantOf(g.back()) != static_cast<int64_t>(d.size()) - 2)
    return n.error() << "needs an operand with spatial axes and a grid of as many coordinates";
  std::string mode = n.s("mode", "linear"), padding = n.s("padding_mode", "zeros");
  Border border = padding == "border" ? Border::border : padding == "reflection" ? Border::reflection : Border::zeros;
  Type type = n.elementType(1);
  Sampler s(n, type, border, n.i("align_corners", 0) != 0);
  int64_t spatial = d.size() - 2;
  AffineExpr points = n.shapes.product(ArrayRef(g).drop_front().drop_back()), area = n.shapes.product(ArrayRef(d).drop_front(2));
  if (!points || !area)
    return n.error() << "the number of elements overflows 64 bits";
  // [N, C, spatial...] -> [N, area, C]
  Value flat = n.transpose(n.reshape(x, {d[0], d[1], area}), {0, 2, 1});
  SmallVector<SmallVector<Tap>> taps;
  for (int64_t axis = 0; axis < spatial; ++axis) {
    // The last coordinate is the first axis'.
    Value coordinate = n.sliceAxis(grid, spatial + 1, n.shapes.constant(spatial - 1 - axis), n.shapes.constant(1));
    Value size = n.sizeTensor(d[axis + 2], type);
    Value at = s.position(n.reshape(coordinate, {d[0], points}), size, mode == "nearest");
    taps.push_back(s.taps({size, at}, mode));
    if (n.isFailed)
      return failure();
  }
  // Every choice of one tap per axis.
  Value sum;
  SmallVector<size_t> choice(spatial, 0);
  for (bool more = true; more && !n.isFailed;) {
    Value index, weight;
    for (int64_t axis = 0; axis < spatial; ++axis) {
      const Tap &tap = taps[axis][choice[axis]];
      Value step = n.cast_(tap.index, n.i64());
      index = index ? s.add(s.mul(index, n.sizeTensor(d[axis + 2], n.i64())), step) : step;
      if (tap.weight)
        weight = weight ? s.mul(weight, tap.weight) : tap.weight;
      if (tap.inside) {
        Value mask = n.cast_(tap.inside, type);
        weight = weight ? s.mul(weight, mask) : mask;
      }
    }
    Value places = n.reshape(index, {d[0], points, n.shapes.constant(1)});
    Value part = n.same<GatherNdOp>(flat, places, static_cast<uint64_t>(1));
    if (weight)
      part = n.same<MulOp>(part, n.reshape(n.cast_(weight, n.elementType(0)), {d[0], points, n.shapes.constant(1)}));
    sum = sum ? n.same<AddOp>(sum, part) : part;
    more = false;
    for (int64_t axis = spatial; axis-- > 0 && !more;) {
      more = ++choice[axis] < taps[axis].size();
      if (!more)
        choice[axis] = 0;
    }
  }
  SmallVector<AffineExpr> result{d[0], d[1]};
  result.append(g.begin() + 1, g.end() - 1);
  return n.result(n.reshape(n.transpose(sum, {0, 2, 1}), result));
}

const OpEntry kOps[] = {{"GridSample", 16, importGridSample}};
} // namespace

ArrayRef<OpEntry> mlir::ds::gridSampleOps() { return kOps; }
