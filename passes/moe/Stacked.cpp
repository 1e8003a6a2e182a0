// Forms B and D: the matrices of all experts stacked, gathered per routed row or multiplied by every token.
#include "passes/graph/Match.h"
#include "passes/moe/Experts.h"
#include "passes/moe/Grid.h"
#include "passes/moe/Router.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::moe;

namespace {
// One stacked operand of a product: its axes behind the experts, and the indices that chose the expert (none: all experts).
struct Matrices {
  Value data;
  LabelList first, second;
  std::optional<Labelled> indices;
};

class Stacked {
public:
  Stacked(Operation *root, MatchContext &context) : context(context), grid(context.shapes), root(root) {}
  FailureOr<LayerMatch> match();

private:
  LogicalResult fail(Stage stage, Operation *op, const Twine &why) { return context.reasons.fail(stage, op, why); }
  LogicalResult start();
  FailureOr<Matrices> matrices(const Labelled &side);
  // The product that `v` is, after movements: its matrices and the other operand.
  struct Product {
    Operation *op;
    Matrices matrices;
    Labelled other;
    Label inner;
  };
  FailureOr<Product> product(Labelled v, Stage stage);
  FailureOr<Stack> stack(const Product &product, Label out);
  LogicalResult matchDown(const Labelled &y);
  LogicalResult matchHiddenLayer(const Labelled &a, Label width);
  FailureOr<Stack> matchUp(Value v, const Labelled &hidden, Label width);
  LogicalResult matchMixing(const Labelled &w);
  LogicalResult sameChoice(const Product &product);

  MatchContext &context;
  Grid grid;
  Operation *root;
  LayerMatch layer;
  Labelled terms;       // what is summed over `summed`
  LabelList tokens, summed;
  Label out = 0;
  std::optional<Labelled> indices;
};
} // namespace

static LabelList operator+(const LabelList &a, const LabelList &b) {
  LabelList sum = a;
  llvm::append_range(sum, b);
  return sum;
}

static bool isMul(const Labelled &v) { return v.value.getDefiningOp<MulOp>() != nullptr; }

// sum over slots or experts; with one slot per token there may be none
LogicalResult Stacked::start() {
  auto reduce = dyn_cast<ReduceOp>(root);
  if (!(reduce && reduce.getKind() == ReduceKind::sum && reduce.getAxes().size() == 1) && !isa<MulOp>(root))
    return fail(Stage::root, root, "no sum over one axis");
  layer.result = root->getResult(0);
  if (!cast<RankedTensorType>(layer.result.getType()).getElementType().isF32())
    return fail(Stage::root, root, "not in f32");
  terms = grid.fresh(reduce ? reduce.getInput() : layer.result);
  if (terms.axes.size() < 2 || terms.axes.back().size() != 1)
    return fail(Stage::root, root, "no features on the last axis");
  int64_t axis = reduce ? reduce.getAxes()[0] : -1;
  if (axis == static_cast<int64_t>(terms.axes.size()) - 1)
    return fail(Stage::root, root, "sums over features");
  out = terms.axes.back()[0];
  for (auto [i, labels] : llvm::enumerate(ArrayRef(terms.axes).drop_back()))
    llvm::append_range(static_cast<int64_t>(i) == axis ? summed : tokens, labels);
  return success();
}

