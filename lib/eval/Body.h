// Bodies of linalg.generic: decoded once into a small program over registers, then run for each position.
#pragma once
#include "lib/eval/Elements.h"
#include "lib/eval/Scalar.h"
#include "mlir/IR/Block.h"

namespace mlir::ds::eval {

// The elements of a tensor as scalars, and back.
std::vector<Scalar> toScalars(const Tensor &tensor);
FailureOr<Tensor> fromScalars(Type elementType, ArrayRef<int64_t> shape, ArrayRef<Scalar> scalars);

class Body {
public:
  // Values from outside of the body: scalars and tensors of the function that it stands in.
  using Lookup = llvm::function_ref<std::optional<Tensor>(Value)>;
  // Decodes `block`, whose arguments get the first registers. Emits an error for ops that it does not know.
  static FailureOr<Body> decode(Block &block, Lookup outside);

  // Runs on the arguments and a position in the iteration space. The yielded scalars are in `results()` afterwards.
  // Emits an error, at the op, when an element is read from outside of its tensor or a dsk.check fails.
  LogicalResult run(ArrayRef<Scalar> arguments, ArrayRef<int64_t> position);
  ArrayRef<Scalar> results() const { return yielded; }

private:
  enum class Kind { scalar, extract, index, branch, check };
  struct Instruction {
    Kind kind = Kind::scalar;
    Operation *op = nullptr;
    unsigned result = 0; // the first register of the results
    SmallVector<unsigned, 3> args;
    ScalarOp scalar = {};
    unsigned tensor = 0;
    std::vector<Instruction> branches[2];
    SmallVector<unsigned, 2> yields[2];
  };
  using Code = std::vector<Instruction>;

  LogicalResult decodeBlock(Block &block, Lookup outside, Code &code, SmallVectorImpl<unsigned> &yields);
  FailureOr<Instruction> decodeOp(Operation &op, Lookup outside);
  FailureOr<unsigned> registerOf(Value value, Lookup outside, Operation *user);
  LogicalResult runCode(const Code &code, ArrayRef<int64_t> position);
  LogicalResult extract(const Instruction &instruction);
  LogicalResult check(const Instruction &instruction);

  Code code;
  SmallVector<unsigned, 2> yields;
  DenseMap<Value, unsigned> registersOf;
  std::vector<Scalar> registers;
  std::vector<Tensor> tensors;
  DenseMap<Value, unsigned> tensorsOf;
  SmallVector<Scalar, 2> yielded;
};

} // namespace mlir::ds::eval
