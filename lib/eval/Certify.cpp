// The certifying pipeline: instrumentation hooks cannot fail, so that each check is a pass of its own.
#include "lib/eval/Certify.h"
#include "lib/eval/Compare.h"
#include "lib/eval/Interpreter.h"
#include "lib/eval/PipelineText.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// What the checks of one pipeline share.
class Certificate {
public:
  explicit Certificate(CertifyOptions options) : options(std::move(options)) {}

  // Evaluates the module as it is before any pass. Models of images may need larger sizes than the first ones sampled.
  LogicalResult start(func::FuncOp func) {
    original = cast<ModuleOp>(func->getParentOp()->clone());
    if (options.samples.inputsDir.empty()) {
      ScopedDiagnosticHandler silent(func.getContext(), [](Diagnostic &) {});
      for (int64_t scale : {1, 32, 64}) {
        options.samples.spatialScale = scale;
        if (succeeded(sample(func)))
          return success();
      }
      options.samples.spatialScale = 1;
    }
    return sample(func);
  }
  LogicalResult check(func::FuncOp func, StringRef pass);

private:
  SmallVector<Tensor> run(func::FuncOp func) {
    EvalOptions evalOptions;
    evalOptions.weightsDir = options.weightsDir;
    FailureOr<SmallVector<Tensor>> results = evaluate(func, inputs, evalOptions);
    return succeeded(results) ? *results : SmallVector<Tensor>();
  }
  LogicalResult sample(func::FuncOp func) {
    FailureOr<SmallVector<Tensor>> sampled = sampleInputs(func, options.samples);
    if (failed(sampled))
      return failure();
    inputs = *sampled;
    return evaluateOriginal(func);
  }
  LogicalResult evaluateOriginal(func::FuncOp at) {
    first = run(original->lookupSymbol<func::FuncOp>(at.getSymName()));
    if (first.empty() && at.getNumResults())
      return emitError(
          at.getLoc(),
          "--certify: the function cannot be evaluated before any pass; declare inputs (--certify-inputs) or sizes "
          "(--certify-dim)");
    for (auto [i, tensor] : llvm::enumerate(first))
      if (!hasFinite(tensor))
        return emitError(at.getLoc()) << "--certify: output " << i
                                      << " has no finite element on these inputs, which proves nothing; declare "
                                      << "inputs (--certify-inputs)";
    previous = first;
    return success();
  }
  // Whether the signature still takes the inputs; passes may fix sizes.
  bool fits(func::FuncOp func) {
    return llvm::equal(func.getArgumentTypes(), inputs, [](Type type, const Tensor &tensor) {
      return isa<RankedTensorType>(type) && succeeded(verifyCompatibleShape(type, tensor.type()));
    });
  }
  double boundOf(StringRef pass) const {
    auto it = options.boundOf.find(pass.take_until([](char c) { return c == '{'; }).str());
    return it == options.boundOf.end() ? options.bound : it->second;
  }

  CertifyOptions options;
  SmallVector<Tensor> inputs, first, previous;
  OwningOpRef<ModuleOp> original;
};

LogicalResult Certificate::check(func::FuncOp func, StringRef pass) {
  if (!fits(func)) {
    llvm::errs() << "certify: " << pass << ": narrows the inputs; sampled again\n";
    if (failed(sample(func)))
      return failure();
  }
  SmallVector<Tensor> now = run(func);
  if (now.size() != first.size())
    return emitError(func.getLoc()) << "--certify: broken by " << pass << ": the function cannot be evaluated any more";
  bool good = true;
  for (auto [i, tensor] : llvm::enumerate(now)) {
    auto name = func.getResultAttrOfType<StringAttr>(i, "ds.name");
    Difference step = compare(tensor, previous[i]), total = compare(tensor, first[i]);
    bool passed = step.error <= boundOf(pass) && total.error <= std::max(options.bound, boundOf(pass));
    llvm::errs() << "certify: " << pass << ": output " << i << (name ? " '" + name.getValue().str() + "'" : "")
                 << ": error " << llvm::format("%.3g", step.error) << ", in all " << llvm::format("%.3g", total.error)
                 << (passed ? "" : " BROKEN: " + (step.reason.empty() ? total.reason : step.reason)) << "\n";
    good &= passed;
  }
  previous = std::move(now);
  return good ? success() : emitError(func.getLoc()) << "--certify: broken by " << pass;
}

// Runs on modules and functions alike; what is not the entry function does not matter.
class CheckPass : public PassWrapper<CheckPass, OperationPass<>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckPass)
  CheckPass(std::shared_ptr<Certificate> certificate, StringRef pass)
      : certificate(std::move(certificate)), pass(pass) {}
  StringRef getName() const override { return "ds-certify-check"; }
  void runOnOperation() override {
    auto func = dyn_cast<func::FuncOp>(getOperation());
    if (auto module = dyn_cast<ModuleOp>(getOperation()))
      func = module.lookupSymbol<func::FuncOp>("main");
    else if (func && func.getSymName() != "main")
      return;
    if (!func) {
      emitError(getOperation()->getLoc()) << "--certify: there is no @main" << (pass.empty() ? "" : " after ") << pass;
      return signalPassFailure();
    }
    if (failed(pass.empty() ? certificate->start(func) : certificate->check(func, pass)))
      signalPassFailure();
  }

private:
  std::shared_ptr<Certificate> certificate;
  std::string pass;
};

LogicalResult addWithChecks(ArrayRef<PipelineElement> elements, OpPassManager &to,
                            std::shared_ptr<Certificate> certificate) {
  for (const PipelineElement &element : elements) {
    if (element.isOpPipeline) {
      OpPassManager &nested = element.name == "any" ? to.nestAny() : to.nest(element.name);
      if (failed(addWithChecks(element.nested, nested, certificate)))
        return failure();
      continue;
    }
    if (failed(parsePassPipeline(element.name, to)))
      return failure();
    to.addPass(std::make_unique<CheckPass>(certificate, element.name));
  }
  return success();
}
} // namespace

LogicalResult mlir::ds::certify(PassManager &pm, const CertifyOptions &options) {
  std::string text;
  llvm::raw_string_ostream os(text);
  pm.printAsTextualPipeline(os);
  FailureOr<SmallVector<PipelineElement>> elements = splitPipeline(text);
  if (failed(elements) || elements->size() != 1 || !elements->front().isOpPipeline) {
    llvm::errs() << "--certify: cannot take the pipeline apart: " << text << "\n";
    return failure();
  }
  auto certificate = std::make_shared<Certificate>(options);
  pm.clear();
  pm.addPass(std::make_unique<CheckPass>(certificate, ""));
  return addWithChecks(elements->front().nested, pm, certificate);
}
