// Argument structs of the matmul, convolution and attention kernels (runtime/kernels/cpu/dsk.h).
#include "dialects/dsk/ir/DskOps.h"
#include "lib/target/cpu/KernelCall.h"

using namespace mlir;
using namespace mlir::ds;

// DSK_UNBOUNDED of dsk.h.
static constexpr int64_t kUnbounded = INT64_MAX / 4;

namespace {
// Batch, row and column strides of a matrix operand and their sizes.
struct Matrix {
  Value pointer, batch, rows, columns, batchStride, rowStride, columnStride;
};
} // namespace

static FailureOr<Matrix> matrixOf(KernelGroup &k, Value tensor, bool transposed) {
  FailureOr<StridedView> view = viewOf(*k.emitter, tensor);
  FailureOr<Emitter::Indices> shape = k.emitter->shape(tensor);
  if (failed(view) || failed(shape))
    return failure();
  FailureOr<Value> pointer = k.pointer(*view);
  if (failed(pointer))
    return failure();
  size_t rank = shape->size(), row = rank - 2, column = rank - 1;
  if (transposed)
    std::swap(row, column);
  Matrix m{*pointer, k.number(1), (*shape)[row], (*shape)[column], k.number(0), view->strides[row], view->strides[column]};
  if (rank == 3) {
    m.batch = (*shape)[0];
    if (cast<RankedTensorType>(tensor.getType()).getDimSize(0) != 1)
      m.batchStride = view->strides[0];
    // A contiguous batch of matrices against one shared operand is one tall matrix; the caller decides.
  }
  return m;
}

LogicalResult mlir::ds::lowerMatmulGroup(KernelGroup &k) {
  auto op = cast<dsk::MatmulOp>(k.kernel);
  bool batched = op.getType().getRank() == 3;
  if (failed(k.emitEpilogue(batched ? KernelGroup::Space::BatchedMatrix : KernelGroup::Space::Matrix)) || failed(k.begin()))
    return failure();
  FailureOr<Matrix> a = matrixOf(k, op.getLhs(), op.getTransposeA());
  if (failed(a))
    return failure();
  bool packed = op.getPackedN().has_value();
  Matrix b;
  if (packed) {
    FailureOr<Value> pointer = k.pointerOf(op.getRhs());
    if (failed(pointer))
      return failure();
    b = {*pointer, k.number(1), a->columns, k.number(*op.getPackedN()), k.number(0), k.number(0), k.number(0)};
  } else {
    FailureOr<Matrix> view = matrixOf(k, op.getRhs(), op.getTransposeB());
    if (failed(view))
      return failure();
    b = *view;
  }
  bool batchFromB = !packed && cast<RankedTensorType>(op.getLhs().getType()).getRank() == 2;
  Value batch = batchFromB || (!packed && cast<RankedTensorType>(op.getLhs().getType()).getDimSize(0) == 1) ? b.batch : a->batch;
  if (!batched)
    batch = k.number(1);
  k.call(op.getSkipZeros() ? "dsk_gated_matmul_f32" : "dsk_matmul_f32",
         {a->pointer, b.pointer, batch, a->rows, b.columns, a->columns, a->batchStride, a->rowStride, a->columnStride, b.batchStride,
          b.rowStride, b.columnStride, k.cpu.constantI32(k.emitter->builder, k.loc(), packed)},
         /*withEpilogue=*/true);
  k.end();
  return success();
}

LogicalResult mlir::ds::lowerConvGroup(KernelGroup &k) {
  if (failed(k.emitEpilogue(KernelGroup::Space::Image)) || failed(k.begin()))
    return failure();
  Value input = k.kernel->getOperand(0), filter = k.kernel->getOperand(1);
  FailureOr<Value> x = k.pointerOf(input), w = k.pointerOf(filter);
  FailureOr<Emitter::Indices> in = k.emitter->shape(input);
  unsigned destination = k.signature.tensors.size() - k.signature.destinations;
  FailureOr<Emitter::Indices> out = k.emitter->shape(k.signature.tensors[destination]);
  if (failed(x) || failed(w) || failed(in) || failed(out))
    return failure();
  auto array = [&](StringRef name) { return k.kernel->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef(); };
  ArrayRef<int64_t> kernel = array("kernel"), strides = array("strides"), pads = array("pads"), dilations = array("dilations");
  auto conv = dyn_cast<dsk::ConvOp>(k.kernel);
  Value groups = conv ? k.number(conv.getGroups()) : (*in)[3];
  k.call(conv ? "dsk_conv2d_f32" : "dsk_depthwise_conv2d_f32",
         {*x, *w, (*in)[0], (*in)[1], (*in)[2], (*in)[3], (*out)[3], groups, (*out)[1], (*out)[2], k.number(kernel[0]), k.number(kernel[1]),
          k.number(strides[0]), k.number(strides[1]), k.number(pads[0]), k.number(pads[1]), k.number(dilations[0]), k.number(dilations[1])},
         /*withEpilogue=*/true);
  k.end();
  return success();
}

