// Softmax, normalisation, attention and rotary embedding, by their formulas in f64.
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
// exp(x - max) / sum in place, over elements `stride` apart.
void softmaxRow(double *row, int64_t length, int64_t stride, bool log) {
  double top = -INFINITY, sum = 0;
  for (int64_t j = 0; j < length; ++j)
    top = row[j * stride] > top || std::isnan(row[j * stride]) ? row[j * stride] : top;
  for (int64_t j = 0; j < length; ++j)
    sum += std::exp(row[j * stride] - top);
  for (int64_t j = 0; j < length; ++j) {
    double &x = row[j * stride];
    x = log ? x - top - std::log(sum) : std::exp(x - top) / sum;
  }
}

LogicalResult evalSoftmax(SoftmaxOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  std::vector<double> values = load<double>(input);
  int64_t axis = op.getAxis(), length = input.shape()[axis], inner = product(input.shape().drop_front(axis + 1));
  for (int64_t i = 0; i < product(input.shape().take_front(axis)); ++i)
    for (int64_t j = 0; j < inner; ++j)
      softmaxRow(values.data() + i * length * inner + j, length, inner, op.getLog());
  return call.give(input.shape(), values);
}

LogicalResult evalNorm(NormOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  std::vector<double> values = load<double>(input);
  int64_t length = product(input.shape().drop_front(op.getAxis()));
  for (int64_t row = 0; length && row < input.numElements(); row += length) {
    double mean = 0, square = 0;
    for (int64_t j = 0; j < length && op.getKind() == NormKind::layer; ++j)
      mean += values[row + j];
    mean /= length;
    for (int64_t j = 0; j < length; ++j)
      square += (values[row + j] - mean) * (values[row + j] - mean);
    double scale = std::sqrt(square / length + op.getEpsilon().convertToDouble());
    for (int64_t j = 0; j < length; ++j)
      values[row + j] = (values[row + j] - mean) / scale;
  }
  for (Value factor : {op.getScale(), op.getBias()}) {
    if (!factor)
      continue;
    FailureOr<Tensor> full = broadcasted(call[factor], *shape);
    if (failed(full))
      return call.give(failure());
    for (auto [value, f] : llvm::zip_equal(values, load<double>(*full)))
      value = factor == op.getScale() ? value * f : value + f;
  }
  return call.give(*shape, values);
}

LogicalResult evalAttention(AttentionOp op, Call &call) {
  if (failed(call.inferredShape())) // checks the operands
    return failure();
  std::optional<int64_t> right = op.getCausal() ? 0 : op.getWindowRight();
  return attend(call, {call[op.getQ()], call[op.getK()], call[op.getV()], op.getMask() ? call[op.getMask()] : Tensor(),
                       op.getScale().convertToDouble(), op.getWindowLeft(), right, op.getExcluded().convertToDouble(),
                       op.getQLayout(), op.getKLayout(), op.getVLayout(), op.getOutLayout()});
}

LogicalResult evalRope(RopeOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  Shape half = *shape;
  half.back() /= 2;
  FailureOr<Tensor> cos = broadcasted(call[op.getCos()], half), sin = broadcasted(call[op.getSin()], half);
  if (failed(cos) || failed(sin))
    return call.give(failure());
  std::vector<double> values = load<double>(input), c = load<double>(*cos), s = load<double>(*sin);
  int64_t width = half.back();
  for (size_t i = 0; i < c.size(); ++i) {
    int64_t row = i / width * width * 2, j = i % width;
    double &x1 = values[row + (op.getInterleaved() ? 2 * j : j)],
           &x2 = values[row + (op.getInterleaved() ? 2 * j + 1 : j + width)];
    double a = x1, b = x2;
    x1 = a * c[i] - b * s[i];
    x2 = b * c[i] + a * s[i];
  }
  return call.give(*shape, values);
}
} // namespace

// Scores of one head, softmaxed: [S, T].
static std::vector<double> headWeights(const Attention &op, ArrayRef<int64_t> sizes, const double *q,
                                       const double *keysTransposed, const double *mask) {
  int64_t s = sizes[0], t = sizes[1], d = sizes[2];
  std::vector<double> scores(s * t, 0.0);
  gemm(s, t, d, q, keysTransposed, scores.data());
  for (int64_t i = 0; i < s; ++i) {
    for (int64_t j = 0; j < t; ++j) {
      double &score = scores[i * t + j];
      score = score * op.scale + (mask ? mask[i * t + j] : 0);
      int64_t before = i + t - s - j; // how far behind the key the query stands
      if ((op.left && before > *op.left) || (op.right && -before > *op.right))
        score = op.excluded;
    }
    softmaxRow(scores.data() + i * t, t, 1, false);
  }
  return scores;
}

LogicalResult eval::attend(Call &call, const Attention &op) {
  FailureOr<Tensor> q = permuted(op.q, op.qLayout),
                    k = permuted(op.k, {op.kLayout[0], op.kLayout[1], op.kLayout[3], op.kLayout[2]}),
                    v = permuted(op.v, op.vLayout);
  if (failed(q) || failed(k) || failed(v))
    return call.give(failure());
  int64_t b = q->shape()[0], h = q->shape()[1], s = q->shape()[2], d = q->shape()[3], hk = k->shape()[1],
          t = k->shape()[3], dv = v->shape()[3];
  if (hk == 0 || h % hk || k->shape()[2] != d || v->shape()[2] != t || k->shape()[0] != b || v->shape()[0] != b ||
      v->shape()[1] != hk)
    return call.error() << "C3: the sizes of q, k and v do not agree";
  std::vector<double> x = load<double>(*q), y = load<double>(*k), z = load<double>(*v), bias,
                      result(b * h * s * dv, 0.0);
  if (op.mask) {
    FailureOr<Tensor> mask = broadcasted(op.mask, {b, h, s, t});
    if (failed(mask))
      return call.give(failure());
    bias = load<double>(*mask);
  }
  for (int64_t i = 0; i < b * h; ++i) {
    int64_t head = i / h * hk + i % h / (h / hk);
    std::vector<double> weights = headWeights(op, {s, t, d}, x.data() + i * s * d, y.data() + head * d * t,
                                              bias.empty() ? nullptr : bias.data() + i * s * t);
    gemm(s, dv, t, weights.data(), z.data() + head * t * dv, result.data() + i * s * dv);
  }
  FailureOr<Tensor> logical = store<double>(call.elementType(), {b, h, s, dv}, result);
  if (failed(logical))
    return call.give(failure());
  SmallVector<int64_t> order(4);
  for (auto [i, axis] : llvm::enumerate(op.outLayout))
    order[axis] = i;
  return call.give(permuted(*logical, order));
}

void eval::addNorm(OpTable &table) {
  table.add<SoftmaxOp>(evalSoftmax);
  table.add<NormOp>(evalNorm);
  table.add<AttentionOp>(evalAttention);
  table.add<RopeOp>(evalRope);
}
