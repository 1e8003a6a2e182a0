// Names of groups: what they compute and the ONNX node they come from.
#include "passes/lowering/GroupNames.h"
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

constexpr size_t kMaxWords = 4, kMaxNode = 40;

// The first node name below a location.
static StringRef nodeName(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName();
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (StringRef name = nodeName(part); !name.empty())
        return name;
  return "";
}

static std::string sanitised(StringRef text) {
  std::string out;
  for (char c : text) {
    bool keep = llvm::isAlnum(c);
    if (keep || (!out.empty() && out.back() != '_'))
      out += keep ? c : '_';
  }
  while (!out.empty() && out.back() == '_')
    out.pop_back();
  return out.size() > kMaxNode ? out.substr(out.size() - kMaxNode) : out;
}

std::string mlir::ds::groupName(ArrayRef<Operation *> ops, Location loc) {
  SmallVector<StringRef> words;
  for (Operation *op : ops) {
    auto attr = op->getAttrOfType<StringAttr>(kWordAttr);
    StringRef word = attr ? attr.getValue() : op->getName().stripDialect();
    if (words.empty() || words.back() != word)
      words.push_back(word);
  }
  if (words.size() > kMaxWords)
    words.erase(words.begin() + kMaxWords - 1, words.end() - 1);
  std::string name = llvm::join(words, "_");
  std::string node = sanitised(nodeName(loc));
  return node.empty() ? name : name + "_" + StringRef(node).ltrim('_').str();
}
