// Rules of routing, experts and gates.
#include "dialects/ds/ir/DsOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;

static LogicalResult checkRank(Operation *op, const Dims &dims, size_t rank, StringRef what) {
  if (dims.size() != rank)
    return op->emitOpError("C1: ") << what << " has rank " << dims.size() << ", it must be " << rank;
  return success();
}

// C2 and C3: numbers of experts and groups.
static LogicalResult checkChoice(RouteOp op, int64_t experts) {
  int64_t groups = op.getGroups(), top = op.getTopGroups(), best = op.getGroupBest(), k = op.getK();
  if (groups < 1 || experts % groups || top < 1 || top > groups || best < 1 || best > experts / groups)
    return op.emitOpError("C3: ") << experts << " experts in " << groups << " groups, " << top << " of them chosen by their " << best << " best";
  if (k < 1 || k > experts / groups * top)
    return op.emitOpError("C2: k is ") << k << " of " << experts / groups * top << " experts that may be chosen";
  return success();
}

static LogicalResult checkBalance(RouteOp op) {
  bool balanced = op.getBalance() != BalanceKind::none;
  if (balanced != static_cast<bool>(op.getLoad()) || balanced != static_cast<bool>(op.getNewLoad()))
    return op.emitOpError("C5: a load comes in and goes out exactly if balance is not none");
  double rate = op.getRate().convertToDouble();
  if (!(rate >= 0 && rate <= 1))
    return op.emitOpError("C5: the rate is ") << rate << ", it must be from 0 to 1";
  return success();
}

LogicalResult RouteOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims scores = shapes.dims(getScores());
  if (failed(checkRank(*this, scores, 2, "scores")))
    return failure();
  auto experts = constantOf(scores[1]);
  if (!experts)
    return emitOpError("C1: the number of experts is not static");
  if (Value mixing = getMixing()) {
    Dims dims = shapes.dims(mixing);
    if (failed(checkRank(*this, dims, 2, "mixing")) || failed(checkEqual(*this, dims[0], scores[0], "C1: tokens of scores and mixing")) ||
        failed(checkEqual(*this, dims[1], scores[1], "C1: experts of scores and mixing")))
      return failure();
  }
  if (failed(checkChoice(*this, *experts)) || failed(checkBalance(*this)))
    return failure();
  for (Value v : {getBias(), getLoad()}) {
    if (!v)
      continue;
    Dims dims = shapes.dims(v);
    if (dims.size() != 1)
      return emitOpError("C4: bias or load has rank ") << dims.size() << ", it must be 1";
    if (failed(checkEqual(*this, dims[0], scores[1], "C4: experts of scores and of bias or load")))
      return failure();
  }
  AffineExpr k = shapes.constant(getK());
  results.append({{scores[0], k}, {scores[0], k}, {scores[0] * k}, {shapes.constant(*experts + 1)}});
  if (getNewLoad())
    results.push_back({scores[1]});
  return success();
}

LogicalResult ExpertsOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput()), weights = shapes.dims(getWeights()), permutation = shapes.dims(getPermutation()),
       offsets = shapes.dims(getOffsets()), up = shapes.dims(getUp()), down = shapes.dims(getDown());
  if (failed(checkRank(*this, input, 2, "input")) || failed(checkRank(*this, weights, 2, "weights")) ||
      failed(checkRank(*this, permutation, 1, "permutation")) || failed(checkRank(*this, offsets, 1, "offsets")) ||
      failed(checkRank(*this, up, 3, "up")) || failed(checkRank(*this, down, 3, "down")))
    return failure();
  if (Value gate = getGate()) {
    Dims dims = shapes.dims(gate);
    if (failed(checkRank(*this, dims, 3, "gate")))
      return failure();
    for (auto [a, b] : llvm::zip_equal(dims, up))
      if (failed(checkEqual(*this, a, b, "C2: sizes of gate and up")))
        return failure();
  }
  auto experts = constantOf(up[0]);
  if (!experts || !constantOf(weights[1]))
    return emitOpError("C2: the number of experts or of slots is not static");
  if (failed(checkEqual(*this, input[0], weights[0], "C2: tokens of input and weights")) ||
      failed(checkEqual(*this, weights[0] * weights[1], permutation[0], "C2: routed rows")) ||
      failed(checkEqual(*this, offsets[0], shapes.constant(*experts + 1), "C2: offsets, one more than experts")) ||
      failed(checkEqual(*this, input[1], up[1], "C2: features of input and up")) ||
      failed(checkEqual(*this, up[0], down[0], "C2: experts of up and down")) || failed(checkEqual(*this, up[2], down[1], "C2: width of up and down")))
    return failure();
  results.push_back({input[0], down[2]});
  return success();
}

LogicalResult GateOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  double threshold = getThreshold().convertToDouble();
  if (!std::isfinite(threshold) || (!getBy() && threshold < 0))
    return emitOpError("C2: the threshold is ") << threshold;
  if (Value by = getBy()) {
    Dims dims = shapes.dims(by);
    if (dims.size() > input.size())
      return emitOpError("C1: the gate has rank ") << dims.size() << ", the input " << input.size();
    for (auto [i, dim] : llvm::enumerate(dims))
      if (constantOf(dim) != 1 && failed(checkEqual(*this, dim, input[input.size() - dims.size() + i], "C1: sizes to broadcast")))
        return failure();
  }
  results.push_back(std::move(input));
  return success();
}
