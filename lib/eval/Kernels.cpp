// The dsk dialect: kernel ops with packed operands, and the ops of the launch list.
#include "dialects/dsk/ir/DskOps.h"
#include "lib/eval/Call.h"
#include "lib/eval/Routing.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
constexpr int64_t panel = 16;

LogicalResult evalWeight(dsk::WeightOp op, Call &call) {
  FailureOr<ArrayRef<Tensor>> weights = call.context.weightProgram(op->getParentOfType<ModuleOp>());
  if (failed(weights))
    return failure();
  if (op.getIndex() >= weights->size())
    return call.error() << "is weight " << op.getIndex() << " of " << weights->size();
  return call.give((*weights)[op.getIndex()]);
}

LogicalResult evalRawWeight(dsk::RawWeightOp op, Call &call) {
  // Weight files are read by way of ds.weight alone, which checks them.
  OpBuilder b(op);
  auto weight =
      WeightOp::create(b, op.getLoc(), op.getType(), op.getName(), op.getFile(), op.getOffset(), op.getLength());
  FailureOr<Tensor> tensor = call.context.weight(weight);
  weight.erase();
  return failed(tensor) ? failure() : call.give(tensor);
}

LogicalResult evalReshape(dsk::ReshapeOp op, Call &call) {
  Shape shape = call.mixed(op.getSizes(), op.getType().getShape());
  if (product(shape) != call.operands[0].numElements())
    return call.error() << "C2: has " << call.operands[0].numElements() << " elements before and " << product(shape)
                        << " after";
  return call.give(call.operands[0].reshaped(shape));
}

LogicalResult evalCheck(dsk::CheckOp op, Call &call) {
  if (call.operands[0].getI64(0))
    return success();
  return call.error() << "fails (" << dsk::stringifyFailCode(op.getCode()) << ") with " << call.operands[1].getI64(0)
                      << " and " << call.operands[2].getI64(0);
}

// A matrix operand as [batch, rows, columns].
FailureOr<Tensor> matrices(const Tensor &tensor, bool transposed) {
  Tensor batched = tensor.rank() == 3 ? tensor : tensor.reshaped({1, tensor.shape()[0], tensor.shape()[1]});
  return transposed ? permuted(batched, {0, 2, 1}) : FailureOr<Tensor>(batched);
}
// Panels [p, k, 16] as the [k, n] that they hold, from panel `first` on.
FailureOr<Tensor> unpacked(const Tensor &panels, int64_t first, int64_t n) {
  int64_t k = panels.shape()[1];
  FailureOr<Tensor> wide = Tensor::allocate(panels.elementType(), {k, n}, maxTensorBytes);
  if (failed(wide))
    return failure();
  unsigned width = elementBytes(panels.elementType());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      copyElement(wide->mutableBytes().data() + (i * n + j) * width,
                  panels.bytes().data() + (((first + j / panel) * k + i) * panel + j % panel) * width, width);
  return wide;
}

LogicalResult evalMatmul(dsk::MatmulOp op, Call &call) {
  FailureOr<Tensor> a = matrices(call.operands[0], op.getTransposeA()), b = call.operands[1];
  if (op.getPackedN())
    b = unpacked(*b, 0, *op.getPackedN());
  if (failed(a) || failed(b) || failed(b = matrices(*b, op.getTransposeB())))
    return call.give(failure());
  int64_t m = a->shape()[1], k = a->shape()[2], n = b->shape()[2], aBatch = a->shape()[0], bBatch = b->shape()[0];
  int64_t batch = std::max(aBatch, bBatch);
  if (aBatch == 0 || bBatch == 0)
    batch = 0;
  if (b->shape()[1] != k || (aBatch != batch && aBatch != 1) || (bBatch != batch && bBatch != 1))
    return call.error() << "C3: operands of shapes " << a->type() << " and " << b->type() << " do not agree";
  std::vector<double> x = load<double>(*a), y = load<double>(*b), z(batch * m * n, 0.0);
  for (int64_t i = 0; i < batch; ++i)
    gemm(m, n, k, x.data() + (aBatch == 1 ? 0 : i * m * k), y.data() + (bBatch == 1 ? 0 : i * k * n),
         z.data() + i * m * n);
  bool batched = cast<RankedTensorType>(op.getType()).getRank() == 3;
  return call.give(batched ? Shape{batch, m, n} : Shape{m, n}, z);
}

