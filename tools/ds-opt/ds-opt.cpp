// ds-opt: passes on model files.
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::ds::DsDialect, mlir::dsk::DskDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  mlir::registerTransformsPasses();
  mlir::ds::registerGraphPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "ds: optimise neural networks\n", registry));
}
