// Finding the executor that a tool has attached to the dialect.
#include "lib/analysis/Executor.h"
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

std::unique_ptr<Executor> ExecutorInterface::create(MLIRContext *context) {
  auto *dialect = context->getLoadedDialect<DsDialect>();
  auto *interface = dialect ? dialect->getRegisteredInterface<ExecutorInterface>() : nullptr;
  return interface ? interface->create() : nullptr;
}
