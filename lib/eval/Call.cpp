// Calls of evaluators: operand access, shapes by the ops' own rules, and the table of all evaluators.
#include "lib/eval/Call.h"
#include "lib/support/OnnxLoc.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// Shape rules on the sizes and index values that the call has.
class ActualShapes : public ShapeContext {
public:
  explicit ActualShapes(const Call &call) : ShapeContext(call.op->getContext()), call(call) {}
  Dims dims(Value tensor) override {
    return llvm::map_to_vector(call[tensor].shape(), [&](int64_t size) { return constant(size); });
  }
  AffineExpr index(Value value) override { return constant(call.index(value)); }
  AffineExpr unknown(Operation *, unsigned ordinal) override { return getAffineSymbolExpr(ordinal, getContext()); }

private:
  const Call &call;
};
} // namespace

const Tensor &Call::operator[](Value value) const {
  for (OpOperand &operand : op->getOpOperands())
    if (operand.get() == value)
      return operands[operand.getOperandNumber()];
  llvm_unreachable("not an operand of this op");
}

Shape Call::mixed(ValueRange dynamic, ArrayRef<int64_t> statics) const {
  Shape result(statics);
  auto next = dynamic.begin();
  for (int64_t &size : result)
    if (ShapedType::isDynamic(size))
      size = index(*next++);
  return result;
}

FailureOr<Shape> Call::inferredShape(unsigned result) {
  ActualShapes shapes(*this);
  SmallVector<Dims> dims;
  if (failed(cast<ShapeOpInterface>(op).inferShapes(shapes, dims)))
    return failure();
  Shape shape = shapeOf(dims[result]);
  if (llvm::any_of(shape, [](int64_t size) { return size < 0; }))
    return error() << "would have a result of negative or unknown size";
  return shape;
}

InFlightDiagnostic Call::error() const {
  InFlightDiagnostic diagnostic = op->emitOpError();
  std::string node = describe(op->getLoc());
  if (StringRef(node).starts_with("node "))
    diagnostic << "(" << node << ") ";
  return diagnostic;
}

LogicalResult Call::give(FailureOr<Tensor> result) {
  if (failed(result))
    return error() << "has a result or operand too big to be evaluated";
  results.push_back(std::move(*result));
  return success();
}

const OpTable::Evaluator *OpTable::find(StringRef name) const {
  auto it = evaluators.find(name);
  return it == evaluators.end() ? nullptr : &it->second;
}

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable result;
    for (auto add : {addData, addElementwise, addShape, addIndexing, addReduce, addLinear, addWindows, addNorm,
                     addImage, addRouting, addScalar, addGroups, addKernels})
      add(result);
    return result;
  }();
  return table;
}
