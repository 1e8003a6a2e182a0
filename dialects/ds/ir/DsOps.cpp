// The generated op definitions.
#include "dialects/ds/ir/DsOps.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace mlir::ds;

#define GET_OP_CLASSES
#include "dialects/ds/ir/DsOps.cpp.inc"
