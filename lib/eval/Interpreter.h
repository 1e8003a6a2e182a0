// The plain interpreter of the ds dialect: what the semantics of an op are checked against. It shares no code with
// lowerings. Floats are computed in f64 and rounded once per op to the result's type.
#pragma once
#include "lib/analysis/Executor.h"
#include "lib/analysis/WeightData.h"
#include <functional>
#include <string>

namespace mlir::ds {

struct EvalOptions {
  // Folder beneath which relative files of `ds.weight` lie; empty: the module's `ds.weights_dir`, else the working
  // folder.
  std::string weightsDir;
  // Called after each op of the function, with its results.
  std::function<void(Operation *, ArrayRef<Tensor>)> onOp;
};

// What an evaluation of one module keeps between ops: options, mapped weight files, packed weights.
class EvalContext {
public:
  explicit EvalContext(EvalOptions options = {}) : options(std::move(options)), weights(this->options.weightsDir) {}
  // A weight's elements. Emits an error at `op` on failure.
  FailureOr<Tensor> weight(WeightOp op);
  // The results of the weight program `@weights` of a module at the stop `groups`. It runs once.
  FailureOr<ArrayRef<Tensor>> weightProgram(ModuleOp module);

  const EvalOptions options;

private:
  WeightData weights;
  std::optional<SmallVector<Tensor>> packedWeights;
};

// Runs `func`: one tensor per argument, whose element types and shapes fit the argument types (`?` takes any size).
// Gives one tensor per result. On failure an error has been emitted at the op that failed.
FailureOr<SmallVector<Tensor>> evaluate(func::FuncOp func, ArrayRef<Tensor> inputs, EvalContext &context);
FailureOr<SmallVector<Tensor>> evaluate(func::FuncOp func, ArrayRef<Tensor> inputs, const EvalOptions &options = {});
// One op. `index` operands and results are rank-0 tensors of type index, other scalars rank-0 tensors of their type.
FailureOr<SmallVector<Tensor>> evaluateOp(Operation *op, ArrayRef<Tensor> operands, EvalContext &context);
// Whether the interpreter knows the op.
bool canEvaluate(Operation *op);

// The interpreter as passes know it.
class Interpreter : public Executor {
public:
  explicit Interpreter(EvalOptions options = {}) : context(std::move(options)) {}
  FailureOr<SmallVector<Tensor>> run(func::FuncOp func, ArrayRef<Tensor> arguments) override;
  FailureOr<SmallVector<Tensor>> evaluate(Operation *op, ArrayRef<Tensor> operands) override;
  FailureOr<std::vector<SmallVector<Tensor>>> samples(func::FuncOp func, StringRef folder) override;

private:
  EvalContext context;
};

// Attaches the interpreter to the ds dialect, as the executor of passes.
void registerInterpreter(DialectRegistry &registry);

} // namespace mlir::ds
