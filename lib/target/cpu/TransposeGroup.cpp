// Groups that only transpose matrices, [batch, M, N] -> [batch, N, M] in any number of axes, run as the kernel of that name:
// plain loops would read or write one cache line per element.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/cpu/Groups.h"
#include "lib/target/cpu/KernelCall.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Operand axes [0, rows) are the batch, [rows, columns) become the last axes of the result, the rest comes before them.
struct Transposition {
  linalg::GenericOp op;
  unsigned rows = 0, columns = 0;
};
} // namespace

static std::optional<Transposition> matchTransposition(func::FuncOp group) {
  Operation *terminator = group.getBody().front().getTerminator();
  auto op = terminator->getNumOperands() == 1 ? terminator->getOperand(0).getDefiningOp<linalg::GenericOp>() : nullptr;
  if (!op || !isTransposition(op) || !isa<BlockArgument>(op.getDpsInputs()[0]))
    return std::nullopt;
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0)), out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap toOperand = inversePermutation(in);
  // permutation[i]: the operand axis that is result axis i.
  SmallVector<unsigned> permutation;
  for (AffineExpr expr : out.getResults())
    permutation.push_back(cast<AffineDimExpr>(toOperand.getResult(cast<AffineDimExpr>(expr).getPosition())).getPosition());
  unsigned rank = permutation.size(), rows = 0;
  while (rows < rank && permutation[rows] == rows)
    ++rows;
  if (rows == rank)
    return std::nullopt;
  unsigned columns = permutation[rows];
  for (unsigned i = rows; i < rank; ++i)
    if (permutation[i] != (i < rows + rank - columns ? columns + i - rows : i - (rank - columns)))
      return std::nullopt;
  return Transposition{op, rows, columns};
}

bool mlir::ds::isTransposeGroup(func::FuncOp group) { return matchTransposition(group).has_value(); }

LogicalResult mlir::ds::lowerTransposeGroup(CpuModule &cpu, func::FuncOp group) {
  Transposition t = *matchTransposition(group);
  KernelGroup k(cpu, group, t.op);
  if (failed(k.begin()))
    return failure();
  Value input = t.op.getDpsInputs()[0];
  FailureOr<Value> from = k.pointerOf(input), to = k.pointerOf(k.signature.tensors.back());
  FailureOr<Emitter::Indices> shape = k.emitter->shape(input);
  if (failed(from) || failed(to) || failed(shape))
    return failure();
  auto product = [&](unsigned begin, unsigned end) {
    Value result = k.number(1);
    for (unsigned axis = begin; axis < end; ++axis)
      result = k.emitter->mul(k.loc(), result, (*shape)[axis]);
    return result;
  };
  int64_t bytes = memoryBytes(getElementTypeOrSelf(input.getType()));
  k.call("dsk_transpose", {*from, *to, product(0, t.rows), product(t.rows, t.columns), product(t.columns, shape->size()), k.number(bytes)}, false);
  k.end();
  return success();
}
