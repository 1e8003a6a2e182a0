// The gather family: first the indices are brought into range (and checked), then elements are read.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

static Type elementOf(Value v) { return cast<RankedTensorType>(v.getType()).getElementType(); }

// Whether a constant's elements all lie in [0, size).
static bool knownInside(Value indices, std::optional<int64_t> size) {
  DenseIntElementsAttr attr;
  return size && matchPattern(indices, m_Constant(&attr)) &&
         llvm::all_of(attr.getValues<APInt>(), [&](const APInt &v) { return v.getActiveBits() < 63 && v.getSExtValue() < *size; });
}

// One index of an axis of `size` elements: negative ones count from the end, others out of range are reported and clamped.
static Value clampIndex(ImplicitLocOpBuilder &b, Lowering &l, Value index, AffineExpr size, bool uns) {
  Value at = toIndex(b, index, uns), n = l.index(size), zero = l.index(0);
  if (!uns) {
    Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, at, zero);
    at = arith::SelectOp::create(b, negative, arith::AddIOp::create(b, at, n), at);
  }
  Value ok = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, n);
  dsk::CheckOp::create(b, ok, dsk::FailCode::index, at, n);
  return arith::SelectOp::create(b, ok, at, zero);
}

// The indices as i64 in range, over their own shape.
static Value normalised(Lowering &l, Value indices, AffineExpr size) {
  Dims dims = l.dims(indices);
  Value lowered = l.get(indices);
  if (knownInside(indices, constantOf(size)))
    return lowered;
  bool uns = isUnsigned(indices.getType());
  return l.loops(l.b.getI64Type(), dims, LoopOperand{lowered, l.identity(dims.size())}, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    return arith::IndexCastOp::create(b, b.getI64Type(), clampIndex(b, l, args[0], size, uns));
  });
}

static void lowerGather(Lowering &l, GatherOp op) {
  Value input = l.get(op.getInput());
  int64_t axis = op.getAxis(), n = op.getIndices().getType().getRank();
  Dims dims = l.dims(op.getResult());
  Value indices = normalised(l, op.getIndices(), l.shapes.dim(op.getInput(), axis));
  LoopOperand operand{indices, l.map(dims.size(), l.iota(n, axis))};
  l.set(op, l.loops(elementOf(input), dims, operand, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    SmallVector<Value> at;
    for (int64_t i = 0; i < axis; ++i)
      at.push_back(l.linalgIndex(b, i));
    at.push_back(toIndex(b, args[0], false));
    for (int64_t i = axis + n; i < static_cast<int64_t>(dims.size()); ++i)
      at.push_back(l.linalgIndex(b, i));
    return tensor::ExtractOp::create(b, input, at);
  }));
}

static void lowerGatherElements(Lowering &l, GatherElementsOp op) {
  Value input = l.get(op.getInput());
  Dims dims = l.dims(op.getResult());
  AffineExpr size = l.shapes.dim(op.getInput(), op.getAxis());
  bool uns = isUnsigned(op.getIndices().getType());
  LoopOperand operand{l.get(op.getIndices()), l.identity(dims.size())};
  l.set(op, l.loops(elementOf(input), dims, operand, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    SmallVector<Value> at;
    for (size_t i = 0; i < dims.size(); ++i)
      at.push_back(static_cast<int64_t>(i) == op.getAxis() ? clampIndex(b, l, args[0], size, uns) : l.linalgIndex(b, i));
    return tensor::ExtractOp::create(b, input, at);
  }));
}

static void lowerGatherNd(Lowering &l, GatherNdOp op) {
  Value input = l.get(op.getInput()), indices = l.get(op.getIndices());
  Dims dims = l.dims(op.getResult());
  int64_t tuples = op.getIndices().getType().getRank() - 1, batch = op.getBatchDims();
  int64_t depth = op.getIndices().getType().getDimSize(tuples);
  bool uns = isUnsigned(op.getIndices().getType());
  l.set(op, l.loops(elementOf(input), dims, {}, [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
    SmallVector<Value> tuple, at;
    for (int64_t i = 0; i < tuples; ++i)
      tuple.push_back(l.linalgIndex(b, i));
    at.assign(tuple.begin(), tuple.begin() + batch);
    tuple.push_back(Value());
    for (int64_t i = 0; i < depth; ++i) {
      tuple.back() = l.index(i);
      Value index = tensor::ExtractOp::create(b, indices, tuple);
      at.push_back(clampIndex(b, l, index, l.shapes.dim(op.getInput(), batch + i), uns));
    }
    for (size_t i = tuples; i < dims.size(); ++i)
      at.push_back(l.linalgIndex(b, i));
    return tensor::ExtractOp::create(b, input, at);
  }));
}

