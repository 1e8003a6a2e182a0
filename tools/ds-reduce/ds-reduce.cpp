// ds-reduce: makes a module that shows a problem smaller, while a test script still finds it interesting.
#include "lib/pipeline/Register.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::ds::registerPipelineDialects(registry);
  mlir::ds::registerPipelinePasses();
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
