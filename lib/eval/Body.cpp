// Decoding and running of scalar programs.
#include "lib/eval/Body.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

std::vector<Scalar> eval::toScalars(const Tensor &tensor) {
  std::vector<Scalar> result(tensor.numElements());
  if (isa<FloatType>(tensor.elementType()))
    for (auto [to, from] : llvm::zip_equal(result, load<double>(tensor)))
      to.f = from;
  else
    for (auto [to, from] : llvm::zip_equal(result, load<int64_t>(tensor)))
      to.i = from;
  return result;
}

FailureOr<Tensor> eval::fromScalars(Type elementType, ArrayRef<int64_t> shape, ArrayRef<Scalar> scalars) {
  if (isa<FloatType>(elementType)) {
    std::vector<double> values(scalars.size());
    for (auto [to, from] : llvm::zip_equal(values, scalars))
      to = from.f;
    return store<double>(elementType, shape, values);
  }
  std::vector<int64_t> values(scalars.size());
  for (auto [to, from] : llvm::zip_equal(values, scalars))
    to = from.i;
  return store<int64_t>(elementType, shape, values);
}

FailureOr<Body> Body::decode(Block &block, Lookup outside) {
  Body body;
  for (BlockArgument argument : block.getArguments()) {
    body.registersOf[argument] = body.registers.size();
    body.registers.push_back({});
  }
  if (failed(body.decodeBlock(block, outside, body.code, body.yields)))
    return failure();
  body.yielded.resize(body.yields.size());
  return body;
}

FailureOr<unsigned> Body::registerOf(Value value, Lookup outside, Operation *user) {
  if (auto it = registersOf.find(value); it != registersOf.end())
    return it->second;
  std::optional<Tensor> known = outside(value);
  if (!known || isa<TensorType>(value.getType()))
    return user->emitOpError("cannot be evaluated: an operand is no scalar that is known here");
  registers.push_back(scalarOf(*known));
  return registersOf[value] = registers.size() - 1;
}

FailureOr<Body::Instruction> Body::decodeOp(Operation &op, Lookup outside) {
  Instruction instruction;
  instruction.op = &op;
  ValueRange scalars = op.getOperands();
  if (std::optional<ScalarOp> scalar = decodeScalar(&op)) {
    instruction.scalar = *scalar;
  } else if (auto read = dyn_cast<tensor::ExtractOp>(op)) {
    instruction.kind = Kind::extract;
    scalars = read.getIndices();
    auto [it, isNew] = tensorsOf.try_emplace(read.getTensor(), tensors.size());
    if (std::optional<Tensor> known = isNew ? outside(read.getTensor()) : std::nullopt)
      tensors.push_back(*known);
    else if (isNew)
      return op.emitOpError("cannot be evaluated: it reads a tensor that is not known here");
    instruction.tensor = it->second;
  } else if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    instruction.kind = Kind::index;
    instruction.scalar.constant = index.getDim();
  } else if (isa<scf::IfOp>(op)) {
    instruction.kind = Kind::branch;
  } else if (isa<dsk::CheckOp>(op)) {
    instruction.kind = Kind::check;
  } else {
    return op.emitOpError("cannot be evaluated inside of a body");
  }
  for (Value operand : scalars) {
    FailureOr<unsigned> reg = registerOf(operand, outside, &op);
    if (failed(reg))
      return failure();
    instruction.args.push_back(*reg);
  }
  for (unsigned i = 0; i < op.getNumRegions(); ++i)
    if (!op.getRegion(i).empty() &&
        failed(decodeBlock(op.getRegion(i).front(), outside, instruction.branches[i], instruction.yields[i])))
      return failure();
  instruction.result = registers.size();
  for (Value result : op.getResults()) {
    registersOf[result] = registers.size();
    registers.push_back({});
  }
  return instruction;
}

LogicalResult Body::decodeBlock(Block &block, Lookup outside, Code &code, SmallVectorImpl<unsigned> &yields) {
  for (Operation &op : block.without_terminator()) {
    FailureOr<Instruction> instruction = decodeOp(op, outside);
    if (failed(instruction))
      return failure();
    code.push_back(std::move(*instruction));
  }
  for (Value value : block.getTerminator()->getOperands()) {
    FailureOr<unsigned> reg = registerOf(value, outside, block.getTerminator());
    if (failed(reg))
      return failure();
    yields.push_back(*reg);
  }
  return success();
}

LogicalResult Body::extract(const Instruction &instruction) {
  const Tensor &tensor = tensors[instruction.tensor];
  int64_t offset = 0;
  for (auto [axis, arg] : llvm::enumerate(instruction.args)) {
    int64_t index = registers[arg].i, size = tensor.shape()[axis];
    if (index < 0 || index >= size)
      return instruction.op->emitOpError()
             << "reads element " << index << " of axis " << axis << ", which has size " << size;
    offset = offset * size + index;
  }
  if (isa<FloatType>(tensor.elementType()))
    registers[instruction.result].f = tensor.getF64(offset);
  else
    registers[instruction.result].i = tensor.getI64(offset);
  return success();
}

LogicalResult Body::check(const Instruction &instruction) {
  if (registers[instruction.args[0]].i)
    return success();
  return instruction.op->emitOpError() << "fails ("
                                       << dsk::stringifyFailCode(cast<dsk::CheckOp>(instruction.op).getCode())
                                       << ") with " << registers[instruction.args[1]].i << " and "
                                       << registers[instruction.args[2]].i;
}

LogicalResult Body::runCode(const Code &code, ArrayRef<int64_t> position) {
  SmallVector<Scalar, 4> args;
  for (const Instruction &instruction : code) {
    switch (instruction.kind) {
    case Kind::scalar:
      args.clear();
      for (unsigned arg : instruction.args)
        args.push_back(registers[arg]);
      registers[instruction.result] = instruction.scalar.compute(instruction.scalar, args.data());
      break;
    case Kind::extract:
      if (failed(extract(instruction)))
        return failure();
      break;
    case Kind::index:
      registers[instruction.result].i = position[instruction.scalar.constant];
      break;
    case Kind::branch: {
      unsigned taken = registers[instruction.args[0]].i ? 0 : 1;
      if (failed(runCode(instruction.branches[taken], position)))
        return failure();
      for (auto [i, reg] : llvm::enumerate(instruction.yields[taken]))
        registers[instruction.result + i] = registers[reg];
      break;
    }
    case Kind::check:
      if (failed(check(instruction)))
        return failure();
    }
  }
  return success();
}

LogicalResult Body::run(ArrayRef<Scalar> arguments, ArrayRef<int64_t> position) {
  llvm::copy(arguments, registers.begin());
  if (failed(runCode(code, position)))
    return failure();
  for (auto [to, reg] : llvm::zip_equal(yielded, yields))
    to = registers[reg];
  return success();
}
