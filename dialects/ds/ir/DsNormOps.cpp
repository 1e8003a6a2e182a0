// Rules of normalisation, attention and rotary embedding.
#include "dialects/ds/ir/DsOps.h"

using namespace mlir;
using namespace mlir::ds;

static LogicalResult checkAxis(Operation *op, int64_t axis, size_t rank) {
  if (axis < 0 || axis >= static_cast<int64_t>(rank))
    return op->emitOpError("C1: axis ") << axis << " of rank " << rank;
  return success();
}

// Whether `from` broadcasts to exactly `to`.
static LogicalResult checkBroadcastsTo(Operation *op, const Dims &from, const Dims &to, StringRef label) {
  if (from.size() > to.size())
    return op->emitOpError() << label << ": an operand of rank " << from.size() << " does not broadcast to rank " << to.size();
  for (auto [i, dim] : llvm::enumerate(from))
    if (constantOf(dim) != 1 && failed(checkEqual(op, dim, to[to.size() - from.size() + i], label + Twine(": sizes to broadcast"))))
      return failure();
  return success();
}

LogicalResult SoftmaxOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  results.push_back(shapes.dims(getInput()));
  return checkAxis(*this, getAxis(), results.back().size());
}

LogicalResult NormOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  if (failed(checkAxis(*this, getAxis(), input.size())))
    return failure();
  for (Value v : {getScale(), getBias()})
    if (v && failed(checkBroadcastsTo(*this, shapes.dims(v), input, "C2")))
      return failure();
  results.push_back(std::move(input));
  return success();
}

LogicalResult AttentionOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  auto logical = [&](Value v, ArrayRef<int64_t> layout, Dims &out) -> LogicalResult {
    Dims dims = shapes.dims(v);
    if (dims.size() != 4)
      return emitOpError("C1: rank ") << dims.size() << ", it must be 4";
    if (layout.size() != 4 || !isPermutationVector(layout))
      return emitOpError("C5: a layout is not a permutation of 4 axes");
    out = llvm::map_to_vector(layout, [&](int64_t axis) { return dims[axis]; });
    return success();
  };
  Dims q, k, v;
  if (failed(logical(getQ(), getQLayout(), q)) || failed(logical(getK(), getKLayout(), k)) || failed(logical(getV(), getVLayout(), v)))
    return failure();
  if (getOutLayout().size() != 4 || !isPermutationVector(getOutLayout()))
    return emitOpError("C5: a layout is not a permutation of 4 axes");
  if (auto h = constantOf(q[1]), hk = constantOf(k[1]); h && hk && (*hk == 0 || *h % *hk))
    return emitOpError("C2: ") << *h << " heads over " << *hk << " key heads";
  if (failed(checkEqual(*this, q[0], k[0], "C3: batch of q and k")) || failed(checkEqual(*this, k[0], v[0], "C3: batch of k and v")) ||
      failed(checkEqual(*this, q[3], k[3], "C3: features of q and k")) || failed(checkEqual(*this, k[2], v[2], "C3: length of k and v")) ||
      failed(checkEqual(*this, k[1], v[1], "C3: heads of k and v")))
    return failure();
  if (!(getExcluded().convertToDouble() <= -1e30))
    return emitOpError("C6: excluded keys have a score above -1e30");
  if (getCausal() && getWindowRight())
    return emitOpError("C7: both causal and window_right");
  if (getMask() && failed(checkBroadcastsTo(*this, shapes.dims(getMask()), {q[0], q[1], q[2], k[2]}, "C4")))
    return failure();
  Dims out{q[0], q[1], q[2], v[3]}, stored(4);
  for (auto [i, axis] : llvm::enumerate(getOutLayout()))
    stored[axis] = out[i];
  results.push_back(std::move(stored));
  return success();
}

LogicalResult RopeOp::inferShapes(ShapeContext &shapes, SmallVectorImpl<Dims> &results) {
  Dims input = shapes.dims(getInput());
  auto last = input.empty() ? std::nullopt : constantOf(input.back());
  if (!last || *last % 2)
    return emitOpError("C1: the last size is not static and even");
  Dims half = input;
  half.back() = shapes.constant(*last / 2);
  if (failed(checkBroadcastsTo(*this, shapes.dims(getCos()), half, "C2")) || failed(checkBroadcastsTo(*this, shapes.dims(getSin()), half, "C2")))
    return failure();
  results.push_back(std::move(input));
  return success();
}
