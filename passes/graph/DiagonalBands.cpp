// Bands of masks: see DiagonalBands.h.
#include "passes/graph/DiagonalBands.h"
#include "passes/graph/Match.h"

using namespace mlir;
using namespace mlir::ds;

static constexpr unsigned kDeepest = 12;
// Constants added to positions are no larger, so that no sum wraps.
static constexpr int64_t kFarthest = int64_t(1) << 30;

static int64_t rankOf(Value v) { return cast<RankedTensorType>(v.getType()).getRank(); }

Band Band::meet(const Band &other) const {
  auto least = [](std::optional<int64_t> a, std::optional<int64_t> b) { return a && b ? std::min(*a, *b) : a ? a : b; };
  return {least(left, other.left), least(right, other.right)};
}

DiagonalBands::Linear DiagonalBands::Linear::times(int64_t factor) const {
  return {llvm::map_to_vector(steps, [&](int64_t step) { return step * factor; }), at * factor};
}

// Constants that grow evenly along one axis, and tensors made of sizes.
std::optional<DiagonalBands::Linear> DiagonalBands::progression(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<int64_t> steps(type.getRank(), 0);
  auto isLong = [](int64_t size) { return size != 1; };
  if (llvm::count_if(type.getShape(), isLong) > 1)
    return std::nullopt;
  int64_t axis = llvm::find_if(type.getShape(), isLong) - type.getShape().begin();
  if (auto elements = shapes.elements(v)) {
    if (elements->empty() || llvm::is_contained(*elements, AffineExpr()))
      return std::nullopt;
    auto step = elements->size() > 1 ? constantOf(shapes.normal((*elements)[1] - (*elements)[0])) : 0;
    for (auto [i, element] : llvm::enumerate(*elements))
      if (!step || !shapes.proveEqual(element, (*elements)[0] + static_cast<int64_t>(i) * *step))
        return std::nullopt;
    if (elements->size() > 1)
      steps[axis] = *step;
    return Linear{steps, (*elements)[0]};
  }
  if (axis == type.getRank() || !data.isIota(v))
    return std::nullopt;
  steps[axis] = 1;
  return Linear{steps, shapes.constant(0)};
}

std::optional<DiagonalBands::Linear> DiagonalBands::linearOf(Value v, unsigned depth) {
  if (depth > kDeepest || !cast<RankedTensorType>(v.getType()).getElementType().isSignlessInteger())
    return std::nullopt;
  if (auto known = progression(v))
    return known;
  Operation *op = v.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (isa<IotaOp>(op))
    return Linear{{1}, shapes.constant(0)};
  // Sizes fit 32 bits, and so do positions.
  if (auto cast = dyn_cast<CastOp>(op))
    return cast.getType().getElementTypeBitWidth() >= 32 ? linearOf(cast.getInput(), depth + 1) : std::nullopt;
  if (!isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, NegOp, AddOp, SubOp>(op))
    return std::nullopt;
  auto a = linearOf(op->getOperand(0), depth + 1);
  if (!a)
    return std::nullopt;
  if (isa<NegOp>(op))
    return a->times(-1);
  if (!isa<AddOp, SubOp>(op))
    return moved(op, *a);
  auto b = linearOf(op->getOperand(1), depth + 1);
  return b ? sum(op, *a, isa<SubOp>(op) ? b->times(-1) : *b) : std::nullopt;
}

std::optional<DiagonalBands::Linear> DiagonalBands::sum(Operation *op, const Linear &a, const Linear &b) {
  auto x = repeated(op->getOperand(0), op->getResult(0), a), y = repeated(op->getOperand(1), op->getResult(0), b);
  if (!x || !y)
    return std::nullopt;
  for (auto [step, more] : llvm::zip_equal(x->steps, y->steps))
    step += more;
  AffineExpr at = shapes.normal(x->at + y->at);
  auto constant = constantOf(at);
  return !constant || std::abs(*constant) <= kFarthest ? std::optional(Linear{x->steps, at}) : std::nullopt;
}

