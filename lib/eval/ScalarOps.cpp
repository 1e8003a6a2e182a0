// Scalars between tensor ops: index arithmetic, sizes and single elements, as rank-0 tensors.
#include "lib/eval/Call.h"
#include "lib/eval/Scalar.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

Scalar eval::scalarOf(const Tensor &tensor) {
  Scalar s;
  if (isa<FloatType>(tensor.elementType()))
    s.f = tensor.getF64(0);
  else
    s.i = tensor.getI64(0);
  return s;
}
FailureOr<Tensor> eval::tensorOf(Type type, Scalar scalar) {
  if (isa<FloatType>(type))
    return store<double>(type, {}, {scalar.f});
  return store<int64_t>(type, {}, {scalar.i});
}

namespace {
LogicalResult evalDim(tensor::DimOp op, Call &call) {
  const Tensor &tensor = call.operands[0];
  int64_t axis = call.operands[1].getI64(0);
  if (axis < 0 || axis >= tensor.rank())
    return call.error() << "asks for axis " << axis << " of rank " << tensor.rank();
  return call.give(Tensor::ofIndex(tensor.shape()[axis], op.getContext()));
}

LogicalResult evalExtract(tensor::ExtractOp, Call &call) {
  const Tensor &tensor = call.operands[0];
  int64_t offset = 0;
  for (auto [axis, stride] : llvm::enumerate(stridesOf(tensor.shape()))) {
    int64_t index = call.operands[axis + 1].getI64(0);
    if (index < 0 || index >= tensor.shape()[axis])
      return call.error() << "reads element " << index << " of axis " << axis << ", which has size "
                          << tensor.shape()[axis];
    offset += index * stride;
  }
  return call.give(gatherStrided(tensor, {}, {}, offset));
}

LogicalResult evalFromElements(tensor::FromElementsOp op, Call &call) {
  FailureOr<Tensor> result = Tensor::allocate(call.elementType(), op.getType().getShape(), maxTensorBytes);
  if (failed(result))
    return call.give(failure());
  char *to = result->mutableBytes().data();
  for (const Tensor &element : call.operands) {
    llvm::copy(element.bytes(), to);
    to += element.bytes().size();
  }
  return call.give(result);
}

// The result type is checked by the caller, for every op.
LogicalResult evalTensorCast(tensor::CastOp, Call &call) { return call.give(call.operands[0]); }
} // namespace

std::optional<FailureOr<Tensor>> eval::evaluateScalar(Operation *op, ArrayRef<Tensor> operands) {
  std::optional<ScalarOp> scalar = decodeScalar(op);
  if (!scalar)
    return std::nullopt;
  SmallVector<Scalar, 4> args = llvm::map_to_vector<4>(operands, scalarOf);
  return tensorOf(scalar->to, scalar->compute(*scalar, args.data()));
}

void eval::addScalar(OpTable &table) {
  table.add<tensor::DimOp>(evalDim);
  table.add<tensor::ExtractOp>(evalExtract);
  table.add<tensor::FromElementsOp>(evalFromElements);
  table.add<tensor::CastOp>(evalTensorCast);
}
