// The table of operators, gathered from the themes.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

static llvm::StringMap<SmallVector<OpEntry, 2>> buildTable() {
  llvm::StringMap<SmallVector<OpEntry, 2>> table;
  for (ArrayRef<OpEntry> theme : {elementwiseOps(), shapeOps(), shapeValueOps(), linearOps(), reduceOps(), indexingOps(), normOps(),
                                  imageOps(), dataOps(), einsumOps(), quantOps(), controlOps(), recurrentOps(), gridSampleOps(), microsoftOps()})
    for (const OpEntry &entry : theme)
      table[entry.op].push_back(entry);
  return table;
}

ImportFn mlir::ds::findOp(StringRef domain, StringRef op, int since) {
  static const llvm::StringMap<SmallVector<OpEntry, 2>> table = buildTable();
  auto it = table.find(domain.empty() ? op.str() : (domain + "::" + op).str());
  const OpEntry *best = nullptr;
  if (it != table.end())
    for (const OpEntry &entry : it->second)
      if (entry.since <= since && (!best || entry.since > best->since))
        best = &entry;
  return best ? best->import : nullptr;
}
