// The options of --certify.
#pragma once
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

// With --certify, has the pipeline that `config` sets up prove itself. The options must have been parsed.
void addCertify(mlir::MlirOptMainConfig &config);
