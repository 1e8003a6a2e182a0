// How passes run code without knowing who runs it; the pipeline injects an implementation.
#pragma once
#include "lib/analysis/TensorValue.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectInterface.h"

namespace mlir::ds {

class Executor {
public:
  virtual ~Executor() = default;
  // Runs `func` on one tensor per argument and gives one per result. Argument shapes fit the argument types (`?` takes
  // any size). On failure an error has been emitted at the op that failed.
  virtual FailureOr<SmallVector<Tensor>> run(func::FuncOp func, ArrayRef<Tensor> arguments) = 0;
  // One op without regions on known operands; `index` operands and results are rank-0 tensors of type index. Gives
  // failure, silently, for ops it does not know.
  virtual FailureOr<SmallVector<Tensor>> evaluate(Operation *op, ArrayRef<Tensor> operands) = 0;
  // The inputs of `func` in a folder, one set per sample, in the order of the samples' names: `<sample>.npz` with arrays named as the
  // inputs, or a folder `<sample>` with `<input>.npy`. On failure, also when there are none, an error has been emitted at `func`.
  virtual FailureOr<std::vector<SmallVector<Tensor>>> samples(func::FuncOp func, StringRef folder) = 0;
};

// What tools attach to the ds dialect, so that passes with generated constructors find an executor.
class ExecutorInterface : public DialectInterface::Base<ExecutorInterface> {
public:
  using Base::Base;
  virtual std::unique_ptr<Executor> create() const = 0;
  // Null where no tool has attached one.
  static std::unique_ptr<Executor> create(MLIRContext *context);
};

} // namespace mlir::ds
