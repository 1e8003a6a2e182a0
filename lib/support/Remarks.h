// What passes say about their decisions, in ONNX nodes; printed under --remarks-filter.
#pragma once
#include "mlir/IR/Location.h"
#include "llvm/ADT/Twine.h"

namespace mlir::ds {

// Tells that a pass raised or changed something at `loc`, or did not. `name` is the decision's, for filters.
void remarkPassed(Location loc, StringRef pass, StringRef name, const Twine &what);
void remarkMissed(Location loc, StringRef pass, StringRef name, const Twine &why);

} // namespace mlir::ds
