// ONNX nodes as locations: FusedLoc<"OpType">[NameLoc(node), FileLineColLoc(file)].
#include "lib/support/OnnxLoc.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

// A raised op stands for dozens of nodes; the first ones are those of its result.
static constexpr size_t kMaxDescribed = 4;

Location mlir::ds::onnxLoc(MLIRContext *context, StringRef name, StringRef opType, StringRef file) {
  Location node = NameLoc::get(StringAttr::get(context, name.empty() ? StringRef("?") : name));
  Location line = FileLineColLoc::get(context, file, 0, 0);
  return FusedLoc::get(context, {node, line}, StringAttr::get(context, opType));
}

// The (node, op type) pairs below a location, each once, in order.
static void collectNodes(Location loc, SetVector<std::pair<StringAttr, StringAttr>> &nodes) {
  if (auto call = dyn_cast<CallSiteLoc>(loc)) {
    collectNodes(call.getCallee(), nodes);
    return;
  }
  auto fused = dyn_cast<FusedLoc>(loc);
  if (!fused)
    return;
  auto opType = dyn_cast_or_null<StringAttr>(fused.getMetadata());
  for (Location part : fused.getLocations()) {
    if (auto name = dyn_cast<NameLoc>(part); name && opType)
      nodes.insert({name.getName(), opType});
    else
      collectNodes(part, nodes);
  }
}

std::string mlir::ds::describe(Location loc) {
  SetVector<std::pair<StringAttr, StringAttr>> nodes;
  collectNodes(loc, nodes);
  std::string text;
  llvm::raw_string_ostream os(text);
  if (nodes.empty())
    os << loc;
  ArrayRef<std::pair<StringAttr, StringAttr>> shown = nodes.getArrayRef().take_front(kMaxDescribed);
  llvm::interleaveComma(shown, os, [&](auto &n) { os << "node '" << n.first.getValue() << "' (" << n.second.getValue() << ")"; });
  if (shown.size() < nodes.size())
    os << " and " << nodes.size() - shown.size() << " more";
  return text;
}

bool mlir::ds::isNode(Location loc, StringRef opType) {
  SetVector<std::pair<StringAttr, StringAttr>> nodes;
  collectNodes(loc, nodes);
  return nodes.size() == 1 && nodes[0].second.getValue() == opType;
}
