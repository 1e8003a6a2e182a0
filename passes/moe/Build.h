// The last checks of a layer, and what it becomes.
#pragma once
#include "passes/moe/Router.h"

namespace mlir::ds::moe {

// Whether router, input and matrices fit each other, and nothing but the layer needs its inner values.
LogicalResult checkLayer(const LayerMatch &layer, const RouterMatch &router, MatchContext &context);
// The ops that nobody needs any more once the layer's result is replaced, that of the result first.
SetVector<Operation *> innerOps(const LayerMatch &layer);
// ds.route and ds.experts in place of the layer's result; the rest of it is dead. The location names its nodes.
Location buildLayer(const LayerMatch &layer, const RouterMatch &router, func::FuncOp func, MatchContext &context);
// Whether what the result is added to is computed from the same input by products.
bool hasSharedExpert(const LayerMatch &layer);

} // namespace mlir::ds::moe
