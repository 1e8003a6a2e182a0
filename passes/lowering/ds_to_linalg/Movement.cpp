// Ops that move elements.
#include "passes/lowering/ds_to_linalg/Lowering.h"

using namespace mlir;
using namespace mlir::ds;

static Value copyBody(ImplicitLocOpBuilder &, ValueRange args) { return args[0]; }
static Type elementOf(Value v) { return cast<RankedTensorType>(v.getType()).getElementType(); }

static void lowerReshape(Lowering &l, ReshapeOp op) {
  l.set(op, l.reshape(l.get(op.getInput()), l.dims(op.getResult())));
}

static void lowerTranspose(Lowering &l, TransposeOp op) {
  Exprs source(op.getPermutation().size());
  for (auto [to, from] : llvm::enumerate(op.getPermutation()))
    source[from] = l.d(to);
  Value input = l.get(op.getInput());
  l.set(op, l.loops(elementOf(input), l.dims(op.getResult()), LoopOperand{input, l.map(source.size(), source)}, copyBody));
}

static void lowerBroadcast(Lowering &l, BroadcastOp op) {
  Type element = loweredElement(op.getType().getElementType());
  l.set(op, l.broadcastLoops(element, l.dims(op.getResult()), op.getInput(), copyBody));
}

// Forward strides are a view; backward ones read by index.
static void lowerSlice(Lowering &l, SliceOp op) {
  Value input = l.get(op.getInput());
  Type element = elementOf(input);
  Dims dims = l.dims(op.getResult());
  SmallVector<AffineExpr> offsets = l.shapes.mixed(op.getOffsets(), op.getStaticOffsets());
  // A view may not start past the end, even if it is empty.
  bool none = llvm::any_of(dims, [](AffineExpr e) { return constantOf(e) == 0; });
  for (auto [offset, size] : llvm::zip_equal(offsets, l.dims(op.getInput())))
    none |= constantOf(offset) && constantOf(size) && *constantOf(offset) >= *constantOf(size);
  if (!none && llvm::all_of(op.getStrides(), [](int64_t s) { return s > 0; })) {
    auto foldAll = [&](ArrayRef<AffineExpr> exprs) { return llvm::map_to_vector(exprs, [&](AffineExpr e) { return l.fold(e); }); };
    SmallVector<OpFoldResult> strides = llvm::map_to_vector(op.getStrides(), [&](int64_t s) { return OpFoldResult(l.b.getIndexAttr(s)); });
    Value view = tensor::ExtractSliceOp::create(l.b, input, foldAll(offsets), foldAll(dims), strides);
    l.set(op, l.loops(element, dims, LoopOperand{view, l.identity(dims.size())}, copyBody));
    return;
  }
  SmallVector<Value> starts = llvm::map_to_vector(offsets, [&](AffineExpr e) { return l.index(e); });
  SmallVector<Value> strides = llvm::map_to_vector(op.getStrides(), [&](int64_t s) { return l.index(s); });
  l.set(op, l.loops(element, dims, {}, [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
    SmallVector<Value> at;
    for (auto [i, start] : llvm::enumerate(starts))
      at.push_back(arith::AddIOp::create(b, start, arith::MulIOp::create(b, l.linalgIndex(b, i), strides[i])));
    return tensor::ExtractOp::create(b, input, at);
  }));
}

// The element at `at`, found by halving the operands; the first one starts at `start` along `axis` (null: at 0).
static Value readConcat(ImplicitLocOpBuilder &b, ArrayRef<Value> inputs, ArrayRef<Value> ends, Value start, SmallVector<Value> at, int64_t axis) {
  if (inputs.size() == 1) {
    if (start)
      at[axis] = arith::SubIOp::create(b, at[axis], start);
    return tensor::ExtractOp::create(b, inputs.front(), at);
  }
  size_t half = inputs.size() / 2;
  Value middle = ends[half - 1], here = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at[axis], middle);
  auto read = [&](ArrayRef<Value> from, ArrayRef<Value> to, Value first) {
    return [&, from, to, first](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder inner(loc, nested);
      scf::YieldOp::create(inner, readConcat(inner, from, to, first, at, axis));
    };
  };
  return scf::IfOp::create(b, here, read(inputs.take_front(half), ends.take_front(half), start), read(inputs.drop_front(half), ends.drop_front(half), middle))
      .getResult(0);
}

static void lowerConcat(Lowering &l, ConcatOp op) {
  int64_t axis = op.getAxis();
  Dims dims = l.dims(op.getResult());
  SmallVector<Value> inputs, ends;
  AffineExpr end = l.shapes.constant(0);
  for (Value input : op.getInputs()) {
    inputs.push_back(l.get(input));
    end = end + l.shapes.dim(input, axis);
    ends.push_back(l.index(end));
  }
  l.set(op, l.loops(elementOf(inputs[0]), dims, {}, [&](ImplicitLocOpBuilder &b, ValueRange) {
    SmallVector<Value> at;
    for (size_t i = 0; i < dims.size(); ++i)
      at.push_back(l.linalgIndex(b, i));
    return readConcat(b, inputs, ends, Value(), at, axis);
  }));
}

