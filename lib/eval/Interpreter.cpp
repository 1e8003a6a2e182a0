// Walks a function's ops in order, keeping tensors as long as they are used.
#include "lib/eval/Interpreter.h"
#include "lib/eval/Call.h"
#include "lib/eval/Samples.h"
#include "lib/eval/Scalar.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

// Whether the tensor is one of the values that `type` describes; scalar types are rank-0 tensors here.
static bool fits(const Tensor &tensor, Type type) {
  if (tensor.elementType() != getElementTypeOrSelf(type))
    return false;
  auto tensorType = dyn_cast<RankedTensorType>(type);
  return tensorType ? succeeded(verifyCompatibleShape(tensorType.getShape(), tensor.shape())) : tensor.rank() == 0;
}

static FailureOr<SmallVector<Tensor>> evaluateOp(Operation *op, ArrayRef<Tensor> operands, EvalContext &context,
                                                 Call::Outside outside) {
  Call call(op, operands, context, outside);
  if (std::optional<FailureOr<Tensor>> scalar = evaluateScalar(op, operands)) {
    if (failed(call.give(*scalar)))
      return failure();
  } else {
    const OpTable::Evaluator *evaluator = OpTable::get().find(op->getName().getStringRef());
    if (!evaluator)
      return call.error() << "cannot be evaluated";
    if (failed((*evaluator)(call)))
      return failure();
  }
  for (auto [value, type] : llvm::zip_equal(call.results, op->getResultTypes()))
    if (!fits(value, type))
      return call.error() << "gives a " << value.type() << " where its type says " << type;
  return std::move(call.results);
}

FailureOr<SmallVector<Tensor>> mlir::ds::evaluateOp(Operation *op, ArrayRef<Tensor> operands, EvalContext &context) {
  return ::evaluateOp(op, operands, context, [](Value) { return std::nullopt; });
}

bool mlir::ds::canEvaluate(Operation *op) {
  return OpTable::get().find(op->getName().getStringRef()) || decodeScalar(op).has_value();
}

namespace {
// The values of one function while it runs.
class Frame {
public:
  Frame(Block &block, EvalContext &context) : block(block), context(context) {
    for (Operation &op : llvm::reverse(block))
      op.walk([&](Operation *nested) {
        for (Value operand : nested->getOperands())
          if (seen.insert(operand).second)
            lastUses[&op].push_back(operand);
      });
  }

  FailureOr<SmallVector<Tensor>> run(ArrayRef<Tensor> inputs) {
    for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), inputs))
      values[argument] = tensor;
    for (Operation &op : block.without_terminator())
      if (failed(step(op)))
        return failure();
    return operandsOf(*block.getTerminator());
  }

private:
  SmallVector<Tensor> operandsOf(Operation &op) {
    return llvm::map_to_vector(op.getOperands(), [&](Value value) { return values.lookup(value); });
  }
  LogicalResult step(Operation &op) {
    auto outside = [&](Value value) {
      auto it = values.find(value);
      return it == values.end() ? std::nullopt : std::optional(it->second);
    };
    FailureOr<SmallVector<Tensor>> results = ::evaluateOp(&op, operandsOf(op), context, outside);
    if (failed(results))
      return failure();
    if (context.options.onOp)
      context.options.onOp(&op, *results);
    for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results))
      if (!value.use_empty())
        values[value] = std::move(tensor);
    for (Value dead : lastUses[&op])
      values.erase(dead);
    return success();
  }

  Block &block;
  EvalContext &context;
  DenseSet<Value> seen;
  DenseMap<Operation *, SmallVector<Value, 2>> lastUses;
  DenseMap<Value, Tensor> values;
};
} // namespace

FailureOr<SmallVector<Tensor>> mlir::ds::evaluate(func::FuncOp func, ArrayRef<Tensor> inputs, EvalContext &context) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("cannot be evaluated: its body is not one block");
  if (inputs.size() != func.getNumArguments())
    return func.emitOpError() << "takes " << func.getNumArguments() << " inputs, not " << inputs.size();
  for (auto [i, input] : llvm::enumerate(inputs))
    if (!fits(input, func.getArgument(i).getType()))
      return func.emitOpError() << "takes a " << func.getArgument(i).getType() << " as input " << i << ", not a "
                                << input.type();
  return Frame(func.getBody().front(), context).run(inputs);
}

FailureOr<SmallVector<Tensor>> mlir::ds::evaluate(func::FuncOp func, ArrayRef<Tensor> inputs,
                                                  const EvalOptions &options) {
  EvalContext context(options);
  return evaluate(func, inputs, context);
}

FailureOr<SmallVector<Tensor>> Interpreter::run(func::FuncOp func, ArrayRef<Tensor> arguments) {
  return mlir::ds::evaluate(func, arguments, context);
}

FailureOr<SmallVector<Tensor>> Interpreter::evaluate(Operation *op, ArrayRef<Tensor> operands) {
  return canEvaluate(op) ? evaluateOp(op, operands, context) : FailureOr<SmallVector<Tensor>>(failure());
}

FailureOr<std::vector<SmallVector<Tensor>>> Interpreter::samples(func::FuncOp func, StringRef folder) { return readSamples(func, folder); }

namespace {
class InterpreterInterface : public ExecutorInterface {
public:
  explicit InterpreterInterface(Dialect *dialect) : ExecutorInterface(dialect) {}
  std::unique_ptr<Executor> create() const override { return std::make_unique<Interpreter>(); }
};
} // namespace

void mlir::ds::registerInterpreter(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, DsDialect *dialect) { dialect->addInterface<InterpreterInterface>(); });
}
