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

// Scores of one head, softmaxed: [S, T].
std::vector<double> headWeights(AttentionOp op, ArrayRef<int64_t> sizes, const double *q, const double *keysTransposed,
                                const double *mask) {
  int64_t s = sizes[0], t = sizes[1], d = sizes[2];
  std::vector<double> scores(s * t, 0.0);
  gemm(s, t, d, q, keysTransposed, scores.data());
  for (int64_t i = 0; i < s; ++i) {
    for (int64_t j = 0; j < t; ++j) {
      double &score = scores[i * t + j];
      score = score * op.getScale().convertToDouble() + (mask ? mask[i * t + j] : 0);
      if (op.getCausal() && j > i + t - s)
        score = -INFINITY;
    }
    softmaxRow(scores.data() + i * t, t, 1, false);
  }
  return scores;
}

LogicalResult evalAttention(AttentionOp op, Call &call) {
  FailureOr<Shape> stored = call.inferredShape();
  if (failed(stored))
    return failure();
  ArrayRef<int64_t> kLayout = op.getKLayout();
  FailureOr<Tensor> q = permuted(call[op.getQ()], op.getQLayout()),
                    k = permuted(call[op.getK()], {kLayout[0], kLayout[1], kLayout[3], kLayout[2]}),
                    v = permuted(call[op.getV()], op.getVLayout()), mask = Tensor();
  if (failed(q) || failed(k) || failed(v))
    return call.give(failure());
  int64_t b = q->shape()[0], h = q->shape()[1], s = q->shape()[2], d = q->shape()[3], hk = k->shape()[1],
          t = k->shape()[3], dv = v->shape()[3];
  if (hk == 0 || h % hk)
    return call.error() << "C2: " << h << " heads over " << hk << " key heads";
  std::vector<double> x = load<double>(*q), y = load<double>(*k), z = load<double>(*v), bias,
                      result(b * h * s * dv, 0.0);
  if (op.getMask()) {
    mask = broadcasted(call[op.getMask()], {b, h, s, t});
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
  for (auto [i, axis] : llvm::enumerate(op.getOutLayout()))
    order[axis] = i;
  return call.give(permuted(*logical, order));
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

void eval::addNorm(OpTable &table) {
  table.add<SoftmaxOp>(evalSoftmax);
  table.add<NormOp>(evalNorm);
  table.add<AttentionOp>(evalAttention);
  table.add<RopeOp>(evalRope);
}