FailureOr<Matrices> Stacked::matrices(const Labelled &side) {
  Labelled v = grid.through(side, [](const Labelled &at) {
    return isWeightOnly(at.value) || isa_and_nonnull<GatherOp, GatherNdOp>(at.value.getDefiningOp());
  });
  if (isWeightOnly(v.value)) {
    if (v.axes.size() != 3 || v.axes[0] != summed || summed.empty())
      return failure();
    return Matrices{v.value, v.axes[1], v.axes[2], std::nullopt};
  }
  Operation *op = v.value.getDefiningOp();
  auto gather = dyn_cast_or_null<GatherOp>(op);
  auto gatherNd = dyn_cast_or_null<GatherNdOp>(op);
  if ((!gather || gather.getAxis() != 0) && (!gatherNd || gatherNd.getBatchDims() != 0))
    return failure();
  Value data = op->getOperand(0), chosen = op->getOperand(1);
  auto chosenType = cast<RankedTensorType>(chosen.getType());
  size_t leading = chosenType.getRank();
  if (gatherNd && chosenType.getShape()[--leading] != 1)
    return failure();
  if (!isWeightOnly(data) || cast<RankedTensorType>(data.getType()).getRank() != 3 || v.axes.size() != leading + 2)
    return failure();
  Labelled by{chosen, SmallVector<LabelList>(ArrayRef(v.axes).take_front(leading))};
  if (gatherNd)
    by.axes.emplace_back();
  return Matrices{data, v.axes[leading], v.axes[leading + 1], by};
}

FailureOr<Stacked::Product> Stacked::product(Labelled v, Stage stage) {
  v = grid.through(v, [](const Labelled &at) { return at.value.getDefiningOp<MatmulOp>() != nullptr; });
  Operation *op = v.value.getDefiningOp();
  if (isa_and_nonnull<AddOp>(op))
    return fail(stage, op, "not supported: something is added to an expert's product, such as a bias");
  FailureOr<Grid::Factors> factors = grid.product(v);
  if (failed(factors))
    return fail(stage, op ? op : root, "no product with the experts' matrices");
  for (auto [side, other] : {std::pair(factors->lhs, factors->rhs), std::pair(factors->rhs, factors->lhs)})
    if (FailureOr<Matrices> found = matrices(side); succeeded(found))
      return Product{op, *found, other, factors->inner};
  return fail(stage, op, "no factor is chosen from, or is, the stacked matrices of the experts");
}

FailureOr<Stack> Stacked::stack(const Product &product, Label outLabel) {
  Grid::Part part = grid.wholeOf(outLabel);
  LabelList in{product.inner}, whole{part.whole};
  const Matrices &m = product.matrices;
  bool transposed = m.first == whole && m.second == in;
  if (!transposed && !(m.first == in && m.second == whole))
    return fail(Stage::experts, product.op, "the axes of the experts' matrices are not those of the product");
  auto size = constantOf(grid.size(outLabel));
  if (!size)
    return fail(Stage::experts, product.op, "the experts' width is not constant");
  return Stack{{m.data}, transposed, part.offset, part.stride, *size};
}

// All products choose their experts by the same indices, or are of all experts.
LogicalResult Stacked::sameChoice(const Product &product) {
  const std::optional<Labelled> &by = product.matrices.indices;
  if (by.has_value() != indices.has_value())
    return fail(Stage::experts, product.op, "one product is with chosen experts, another one with all of them");
  if (by && (by->flat() != indices->flat() || withoutReshapes(by->value) != withoutReshapes(indices->value)))
    return fail(Stage::experts, product.op, "the experts of this product are chosen by other indices");
  return success();
}

LogicalResult Stacked::matchDown(const Labelled &y) {
  FailureOr<Product> down = product(y, Stage::root);
  if (failed(down))
    return failure();
  indices = down->matrices.indices;
  layer.isDense = !indices;
  layer.form = layer.isDense ? "D" : "B";
  if (indices && indices->flat() != tokens + summed)
    return fail(Stage::dispatch, down->op, "the chosen experts are not those of tokens and slots, in this order");
  FailureOr<Stack> stacked = stack(*down, out);
  if (failed(stacked))
    return failure();
  layer.down = *stacked;
  Labelled a = grid.through(down->other, [](const Labelled &) { return false; });
  return matchHiddenLayer(a, down->inner);
}