// [N, OH, OW, channels] of a window op.
template <typename OpTy> Shape imageShape(OpTy op, ArrayRef<int64_t> input, int64_t channels) {
  Shape shape{input[0], 0, 0, channels};
  for (int i = 0; i < 2; ++i) {
    int64_t window = (op.getKernel()[i] - 1) * op.getDilations()[i] + 1;
    shape[i + 1] = (input[i + 1] + op.getPads()[i] + op.getPads()[i + 2] - window) / op.getStrides()[i] + 1;
    // With ceil_mode the type may say one more.
    int64_t declared = cast<RankedTensorType>(op.getType()).getDimSize(i + 1);
    shape[i + 1] = ShapedType::isDynamic(declared) ? shape[i + 1] : declared;
  }
  return shape;
}

LogicalResult evalConv(dsk::ConvOp op, Call &call) {
  const Tensor &input = call.operands[0], &packed = call.operands[1];
  int64_t groups = op.getGroups(), filters = cast<RankedTensorType>(op.getType()).getDimSize(3);
  int64_t kh = op.getKernel()[0], kw = op.getKernel()[1], channels = input.shape()[3] / groups;
  if (ShapedType::isDynamic(filters) || filters % groups || packed.shape()[0] != groups ||
      packed.shape()[2] != kh * kw * channels)
    return call.error() << "has a filter " << packed.type() << " that does not fit its kernel and groups";
  int64_t perGroup = filters / groups;
  Tensor panels = packed.reshaped({packed.shape()[0] * packed.shape()[1], packed.shape()[2], panel});
  std::vector<double> values;
  for (int64_t g = 0; g < groups; ++g) {
    FailureOr<Tensor> matrix = unpacked(panels, g * packed.shape()[1], perGroup);
    FailureOr<Tensor> filter =
        failed(matrix) ? matrix : permuted(matrix->reshaped({kh, kw, channels, perGroup}), {3, 2, 0, 1});
    if (failed(filter))
      return call.give(failure());
    llvm::append_range(values, load<double>(*filter));
  }
  FailureOr<Tensor> filter = store<double>(packed.elementType(), {filters, channels, kh, kw}, values);
  if (failed(filter))
    return call.give(failure());
  return convolve(call, {input, *filter, imageShape(op, input.shape(), filters), op.getStrides(), op.getPads(),
                         op.getDilations(), groups, true});
}

LogicalResult evalDepthwise(dsk::DepthwiseConvOp op, Call &call) {
  const Tensor &input = call.operands[0];
  int64_t channels = input.shape()[3], kh = op.getKernel()[0], kw = op.getKernel()[1];
  if (call.operands[1].shape() != ArrayRef<int64_t>({kh * kw, channels}))
    return call.error() << "has a filter " << call.operands[1].type() << " that does not fit its kernel";
  FailureOr<Tensor> filter = permuted(call.operands[1].reshaped({1, kh, kw, channels}), {3, 0, 1, 2});
  if (failed(filter))
    return call.give(failure());
  return convolve(call, {input, *filter, imageShape(op, input.shape(), channels), op.getStrides(), op.getPads(),
                         op.getDilations(), channels, true});
}

LogicalResult evalPool(dsk::PoolOp op, Call &call) {
  const Tensor &input = call.operands[0];
  return pool(call, {input, imageShape(op, input.shape(), input.shape()[3]),
                     op.getKind() == dsk::PoolKind::max ? PoolKind::max : PoolKind::avg, op.getKernel(),
                     op.getStrides(), op.getPads(), op.getDilations(), op.getCountIncludePad(), 2, true});
}

