// What routing ops and their kernels compute alike.
#pragma once
#include "dialects/ds/ir/DsOps.h"

namespace mlir::ds::eval {

double activate(Activation activation, double x);

} // namespace mlir::ds::eval
