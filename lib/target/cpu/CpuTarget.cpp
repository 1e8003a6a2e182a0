// The steps of the CPU target in order.
#include "lib/target/cpu/CpuTarget.h"
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/cpu/Codegen.h"
#include "lib/target/cpu/ToLlvm.h"
#include "llvm/ADT/StringSet.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;
using namespace mlir::ds;

void mlir::ds::registerCpuTarget(DialectRegistry &registry) {
  registry.insert<LLVM::LLVMDialect, cf::ControlFlowDialect, scf::SCFDialect, math::MathDialect, dsk::DskDialect, func::FuncDialect,
                  linalg::LinalgDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

// A copy with just `entry` and the groups it calls.
static FailureOr<OwningOpRef<ModuleOp>> isolate(ModuleOp groups, StringRef entry) {
  OwningOpRef<ModuleOp> copy = groups.clone();
  auto fn = copy->lookupSymbol<func::FuncOp>(entry);
  if (!fn)
    return FailureOr<OwningOpRef<ModuleOp>>(groups.emitError("has no function @") << entry);
  llvm::StringSet<> called;
  fn.walk([&](func::CallOp call) { called.insert(call.getCallee()); });
  for (auto other : llvm::make_early_inc_range(copy->getOps<func::FuncOp>()))
    if (other != fn && !called.contains(other.getName()))
      other.erase();
  return copy;
}

FailureOr<CpuImage> mlir::ds::compileForCpu(ModuleOp groups, StringRef entry, StringRef isa, CpuEmit emit) {
  groups.getContext()->loadDialect<LLVM::LLVMDialect, cf::ControlFlowDialect, scf::SCFDialect, arith::ArithDialect>();
  FailureOr<OwningOpRef<ModuleOp>> module = isolate(groups, entry);
  if (failed(module))
    return failure();
  PassManager pm(groups.getContext(), ModuleOp::getOperationName());
  pm.addPass(createLowerAffinePass());
  if (failed(pm.run(**module)))
    return failure();
  FailureOr<ImageInfo> info = lowerLaunchList(**module, (*module)->lookupSymbol<func::FuncOp>(entry));
  if (failed(info))
    return failure();
  CpuImage image{*info, {}};
  if (emit == CpuEmit::Mlir) {
    llvm::raw_svector_ostream(image.bytes) << **module << "\n";
    return image;
  }
  if (failed(lowerToLlvm(**module)))
    return failure();
  FailureOr<SmallVector<char, 0>> code = generateCode(**module, *info, isa, emit);
  if (failed(code))
    return failure();
  image.bytes = std::move(*code);
  return image;
}