// Where position `at` of a padded axis reads from, and for constant padding whether it is inside.
static Value padSource(ImplicitLocOpBuilder &b, PadMode mode, Value at, Value size, Value zero, Value one) {
  auto select = [&](Value c, Value x, Value y) { return arith::SelectOp::create(b, c, x, y).getResult(); };
  auto less = [&](Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y).getResult(); };
  auto sub = [&](Value x, Value y) { return arith::SubIOp::create(b, x, y).getResult(); };
  auto modulo = [&](Value x, Value n) {
    Value r = arith::RemSIOp::create(b, x, n);
    return select(less(r, zero), arith::AddIOp::create(b, r, n), r);
  };
  Value last = sub(size, one);
  switch (mode) {
  case PadMode::edge:
    return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, at, last), zero);
  case PadMode::wrap:
    return modulo(at, arith::MaxSIOp::create(b, size, one));
  case PadMode::reflect: {
    // Period 2 (size - 1): up, then down.
    Value period = arith::MaxSIOp::create(b, arith::AddIOp::create(b, last, last), one);
    Value r = modulo(at, period);
    return select(less(last, r), sub(period, r), r);
  }
  case PadMode::constant:
    return at;
  }
  return at;
}

static void lowerPad(Lowering &l, PadOp op) {
  Value input = l.get(op.getInput());
  Dims dims = l.dims(op.getResult()), from = l.dims(op.getInput()), low = l.shapes.mixed(op.getLow(), op.getStaticLow());
  Dims high = l.shapes.mixed(op.getHigh(), op.getStaticHigh());
  bool constant = op.getMode() == PadMode::constant;
  Value zero = l.index(0), one = l.index(1), fill = constant ? l.splat(op.getValue()) : Value();
  SmallVector<Value> first(op.getValue().getType().getRank(), zero);
  SmallVector<Value> lows, sizes;
  for (size_t i = 0; i < dims.size(); ++i) {
    lows.push_back(l.index(low[i]));
    sizes.push_back(l.index(from[i]));
  }
  l.set(op, l.loops(elementOf(input), dims, {}, [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
    SmallVector<Value> at;
    Value inside;
    for (size_t i = 0; i < dims.size(); ++i) {
      Value position = l.linalgIndex(b, i);
      if (constantOf(low[i]) == 0 && constantOf(high[i]) == 0) {
        at.push_back(position);
        continue;
      }
      position = arith::SubIOp::create(b, position, lows[i]);
      if (constant) { // unsigned: below zero is large
        Value ok = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position, sizes[i]);
        inside = inside ? arith::AndIOp::create(b, inside, ok).getResult() : ok;
      }
      at.push_back(padSource(b, op.getMode(), position, sizes[i], zero, one));
    }
    if (!inside)
      return tensor::ExtractOp::create(b, input, at);
    auto branch = scf::IfOp::create(
        b, inside, [&](OpBuilder &n, Location loc) { scf::YieldOp::create(n, loc, tensor::ExtractOp::create(n, loc, input, at).getResult()); },
        [&](OpBuilder &n, Location loc) {
          Value outside = fill ? fill : tensor::ExtractOp::create(n, loc, l.get(op.getValue()), first).getResult();
          scf::YieldOp::create(n, loc, outside);
        });
    return branch.getResult(0);
  }));
}

static void lowerIota(Lowering &l, IotaOp op) {
  Type element = loweredElement(op.getType().getElementType());
  l.set(op, l.loops(element, l.dims(op.getResult()), {}, [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
    Value i = l.linalgIndex(b, 0);
    if (!isa<FloatType>(element))
      return arith::IndexCastOp::create(b, element, i);
    return castScalar(b, arith::IndexCastOp::create(b, b.getI64Type(), i), b.getI64Type(), element);
  }));
}

LogicalResult mlir::ds::lowerMovement(Lowering &l, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](ReshapeOp o) { return lowerReshape(l, o), success(); })
      .Case([&](TransposeOp o) { return lowerTranspose(l, o), success(); })
      .Case([&](BroadcastOp o) { return lowerBroadcast(l, o), success(); })
      .Case([&](SliceOp o) { return lowerSlice(l, o), success(); })
      .Case([&](ConcatOp o) { return lowerConcat(l, o), success(); })
      .Case([&](PadOp o) { return lowerPad(l, o), success(); })
      .Case([&](IotaOp o) { return lowerIota(l, o), success(); })
      .Default([](Operation *) { return failure(); });
}
