// Top-k ops whose choice moves tokens or weights: what ought to become a mixture of experts, or be told why not.
#pragma once
#include "passes/moe/Layer.h"

namespace mlir::ds::moe {

class Candidates {
public:
  explicit Candidates(func::FuncOp func);
  // Why `root`, which lies behind a candidate, has no layer.
  void note(Operation *root, const Reasons &why);
  // The layer of the last candidate before `root` was raised.
  void raised(Operation *root);
  // One answer for each candidate that was not raised.
  SmallVector<Reasons> missed() const;

private:
  struct Candidate {
    Operation *choice;
    bool isRaised = false;
    Reasons why;
  };
  Candidate *before(Operation *root);
  SmallVector<Candidate> candidates; // in program order
};

} // namespace mlir::ds::moe
