// Routers: from the pair (mixing weights, expert indices) back to the logits.
#pragma once
#include "passes/moe/Layer.h"

namespace mlir::ds::moe {

// The operands and attributes of a ds.route. Values keep the rank that they have; the experts are their last axis.
struct RouterMatch {
  Value scores, mixing, bias; // mixing and bias may be null
  ScoreKind mixingScore = ScoreKind::none; // where it is not `none`, mixing is this of `scores`, still to be built
  int64_t numExperts = 0, k = 0, groups = 1, topGroups = 1, groupBest = 1;
  ScoreKind score = ScoreKind::none;
  bool normalize = false;
  double epsilon = 0, scale = 1;
  double droppedEpsilon = 0; // in the model, too small to be kept
};

// `weights` and `experts` are [T.., k], or row-major so.
FailureOr<RouterMatch> matchRouter(Value weights, Value experts, MatchContext &context);

// Through reshapes that keep the last axis, and casts of indices that lose nothing: the same rows.
Value sameRows(Value v);

} // namespace mlir::ds::moe
