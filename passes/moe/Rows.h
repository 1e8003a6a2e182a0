// Experts on routed rows, proved element by element: what the forms that pick rows (A, A', C) share.
#pragma once
#include "lib/analysis/Provenance.h"
#include "passes/moe/Layer.h"

namespace mlir::ds::moe {

// A position along an axis that a product sums over; the same for all experts of a layer.
struct Inner {
  Polynomial at;
  int64_t size = 0;
};

// What a matcher of rows works with.
struct RowContext {
  explicit RowContext(MatchContext &context) : match(context), elements(context.shapes, context.data) {}

  LogicalResult fail(Stage stage, Operation *op, const Twine &why) { return match.reasons.fail(stage, op, why); }
  LogicalResult failAt(Stage stage, Value v, const Twine &why);

  MatchContext &match;
  Provenance elements;
  std::optional<Inner> input, hidden;
  // The running sums that the segments met so far end at, the sort by expert behind them, and their number.
  ScanOp ends;
  TopKOp sort;
  int64_t segments = 0;
};

// The experts' MLP for one row: of one expert, or of each of the segments that the row can be in.
struct RowExperts {
  Element input; // at context.input
  Activation activation = Activation::identity;
  bool isGated = false;
  SmallVector<Element> gate, up, down; // matrices, at their inner position and column
};

// `y` is element [row, feature] of the experts' result.
FailureOr<RowExperts> matchRowExperts(const Element &y, RowContext &context);
// Fills in the experts' side of the match. `feature` is the variable of the result's last axis.
LogicalResult stackExperts(const RowExperts &experts, const Polynomial &feature, LayerMatch &match, RowContext &context);

// A value with `width` as last axis that has `e` at [row, column]; null if there is none.
Value viewOf(const Element &e, const Polynomial &row, const Polynomial &column, int64_t width, RowContext &context);
// Whether the axes of `v` but the last are as many rows as `rows` has.
bool hasRows(Value v, AffineExpr rows, RowContext &context);

} // namespace mlir::ds::moe
