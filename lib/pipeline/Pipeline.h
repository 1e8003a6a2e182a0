// The walk through the compiler, from a model file to a deployable one. The only place that knows the order of rooms.
#pragma once
#include "lib/target/cpu/CpuTarget.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <chrono>
#include <functional>

namespace mlir::ds {

// Stops at which a compile can end and print its module, in order.
enum class Stop { Import, Graph, Groups, Cpu, Package };

struct PipelineOptions {
  std::string input;
  // "name=value" freezes a symbolic dimension, "name=lo..hi" limits it.
  std::vector<std::string> dims;
  // Where weights of `.mlir` inputs are; empty: as the module says.
  std::string weightsDir;
  // ISAs to make code images for.
  std::vector<std::string> cpus;
  // A file of thresholds (ds-sparsity-calibrate), and the sparsity whose gates to take from it; empty: no gates.
  std::string gates;
  double gatesLevel = 0.5;
  // Options of ds-moe-balance ("mode=bias rate=0.001"); empty: routers do not look at their load.
  std::string moeBalance;
  // Told the name of each step as it begins.
  std::function<void(StringRef)> progress;
};

// What a finished compile says about itself.
struct PipelineReport {
  struct Step {
    std::string name;
    double seconds;
  };
  std::vector<Step> steps;
  unsigned groups = 0, launches = 0, kernelLaunches = 0;
  unsigned loops = 0; // elementwise and reduction loops that these launches hold, of every op that is no kernel
  uint64_t fileBytes = 0, weightBytes = 0, sharedBytes = 0;
  std::vector<std::pair<std::string, uint64_t>> imageBytes; // by ISA
  std::vector<std::pair<std::string, uint64_t>> copies;     // weights that are stored in two layouts, and the bytes of the further ones
};

class Pipeline {
public:
  Pipeline(MLIRContext *context, PipelineOptions options) : context(context), options(std::move(options)) {}

  // Runs up to `stop`; the module is then at that stop. Errors are emitted as diagnostics; those of operators that are not
  // supported start with "not supported".
  LogicalResult runTo(Stop stop);
  ModuleOp module() { return *moduleRef; }
  // From the stop `groups`: what `emit` says of @main for one ISA.
  FailureOr<CpuImage> emit(StringRef isa, CpuEmit emit);
  // From the stop `groups`: the package.
  LogicalResult writeTo(StringRef path);

  PipelineReport report;

private:
  LogicalResult import();
  LogicalResult balance();
  LogicalResult passes(StringRef name, llvm::function_ref<void(OpPassManager &)> build);
  template <typename Fn> auto timed(StringRef name, Fn fn) {
    if (options.progress)
      options.progress(name);
    auto start = std::chrono::steady_clock::now();
    auto result = fn();
    report.steps.push_back({name.str(), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    return result;
  }
  void countLaunches();
  std::string weightPath(StringRef file);

  MLIRContext *context;
  PipelineOptions options;
  OwningOpRef<ModuleOp> moduleRef;
  bool atGroups = false;
};

} // namespace mlir::ds