LogicalResult evalAttention(dsk::AttentionOp op, Call &call) {
  return attend(call, {call.operands[0], call.operands[1], call.operands[2], op.getMask() ? call.operands[3] : Tensor(),
                       op.getScale().convertToDouble(), op.getLeft(), op.getRight(), op.getExcluded().convertToDouble(),
                       op.getQLayout(), op.getKLayout(), op.getVLayout(), op.getOutLayout()});
}

LogicalResult evalTopK(dsk::TopKOp op, Call &call) {
  int64_t k = cast<RankedTensorType>(op.getValues().getType()).getShape().back();
  if (ShapedType::isDynamic(k))
    return call.error() << "cannot be evaluated: k is not static";
  return topK(call, call.operands[0], call.operands[0].rank() - 1, k, op.getLargest());
}

// As the ds op that it came from.
LogicalResult evalRoute(dsk::RouteOp op, Call &call) {
  OpBuilder b(op);
  OperationState state(op.getLoc(), RouteOp::getOperationName(), op->getOperands(), op->getResultTypes(), op->getAttrs());
  state.attributes.set("score", ScoreKindAttr::get(op.getContext(), *symbolizeScoreKind(dsk::stringifyScoreKind(op.getScore()))));
  state.attributes.set("balance", BalanceKindAttr::get(op.getContext(), *symbolizeBalanceKind(dsk::stringifyBalanceKind(op.getBalance()))));
  Operation *route = b.create(state);
  FailureOr<SmallVector<Tensor>> results = evaluateOp(route, call.operands, call.context);
  route->erase();
  if (failed(results))
    return failure();
  call.results = std::move(*results);
  return success();
}

LogicalResult evalPackPanels(dsk::PackPanelsOp op, Call &call) {
  auto shape = op.getType().getShape();
  int64_t k = shape[2], n = op.getColumns(), step = op.getPairs() ? 2 : 1, panels = shape[1] / step;
  std::vector<std::vector<double>> sources;
  for (const Tensor &tensor : call.operands)
    sources.push_back(load<double>(tensor));
  std::vector<double> result(op.getType().getNumElements(), 0.0);
  for (size_t m = 0; m < op.getSources().size(); ++m)
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < n; ++j) {
        int64_t to = (m / step * panels + j / panel) * step + m % step;
        result[(to * k + i) * panel + j % panel] =
            sources[op.getSources()[m]][op.getOffsets()[m] + i * op.getRowStrides()[m] + j * op.getColumnStrides()[m]];
      }
  return call.give(shape, result);
}

// One expert's matrix [k, n]; of panels that alternate, the first (part 0) or the second ones.
std::vector<double> expertMatrix(dsk::GroupedMatmulOp op, ArrayRef<double> panels, int64_t expert, int64_t part) {
  auto shape = op.getPanels().getType().getShape();
  int64_t k = shape[2], n = op.getPackedN(), step = op.getGated() ? 2 : 1;
  std::vector<double> matrix(k * n);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      matrix[i * n + j] = panels[((expert * shape[1] + j / panel * step + part) * k + i) * panel + j % panel];
  return matrix;
}