std::optional<DiagonalBands::Linear> DiagonalBands::repeated(Value from, Value to, const Linear &x) {
  Dims source = shapes.dims(from), target = shapes.dims(to);
  Linear result{SmallVector<int64_t>(target.size() - source.size(), 0), x.at};
  for (auto [i, dim] : llvm::enumerate(source)) {
    if (x.steps[i] && !shapes.proveEqual(dim, target[target.size() - source.size() + i]))
      return std::nullopt;
    result.steps.push_back(x.steps[i]);
  }
  return result;
}

// Through axes of size 1 that come or go.
std::optional<DiagonalBands::Linear> DiagonalBands::reshaped(Value from, Value to, const Linear &x) {
  Dims source = shapes.dims(from), target = shapes.dims(to);
  Linear result{SmallVector<int64_t>(target.size(), 0), x.at};
  size_t i = 0;
  for (auto [axis, dim] : llvm::enumerate(target)) {
    if (shapes.isOne(dim))
      continue;
    while (i < source.size() && shapes.isOne(source[i]))
      ++i;
    if (i == source.size() || !shapes.proveEqual(source[i], dim))
      return std::nullopt;
    result.steps[axis] = x.steps[i++];
  }
  return std::all_of(source.begin() + i, source.end(), [&](AffineExpr dim) { return shapes.isOne(dim); }) ? std::optional(result)
                                                                                                           : std::nullopt;
}

std::optional<DiagonalBands::Linear> DiagonalBands::moved(Operation *op, Linear x) {
  Value from = op->getOperand(0), to = op->getResult(0);
  if (isa<ReshapeOp>(op))
    return reshaped(from, to, x);
  if (isa<BroadcastOp>(op))
    return repeated(from, to, x);
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return Linear{llvm::map_to_vector(transpose.getPermutation(), [&](int64_t axis) { return x.steps[axis]; }), x.at};
  auto slice = cast<SliceOp>(op);
  Dims offsets = shapes.mixed(slice.getOffsets(), slice.getStaticOffsets());
  for (auto [axis, stride] : llvm::enumerate(slice.getStrides())) {
    x.at = x.at + offsets[axis] * x.steps[axis];
    x.steps[axis] *= stride;
  }
  return x;
}

// a <= b: a - b is at most 0. |a| <= b: a - b and -a - b are.
std::optional<DiagonalBands::Bounds> DiagonalBands::boundsOfComparison(Operation *op, bool negated) {
  auto abs = negated ? nullptr : op->getOperand(0).getDefiningOp<AbsOp>();
  auto a = linearOf(abs ? abs.getInput() : op->getOperand(0)), b = linearOf(op->getOperand(1));
  auto difference = a && b ? sum(op, *a, b->times(-1)) : std::nullopt;
  if (!difference)
    return std::nullopt;
  Bounds bounds{*difference};
  if (abs) {
    auto opposite = sum(op, a->times(-1), b->times(-1));
    if (!opposite)
      return std::nullopt;
    bounds.push_back(*opposite);
  }
  for (Linear &bound : bounds) {
    if (negated)
      bound = {bound.times(-1).steps, (isa<LessOp>(op) ? 0 : 1) - bound.at};
    else if (isa<LessOp>(op))
      bound.at = bound.at + 1;
  }
  return bounds;
}