static dsk::ScatterKind scatterKind(ScatterKind kind) { return static_cast<dsk::ScatterKind>(kind); }

static Value callScatter(Lowering &l, Value result, ScatterKind kind, Value input, Value indices, Value updates) {
  Value operands[] = {input, indices, updates};
  return l.callGroup("scatter", operands, elementOf(input), l.dims(result), [&](ImplicitLocOpBuilder &b, ValueRange args, TypeRange types) {
    return SmallVector<Value>{dsk::ScatterOp::create(b, types[0], args[0], args[1], args[2], scatterKind(kind))};
  })[0];
}

// Elementwise indices as tuples: the position itself, but on the axis the index.
static void lowerScatterElements(Lowering &l, ScatterElementsOp op) {
  Value indices = l.get(op.getIndices());
  Dims dims = l.dims(op.getIndices()), tuples = dims;
  int64_t rank = dims.size(), axis = op.getAxis();
  tuples.push_back(l.shapes.constant(rank));
  Type i64 = l.b.getI64Type();
  bool uns = isUnsigned(op.getIndices().getType());
  Value positions = l.loops(i64, tuples, LoopOperand{indices, l.map(rank + 1, l.iota(rank))}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
    Value component = l.linalgIndex(b, rank), result = arith::IndexCastOp::create(b, i64, l.linalgIndex(b, 0));
    for (int64_t i = 0; i < rank; ++i) {
      Value here = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, component, l.index(i));
      Value value = i == axis ? arith::IndexCastOp::create(b, i64, toIndex(b, args[0], uns)) : arith::IndexCastOp::create(b, i64, l.linalgIndex(b, i));
      result = arith::SelectOp::create(b, here, value, result);
    }
    return result;
  });
  AffineExpr count = l.shapes.constant(1);
  for (AffineExpr dim : dims)
    count = count * dim;
  Value flat = l.reshape(positions, {count, tuples.back()}), updates = l.reshape(l.get(op.getUpdates()), {count});
  l.set(op, callScatter(l, op, op.getKind(), l.get(op.getInput()), flat, updates));
}

static void lowerScatterNd(Lowering &l, ScatterNdOp op) {
  Dims from = l.dims(op.getIndices()), updates = l.dims(op.getUpdates());
  AffineExpr count = l.shapes.constant(1);
  for (AffineExpr dim : ArrayRef(from).drop_back())
    count = count * dim;
  Dims flat = {count};
  flat.append(updates.begin() + from.size() - 1, updates.end());
  Value indices = l.get(op.getIndices());
  Type i64 = l.b.getI64Type();
  if (!isa<IntegerType>(elementOf(indices)) || elementOf(indices).getIntOrFloatBitWidth() < 32)
    indices = l.loops(i64, from, LoopOperand{indices, l.identity(from.size())}, [&](ImplicitLocOpBuilder &b, ValueRange args) {
      return castScalar(b, args[0], getElementTypeOrSelf(op.getIndices()), i64);
    });
  l.set(op, callScatter(l, op, op.getKind(), l.get(op.getInput()), l.reshape(indices, {count, from.back()}), l.reshape(l.get(op.getUpdates()), flat)));
}

LogicalResult mlir::ds::lowerIndexing(Lowering &l, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](GatherOp o) { return lowerGather(l, o), success(); })
      .Case([&](GatherElementsOp o) { return lowerGatherElements(l, o), success(); })
      .Case([&](GatherNdOp o) { return lowerGatherNd(l, o), success(); })
      .Case([&](ScatterElementsOp o) { return lowerScatterElements(l, o), success(); })
      .Case([&](ScatterNdOp o) { return lowerScatterNd(l, o), success(); })
      .Default([](Operation *) { return failure(); });
}
