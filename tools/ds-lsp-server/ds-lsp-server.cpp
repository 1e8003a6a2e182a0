// ds-lsp-server: the language server for .mlir files with ds and dsk ops; editors start it and speak over stdin.
#include "lib/pipeline/Register.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::ds::registerPipelineDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
