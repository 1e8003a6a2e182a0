// The order of rooms, one block per stop.
#include "lib/pipeline/Pipeline.h"
#include "dialects/ds/ir/DsOps.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/importer/Import.h"
#include "passes/graph/Passes.h"
#include "passes/lowering/Passes.h"
#include "passes/moe/Passes.h"
#include "passes/sparsity/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::ds;

LogicalResult Pipeline::passes(StringRef name, llvm::function_ref<void(OpPassManager &)> build) {
  return timed(name, [&]() -> LogicalResult {
    PassManager pm(context, ModuleOp::getOperationName());
    if (failed(applyPassManagerCLOptions(pm)))
      return failure();
    build(pm);
    return pm.run(module());
  });
}

LogicalResult Pipeline::import() {
  StringRef path = options.input;
  if (path.ends_with(".mlir") || path.ends_with(".mlirbc")) {
    moduleRef = parseSourceFile<ModuleOp>(path, context);
    if (!moduleRef)
      return failure();
    for (auto fn : moduleRef->getOps<func::FuncOp>())
      atGroups |= fn->hasAttr(dsk::kGroupAttr);
    return success();
  }
  ImportOptions importOptions;
  for (StringRef dim : options.dims)
    if (!parseDim(dim, importOptions))
      return emitError(UnknownLoc::get(context)) << "--dim " << dim << ": expected name=value or name=low..high";
  FailureOr<OwningOpRef<ModuleOp>> imported = importOnnx(context, path, importOptions);
  if (failed(imported))
    return failure();
  moduleRef = std::move(*imported);
  return success();
}

LogicalResult Pipeline::balance() {
  std::unique_ptr<Pass> pass = createBalance();
  auto complain = [&](const Twine &why) -> LogicalResult {
    return emitError(UnknownLoc::get(context)) << "--moe-balance: '" << options.moeBalance << "' are no options of ds-moe-balance " << why;
  };
  if (failed(pass->initializeOptions(options.moeBalance, complain)))
    return failure();
  return passes("balance", [&](OpPassManager &pm) { pm.addPass(std::move(pass)); });
}

LogicalResult Pipeline::runTo(Stop stop) {
  // import: ONNX -> ds
  if (failed(timed("import", [&] { return import(); })))
    return failure();
  if (stop == Stop::Import)
    return success();

  // graph: shapes as index arithmetic, canonical form, raised ops, layouts
  if (!atGroups && failed(passes("graph", [](OpPassManager &pm) { buildGraphPipeline(pm); })))
    return failure();
  // moe: mixtures of experts as one route and one op for the experts
  if (!atGroups && failed(passes("moe", [](OpPassManager &pm) { pm.addPass(createRaise({/*normalForm=*/false})); })))
    return failure();
  if (!atGroups && !options.moeBalance.empty() && failed(balance()))
    return failure();
  // sparsity: gates at calibrated thresholds
  if (!atGroups && !options.gates.empty() && failed(passes("gates", [&](OpPassManager &pm) {
        InsertGatesOptions gates;
        gates.thresholds = options.gates;
        gates.level = options.gatesLevel;
        pm.addPass(createInsertGates(gates));
        pm.addPass(createCompact());
      })))
    return failure();
  if (stop == Stop::Graph)
    return success();

  // groups: linalg + dsk in isolated groups, weight program, launch list
  if (!atGroups && failed(passes("groups", [](OpPassManager &pm) { buildLoweringPipeline(pm); })))
    return failure();
  countLaunches();
  return success();
}

void Pipeline::countLaunches() {
  struct Content {
    bool kernel = false;
    unsigned loops = 0;
  };
  llvm::StringMap<Content> contents;
  for (auto fn : module().getOps<func::FuncOp>()) {
    if (!fn->hasAttr(dsk::kGroupAttr))
      continue;
    ++report.groups;
    Content &content = contents[fn.getName()];
    fn.walk([&](Operation *op) {
      content.loops += isa<linalg::LinalgOp>(op) && !isa<linalg::FillOp>(op);
      content.kernel |= op->getName().getDialectNamespace() == "dsk" && !isa<dsk::ReshapeOp, dsk::CheckOp>(op);
    });
  }
  if (auto main = module().lookupSymbol<func::FuncOp>("main"))
    main.walk([&](func::CallOp call) {
      Content content = contents.lookup(call.getCallee());
      ++report.launches;
      report.kernelLaunches += content.kernel;
      report.loops += content.loops;
    });
}

FailureOr<CpuImage> Pipeline::emit(StringRef isa, CpuEmit emit) {
  return timed(("cpu " + isa).str(), [&] { return compileForCpu(module(), "main", isa, emit); });
}

// Weights of a module lie beneath its folder; `..` and absolute names do not reach out of it.
std::string Pipeline::weightPath(StringRef file) {
  SmallString<128> path;
  if (!options.weightsDir.empty())
    path = options.weightsDir;
  else if (auto dir = module()->getAttrOfType<StringAttr>("ds.weights_dir"))
    path = dir.getValue();
  llvm::sys::path::append(path, file);
  return path.str().str();
}