LogicalResult mlir::ds::lowerAttentionGroup(KernelGroup &k) {
  auto op = cast<dsk::AttentionOp>(k.kernel);
  if (failed(k.begin()))
    return failure();
  if (k.returned.size() != 1 || k.returned[0] != op.getResult())
    return k.group.emitError("an attention group returns just the attention's result");
  // Sizes and strides in logical order [B, H, S, D].
  struct Operand {
    Value pointer;
    Emitter::Indices sizes, strides;
  };
  auto operand = [&](Value v, ArrayRef<int64_t> layout) -> FailureOr<Operand> {
    FailureOr<StridedView> view = viewOf(*k.emitter, v);
    FailureOr<Emitter::Indices> shape = k.emitter->shape(v);
    if (failed(view) || failed(shape))
      return failure();
    FailureOr<Value> pointer = k.pointer(*view);
    if (failed(pointer))
      return failure();
    Operand result{*pointer, {}, {}};
    for (int64_t axis : layout) {
      result.sizes.push_back((*shape)[axis]);
      result.strides.push_back(view->strides[axis]);
    }
    return result;
  };
  FailureOr<Operand> q = operand(op.getQ(), op.getQLayout()), key = operand(op.getK(), op.getKLayout()), v = operand(op.getV(), op.getVLayout());
  FailureOr<Operand> out = operand(k.signature.tensors.back(), op.getOutLayout());
  if (failed(q) || failed(key) || failed(v) || failed(out))
    return failure();
  if (getConstantIntValue(q->strides[3]) != 1 && getConstantIntValue(q->sizes[3]) != 1)
    return op.emitError("not supported by code generation: attention whose query features are not adjacent");
  Value zero = k.number(0);
  Operand mask{LLVM::ZeroOp::create(k.emitter->builder, k.loc(), k.cpu.ptr), {}, Emitter::Indices(4, zero)};
  if (op.getMask()) {
    FailureOr<Operand> given = operand(op.getMask(), {0, 1, 2, 3});
    if (failed(given))
      return failure();
    mask = *given;
    for (unsigned axis = 0; axis < 4; ++axis)
      if (op.getMask().getType().getDimSize(axis) == 1)
        mask.strides[axis] = zero;
  }
  OpBuilder &b = k.emitter->builder;
  Value scale = arith::ConstantOp::create(b, k.loc(), b.getF32FloatAttr(op.getScale().convertToDouble()));
  Value excluded = arith::ConstantOp::create(b, k.loc(), b.getF32FloatAttr(op.getExcluded().convertToDouble()));
  auto bound = [&](std::optional<int64_t> keys) { return k.number(std::clamp(keys.value_or(kUnbounded), -kUnbounded, kUnbounded)); };
  k.call("dsk_attention_f32",
         {q->pointer, key->pointer, v->pointer, mask.pointer, out->pointer, q->sizes[0], q->sizes[1], key->sizes[1], q->sizes[2],
          key->sizes[2], q->sizes[3], v->sizes[3], q->strides[0], q->strides[1], q->strides[2], key->strides[0], key->strides[1],
          key->strides[2], key->strides[3], v->strides[0], v->strides[1], v->strides[2], v->strides[3], mask.strides[0], mask.strides[1],
          mask.strides[2], mask.strides[3], out->strides[0], out->strides[1], out->strides[2], bound(op.getLeft()),
          bound(op.getRight()), scale, excluded},
         /*withEpilogue=*/false);
  k.end();
  return success();
}
