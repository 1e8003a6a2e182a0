// ONNX -> ds: one function @main whose weights stay in the model's files.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/MLIRContext.h"

namespace mlir::ds {

struct ImportOptions {
  // Named symbolic dimensions frozen to a size.
  std::vector<std::pair<std::string, int64_t>> dims;
  // Named symbolic dimensions limited to lo..hi; kept in ds.dims as "name:lo..hi".
  struct Range {
    std::string name;
    int64_t low, high;
  };
  std::vector<Range> ranges;
  // Skips ONNX's structural checker (for models known to be good).
  bool check = true;
};

// Adds "name=size" or "name=low..high" to `options`; false if it is neither.
bool parseDim(StringRef spec, ImportOptions &options);

// Tools end with exit code 1 on `invalid` and 3 on `unsupported`.
enum class ImportStatus { ok, invalid, unsupported };

// Reads `path`, mapped and never copied: `.onnx` a protobuf, `.onnxtxt` ONNX's text syntax.
//
// Weights: `ds.weight` names a file relative to the folder in the module attribute `ds.weights_dir`, which is the model's
// folder as given in `path` ("." if it has none); `lib/support/SafeOpen.h` opens it beneath there. Their offsets have no
// alignment. A module written to disk keeps both; tools override the folder by --weights-dir.
//
// Errors are emitted at the context, one line each, naming the node, at the location of the file.
FailureOr<OwningOpRef<ModuleOp>> importOnnx(MLIRContext *context, StringRef path, const ImportOptions &options = {},
                                            ImportStatus *status = nullptr);

// The same from text in ONNX's own syntax; `name` stands for the file in locations.
FailureOr<OwningOpRef<ModuleOp>> importOnnxText(MLIRContext *context, StringRef text, StringRef name,
                                                const ImportOptions &options = {}, ImportStatus *status = nullptr);

} // namespace mlir::ds
