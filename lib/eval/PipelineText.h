// Textual pass pipelines as trees.
#pragma once
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace mlir::ds {

// A pass with its options, `name{options}`, or a pipeline on an op, `name(elements)`.
struct PipelineElement {
  std::string name;
  bool isOpPipeline = false;
  std::vector<PipelineElement> nested;
};

// Fails when brackets do not match.
FailureOr<SmallVector<PipelineElement>> splitPipeline(StringRef text);

} // namespace mlir::ds
