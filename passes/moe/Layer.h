// What a matcher of ds-moe-raise says about one layer, and what it works with. Nothing is built before all of a layer is proved.
#pragma once
#include "lib/analysis/SymbolicShapes.h"
#include "lib/analysis/WeightData.h"

namespace mlir::ds::moe {

// How much of a layer was recognised when an attempt gave up.
enum class Stage { root, dispatch, experts, router, use };

// Why the attempts at one root failed. Of several the one that came furthest counts.
class Reasons {
public:
  // Records `why`, about the ONNX node of `op`; the result is a failure.
  LogicalResult fail(Stage stage, Operation *op, const Twine &why) {
    if (!at || stage > furthest)
      furthest = stage, at = op, text = why.str();
    return failure();
  }

  Operation *at = nullptr;
  Stage furthest = Stage::root;
  std::string text;
  // The model itself is wrong: it computes what it should only for routings like its exporter's sample.
  bool isBaked = false;
};

struct MatchContext {
  SymbolicShapes &shapes;
  WeightData &data;
  Reasons reasons;
};

// The matrices of all E experts, as the model has them: one of [E, in, out] or E of [in, out], made of weights alone.
struct Stack {
  SmallVector<Value> parts;
  bool transposed = false; // [E, out, in], or [out, in] each
  // The columns that are meant, where the matrices have more (gate and up in one).
  int64_t offset = 0, stride = 1, size = 0;
};

// One layer with T tokens, k slots per token, E experts. T may be several axes; values are as they are in the graph, before or behind
// any reshape. Everything between `result` and input, weights, experts and the stacks has to be needed by the layer alone: the driver
// checks that, the matcher need not.
struct LayerMatch {
  StringRef form;                  // "B"
  Value result;                    // [T, O], perhaps with axes of size 1 behind, what the raised layer replaces
  Value input;                     // [T, H]
  Value weights, experts;          // [T, k] with k as last axis: the mixing weights and the indices of the experts
  Stack up, down;                  // H -> I, I -> O
  std::optional<Stack> gate;       // H -> I
  Activation activation = Activation::identity;
  bool isDense = false;            // every expert was computed for every token
};

// What recognises a form. `root` has the layer's result; the driver tries every op of the function, the last one first, so that a
// chain of accumulations is tried at its end. Failures go through `context.reasons`, with stage `root` as long as it does not look like
// a mixture of experts at all.
using Matcher = FailureOr<LayerMatch> (*)(Operation *root, MatchContext &context);

// Every expert's matrices stacked: gathered per routed row (B), or all of them applied to all tokens (D).
FailureOr<LayerMatch> matchStacked(Operation *root, MatchContext &context);
// Rows picked for each expert in turn, and added back (A, A').
FailureOr<LayerMatch> matchLoop(Operation *root, MatchContext &context);
// Rows sorted by expert, a product for each segment (C).
FailureOr<LayerMatch> matchSegments(Operation *root, MatchContext &context);
// Never matches: says what is wrong with exports that look up the experts that their sample hit (E).
FailureOr<LayerMatch> matchBaked(Operation *root, MatchContext &context);

} // namespace mlir::ds::moe
