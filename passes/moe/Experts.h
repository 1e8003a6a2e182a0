// The experts' side: activations, and stacks of matrices made of weights alone.
#pragma once
#include "passes/moe/Layer.h"
#include "mlir/IR/Builders.h"

namespace mlir::ds::moe {

// activation(gate) * up, or activation(up) without a gate.
struct Hidden {
  Activation activation;
  Value gate, up; // gate may be null
};
FailureOr<Hidden> matchHidden(Value v, MatchContext &context);

// Whether the stack is of `experts` matrices [in, out] in f32, all made of weights alone.
LogicalResult checkStack(const Stack &stack, int64_t experts, int64_t in, int64_t out, Operation *at, MatchContext &context);
// [E, in, out] by reshapes, a concatenation, a slice and a transpose, each only where needed.
Value buildStack(OpBuilder &b, Location loc, const Stack &stack);

// `v` without the reshapes around it.
Value withoutReshapes(Value v);

} // namespace mlir::ds::moe
