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
  LogicalResult splitMixing(const Labelled &product, Label feature);
  LogicalResult matchDown();
  LogicalResult matchHiddenLayer(Label width);
  FailureOr<Stack> matchUp(Value v, Label width);
  Value bySlots(const Labelled &v);
  LogicalResult matchMixing();
  LogicalResult sameChoice(const Product &product);

  MatchContext &context;
  Grid grid;
  Operation *root;
  LayerMatch layer;
  Labelled terms; // what is looked at next: from what is summed back to the hidden values
  std::optional<Labelled> mixing;
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

static bool has(const Labelled &v, Label label) { return llvm::is_contained(v.flat(), label); }

// The sum over slots or experts: a reduction, a product with the weights, or, with one slot per token, none.
LogicalResult Stacked::start() {
  auto reduce = dyn_cast<ReduceOp>(root);
  if (!(reduce && reduce.getKind() == ReduceKind::sum && reduce.getAxes().size() == 1) && !isa<MulOp, MatmulOp>(root))
    return fail(Stage::root, root, "no sum over one axis");
  layer.result = root->getResult(0);
  if (!cast<RankedTensorType>(layer.result.getType()).getElementType().isF32())
    return fail(Stage::root, root, "not in f32");
  terms = grid.fresh(reduce ? reduce.getInput() : layer.result);
  if (reduce)
    summed = std::exchange(terms.axes[reduce.getAxes()[0]], {});
  tokens = terms.flat();
  if (tokens.empty())
    return fail(Stage::root, root, "no features");
  out = tokens.pop_back_val();
  if (reduce)
    terms.axes[reduce.getAxes()[0]] = summed;
  return success();
}

// Apart the weights and what they are multiplied with, which alone depends on `feature`.
LogicalResult Stacked::splitMixing(const Labelled &product, Label feature) {
  auto mul = product.value.getDefiningOp<MulOp>();
  if (!mul)
    return failure();
  FailureOr<Labelled> lhs = grid.operand(product, mul.getLhs()), rhs = grid.operand(product, mul.getRhs());
  if (failed(lhs) || failed(rhs) || has(*lhs, feature) == has(*rhs, feature))
    return failure();
  mixing = has(*lhs, feature) ? *rhs : *lhs;
  terms = has(*lhs, feature) ? *lhs : *rhs;
  return success();
}

FailureOr<Matrices> Stacked::matrices(const Labelled &side) {
  auto isStack = [&](const Labelled &at) {
    return isWeightOnly(at.value) && at.axes.size() == 3 && !summed.empty() && at.axes[0] == summed && at.axes[1].size() == 1;
  };
  Labelled v = grid.through(side, [&](const Labelled &at) {
    return isStack(at) || isa_and_nonnull<GatherOp, GatherNdOp>(at.value.getDefiningOp());
  });
  if (isStack(v))
    return Matrices{v.value, v.axes[1], v.axes[2], std::nullopt};
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

LogicalResult Stacked::matchDown() {
  FailureOr<Product> down = product(terms, Stage::root);
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
  terms = grid.through(down->other, [](const Labelled &) { return false; });
  if (!mixing) {
    // The weights may be there before the second product as well.
    if (failed(splitMixing(terms, down->inner)))
      return fail(Stage::dispatch, down->op, "no weights are multiplied with what the experts give");
    terms = grid.through(terms, [](const Labelled &) { return false; });
  }
  return matchHiddenLayer(down->inner);
}

LogicalResult Stacked::matchHiddenLayer(Label width) {
  FailureOr<Hidden> hidden = matchHidden(terms.value, context);
  if (failed(hidden))
    return failure();
  layer.activation = hidden->activation;
  FailureOr<Stack> up = matchUp(hidden->up, width);
  if (failed(up))
    return failure();
  layer.up = *up;
  if (!hidden->gate)
    return success();
  FailureOr<Stack> gate = matchUp(hidden->gate, width);
  if (failed(gate))
    return failure();
  layer.gate = *gate;
  return success();
}

// One of the products that make the hidden values, over the whole width or a part of a wider one.
FailureOr<Stack> Stacked::matchUp(Value v, Label width) {
  Label own = grid.add(grid.size(width));
  Labelled at{v, terms.axes};
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

// The values of tokens and slots where the slots are the last axis; null if there is no such place.
Value Stacked::bySlots(const Labelled &v) {
  LabelList wanted = tokens + summed;
  auto inSlots = [&](const Labelled &at) { return !at.axes.empty() && at.flat() == wanted && at.axes.back() == summed; };
  Labelled at = grid.through(v, inSlots);
  if (at.flat() != wanted)
    return nullptr;
  // From here on reshapes keep the order, whether or not the tokens' axes are known.
  auto slots = summed.empty() ? 1 : constantOf(grid.size(summed[0]));
  auto isLast = [&](Value at) {
    auto type = cast<RankedTensorType>(at.getType());
    return type.getRank() && slots && type.getShape().back() == *slots;
  };
  Value found = at.value;
  while (!isLast(found) && found.getDefiningOp<ReshapeOp>())
    found = found.getDefiningOp<ReshapeOp>().getInput();
  return isLast(found) ? found : Value();
}

// weights [T, k] (B), or zeros [T, E] with the weights scattered to the chosen experts (D)
LogicalResult Stacked::matchMixing() {
  LabelList wanted = tokens + summed;
  const Labelled &w = *mixing;
  if (!layer.isDense) {
    layer.weights = bySlots(w);
    layer.experts = bySlots(*indices);
    if (!layer.weights || !layer.experts)
      return fail(Stage::router, root, "the weights of the sum are not one per token and slot");
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
  if (isa<MatmulOp>(root)) {
    FailureOr<Grid::Factors> factors = grid.product(terms);
    if (failed(factors) || has(factors->lhs, out) == has(factors->rhs, out))
      return fail(Stage::root, root, "no sum of products with weights");
    if (!grid.isOne(factors->inner))
      summed.push_back(factors->inner);
    terms = has(factors->lhs, out) ? factors->lhs : factors->rhs;
    mixing = has(factors->lhs, out) ? factors->rhs : factors->lhs;
  } else {
    terms = grid.through(terms, [](const Labelled &at) { return isa_and_nonnull<MulOp, MatmulOp>(at.value.getDefiningOp()); });
    if (!terms.value.getDefiningOp<MatmulOp>() && failed(splitMixing(terms, out)))
      return fail(Stage::root, root, "what is summed is no product with weights");
  }
  if (failed(matchDown()) || failed(matchMixing()))
    return failure();
  return layer;
}

FailureOr<LayerMatch> moe::matchStacked(Operation *root, MatchContext &context) { return Stacked(root, context).match(); }