LogicalResult evalGroupedMatmul(dsk::GroupedMatmulOp op, Call &call) {
  std::vector<double> x = load<double>(call[op.getInput()]), panels = load<double>(call[op.getPanels()]), scale;
  std::vector<int64_t> permutation = load<int64_t>(call[op.getPermutation()]), offsets = load<int64_t>(call[op.getOffsets()]);
  int64_t rows = permutation.size(), n = op.getPackedN(), k = op.getPanels().getType().getDimSize(2), experts = offsets.size() - 1;
  auto activation = *symbolizeActivation(dsk::stringifyActivation(op.getActivation()));
  if (op.getScale())
    scale = load<double>(call[op.getScale()]);
  std::vector<double> result(rows * n);
  for (int64_t e = 0; e < experts; ++e) {
    if (offsets[e] < 0 || offsets[e] > offsets[e + 1] || offsets[e + 1] > rows)
      return call.error() << "the offsets of expert " << e << " are not those of a route";
    std::vector<double> matrix = expertMatrix(op, panels, e, op.getGated()), gate;
    if (op.getGated())
      gate = expertMatrix(op, panels, e, 0);
    for (int64_t i = offsets[e]; i < offsets[e + 1]; ++i) {
      int64_t row = permutation[i], from = op.getScale() ? i : row / op.getSlots(), to = op.getScale() ? row : i;
      if (row < 0 || row >= rows || (from + 1) * k > static_cast<int64_t>(x.size()))
        return call.error() << "routed row " << row << " of " << rows;
      std::vector<double> y(n, 0.0), g(n, 0.0);
      gemm(1, n, k, x.data() + from * k, matrix.data(), y.data());
      if (op.getGated())
        gemm(1, n, k, x.data() + from * k, gate.data(), g.data());
      for (int64_t j = 0; j < n; ++j)
        result[to * n + j] = op.getScale() ? scale[row] * y[j] : op.getGated() ? activate(activation, g[j]) * y[j] : activate(activation, y[j]);
    }
  }
  return call.give({rows, n}, result);
}

LogicalResult evalScan(dsk::ScanOp op, Call &call) {
  return scan(call, call.operands[0], call.operands[0].rank() - 1,
              op.getKind() == dsk::ScanKind::sum ? ReduceKind::sum : ReduceKind::prod, op.getExclusive(),
              op.getReverse());
}

LogicalResult evalScatter(dsk::ScatterOp op, Call &call) {
  auto kind = symbolizeScatterKind(dsk::stringifyScatterKind(op.getKind()));
  return scatterTuples(call, call.operands[0], call.operands[1], call.operands[2], *kind);
}

LogicalResult evalNonZero(dsk::NonZeroOp op, Call &call) { return nonZero(call, call.operands[0]); }
LogicalResult evalCount(dsk::CountNonZeroOp op, Call &call) {
  int64_t count = llvm::count_if(load<double>(call.operands[0]), [](double value) { return value != 0; });
  return call.give(Tensor::ofIndex(count, op.getContext()));
}
} // namespace

FailureOr<ArrayRef<Tensor>> EvalContext::weightProgram(ModuleOp module) {
  if (packedWeights)
    return ArrayRef<Tensor>(*packedWeights);
  auto program = module.lookupSymbol<func::FuncOp>("weights");
  if (!program)
    return module.emitError("there is no weight program @weights");
  FailureOr<SmallVector<Tensor>> results = evaluate(program, {}, *this);
  if (failed(results))
    return failure();
  packedWeights = std::move(*results);
  return ArrayRef<Tensor>(*packedWeights);
}

void eval::addKernels(OpTable &table) {
  table.add<dsk::WeightOp>(evalWeight);
  table.add<dsk::RawWeightOp>(evalRawWeight);
  table.add<dsk::ReshapeOp>(evalReshape);
  table.add<dsk::CheckOp>(evalCheck);
  table.add<dsk::MatmulOp>(evalMatmul);
  table.add<dsk::ConvOp>(evalConv);
  table.add<dsk::DepthwiseConvOp>(evalDepthwise);
  table.add<dsk::PoolOp>(evalPool);
  table.add<dsk::AttentionOp>(evalAttention);
  table.add<dsk::TopKOp>(evalTopK);
  table.add<dsk::RouteOp>(evalRoute);
  table.add<dsk::GroupedMatmulOp>(evalGroupedMatmul);
  table.add<dsk::PackPanelsOp>(evalPackPanels);
  table.add<dsk::ScanOp>(evalScan);
  table.add<dsk::ScatterOp>(evalScatter);
  table.add<dsk::NonZeroOp>(evalNonZero);
  table.add<dsk::CountNonZeroOp>(evalCount);
}