// Constants in which the rows of the last two axes are true (or 0) exactly in a band.
std::optional<DiagonalBands::Bounds> DiagonalBands::boundsOfData(Value v, bool negated, double *excluded) {
  auto type = cast<RankedTensorType>(v.getType());
  int64_t rank = type.getRank();
  if (rank < 2 || llvm::any_of(type.getShape().drop_back(2), [](int64_t size) { return size != 1; }))
    return std::nullopt;
  int64_t rows = type.getShape()[rank - 2], columns = type.getShape()[rank - 1], inside = 0;
  int64_t low = columns, high = -rows; // t - s of what is inside
  std::optional<double> outside;
  bool isUniform = true;
  LogicalResult read = data.visitF64(v, [&](int64_t at, ArrayRef<double> block) {
    for (auto [i, x] : llvm::enumerate(block)) {
      int64_t position = at + i, d = position % columns - position / columns;
      if ((x == 0) == (excluded || negated)) {
        ++inside;
        low = std::min(low, d);
        high = std::max(high, d);
      } else {
        isUniform &= !outside || *outside == x;
        outside = x;
      }
    }
    return isUniform || !excluded;
  });
  if (failed(read) || !inside || (excluded && !isUniform))
    return std::nullopt;
  int64_t expected = 0;
  for (int64_t s = 0; s < rows; ++s)
    expected += std::max<int64_t>(0, std::min(columns, s + high + 1) - std::max<int64_t>(0, s + low));
  if (inside != expected)
    return std::nullopt;
  if (excluded && outside)
    *excluded = *outside;
  Bounds bounds;
  SmallVector<int64_t> steps(rank, 0);
  steps[rank - 1] = 1;
  steps[rank - 2] = -1;
  if (high < columns - 1)
    bounds.push_back({steps, shapes.constant(-high)});
  if (low > 1 - rows)
    bounds.push_back(Linear{steps, shapes.constant(-low)}.times(-1));
  return bounds;
}

std::optional<DiagonalBands::Bounds> DiagonalBands::boundsOf(Value v, bool negated, double *excluded, unsigned depth) {
  Operation *op = v.getDefiningOp();
  if (!op || depth > kDeepest)
    return std::nullopt;
  if (WeightData::isData(v))
    return boundsOfData(v, negated, excluded);
  if (isa<LessOp, LessEqualOp>(op) && !excluded)
    return boundsOfComparison(op, negated);
  if (!isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp>(op))
    return std::nullopt;
  auto bounds = boundsOf(op->getOperand(0), negated, excluded, depth + 1);
  if (bounds)
    for (Linear &bound : *bounds) {
      auto there = moved(op, bound);
      if (!there)
        return std::nullopt;
      bound = *there;
    }
  return bounds;
}

std::optional<Band> DiagonalBands::bandOf(Value v, const Bounds &bounds, AffineExpr queries, AffineExpr keys) {
  Band band;
  int64_t rank = rankOf(v);
  Dims dims = shapes.dims(v);
  bool oneQuery = shapes.isOne(queries);
  for (const Linear &x : bounds) {
    int64_t along = rank ? x.steps[rank - 1] : 0, down = rank > 1 ? x.steps[rank - 2] : 0;
    if (llvm::any_of(ArrayRef(x.steps).drop_back(std::min<int64_t>(rank, 2)), [](int64_t step) { return step != 0; }))
      return std::nullopt;
    if (along == 0 && down == 0 && shapes.range(shapes.normal(x.at)).hi <= 0)
      continue;
    // A single query is query 0, whatever its step is.
    if ((along != 1 && along != -1) || (down != -along && !oneQuery) || !shapes.proveEqual(dims[rank - 1], keys) ||
        (!oneQuery && !shapes.proveEqual(dims[rank - 2], queries)))
      return std::nullopt;
    AffineExpr offset = keys - queries;
    auto reach = constantOf(shapes.normal(along > 0 ? offset * -1 - x.at : offset - x.at));
    if (!reach)
      return std::nullopt;
    // t - (s + T - S) is at most S - 1 and at least 1 - T.
    AffineExpr most = (along > 0 ? queries : keys) - 1;
    if (shapes.range(shapes.normal(most - *reach)).hi > 0)
      band = band.meet(along > 0 ? Band{std::nullopt, *reach} : Band{*reach, std::nullopt});
  }
  return band;
}

std::optional<Band> DiagonalBands::bandOf(Value v, bool negated, AffineExpr queries, AffineExpr keys) {
  auto bounds = boundsOf(v, negated, nullptr);
  return bounds ? bandOf(v, *bounds, queries, keys) : std::nullopt;
}

std::optional<Band> DiagonalBands::bandOf(Value v, double &excluded, AffineExpr queries, AffineExpr keys) {
  auto bounds = boundsOf(v, false, &excluded);
  return bounds ? bandOf(v, *bounds, queries, keys) : std::nullopt;
}