LogicalResult Stacked::matchHiddenLayer(const Labelled &a, Label width) {
  FailureOr<Hidden> hidden = matchHidden(a.value, context);
  if (failed(hidden))
    return failure();
  layer.activation = hidden->activation;
  FailureOr<Stack> up = matchUp(hidden->up, a, width);
  if (failed(up))
    return failure();
  layer.up = *up;
  if (!hidden->gate)
    return success();
  FailureOr<Stack> gate = matchUp(hidden->gate, a, width);
  if (failed(gate))
    return failure();
  layer.gate = *gate;
  return success();
}

// One of the products that make the hidden values, over the whole width or a part of a wider one.
FailureOr<Stack> Stacked::matchUp(Value v, const Labelled &hidden, Label width) {
  Label own = grid.add(grid.size(width));
  Labelled at{v, hidden.axes};
  for (LabelList &axis : at.axes)
    llvm::replace(axis, width, own);
  FailureOr<Product> up = product(at, Stage::experts);
  if (failed(up) || failed(sameChoice(*up)))
    return failure();
  LabelList wanted = tokens + LabelList{up->inner};
  Labelled input = grid.through(up->other, [&](const Labelled &x) { return x.flat() == wanted; });
  if (input.flat() != wanted)
    return fail(Stage::experts, up->op, "the experts' input is not one row per token");
  if (layer.input && withoutReshapes(layer.input) != withoutReshapes(input.value))
    return fail(Stage::experts, up->op, "gate and up have different inputs");
  layer.input = input.value;
  return stack(*up, own);
}

// weights [T, k] (B), or zeros [T, E] with the weights scattered to the chosen experts (D)
LogicalResult Stacked::matchMixing(const Labelled &w) {
  LabelList wanted = tokens + summed;
  if (!layer.isDense) {
    auto inSlots = [&](const Labelled &at) { return !at.axes.empty() && at.flat() == wanted && at.axes.back() == summed; };
    Labelled weights = grid.through(w, inSlots), experts = grid.through(*indices, inSlots);
    if (!inSlots(weights) || !inSlots(experts))
      return fail(Stage::router, root, "the weights of the sum are not one per token and slot");
    layer.weights = weights.value;
    layer.experts = experts.value;
    return success();
  }
  Labelled at = grid.through(w, [](const Labelled &v) { return v.value.getDefiningOp<ScatterElementsOp>() != nullptr; });
  auto scatter = sameRows(at.value).getDefiningOp<ScatterElementsOp>();
  if (!scatter || at.flat() != wanted || at.axes.back() != summed)
    return fail(Stage::dispatch, root, "the weights of the sum over all experts are not scattered to [tokens, experts]");
  bool combines = scatter.getKind() == ScatterKind::set || scatter.getKind() == ScatterKind::add;
  if (static_cast<int64_t>(scatter.getAxis()) != scatter.getType().getRank() - 1 || !combines || splatOf(scatter.getInput()) != 0.0 ||
      scatter.getIndices().getType().getShape() != scatter.getUpdates().getType().getShape())
    return fail(Stage::router, scatter, "the weights are not written into zeros along the experts");
  layer.weights = scatter.getUpdates();
  layer.experts = scatter.getIndices();
  return success();
}

FailureOr<LayerMatch> Stacked::match() {
  if (failed(start()))
    return failure();
  Labelled product = grid.through(terms, isMul);
  auto mul = product.value.getDefiningOp<MulOp>();
  if (!mul)
    return fail(Stage::root, root, "what is summed is no product");
  for (auto [y, w] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())}) {
    FailureOr<Labelled> rows = grid.operand(product, y), weights = grid.operand(product, w);
    if (failed(rows) || failed(weights))
      continue;
    if (succeeded(matchDown(*rows))) {
      if (failed(matchMixing(*weights)))
        return failure();
      return layer;
    }
    if (context.reasons.furthest != Stage::root)
      return failure();
  }
  return failure();
}

FailureOr<LayerMatch> moe::matchStacked(Operation *root, MatchContext &context) { return Stacked(root, context).match(); }
