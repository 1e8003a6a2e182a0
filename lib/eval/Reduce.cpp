// Reductions, prefix sums and selection: operands are seen as rows along the axes in question.
#include "lib/eval/Call.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

template <typename T> T eval::extreme(Type type, bool highest) {
  if constexpr (std::is_same_v<T, double>)
    return highest ? INFINITY : -INFINITY;
  int bits = static_cast<int>(type.getIntOrFloatBitWidth()) - !isUnsigned(type);
  uint64_t high = bits ? ~uint64_t(0) >> (64 - bits) : 0;
  return static_cast<T>(highest ? high : isUnsigned(type) ? 0 : ~high);
}
template double eval::extreme(Type, bool);
template int64_t eval::extreme(Type, bool);
template uint64_t eval::extreme(Type, bool);

namespace {
SmallVector<int64_t> axesLast(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> order;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axes, axis))
      order.push_back(axis);
  llvm::append_range(order, axes);
  return order;
}
SmallVector<int64_t> inverse(ArrayRef<int64_t> order) {
  SmallVector<int64_t> result(order.size());
  for (auto [i, axis] : llvm::enumerate(order))
    result[axis] = i;
  return result;
}

template <typename T> T neutral(ReduceKind kind, Type type) {
  switch (kind) {
  case ReduceKind::sum:
    return 0;
  case ReduceKind::prod:
    return 1;
  case ReduceKind::max:
    return extreme<T>(type, false);
  case ReduceKind::min:
    return extreme<T>(type, true);
  }
  return 0;
}
// NaN wins max and min. Integer sums wrap.
template <typename T> T combine(ReduceKind kind, T a, T b) {
  using U = std::conditional_t<std::is_same_v<T, double>, double, uint64_t>;
  switch (kind) {
  case ReduceKind::sum:
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  case ReduceKind::prod:
    return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
  case ReduceKind::max:
    return a != a || a > b ? a : b;
  case ReduceKind::min:
    return a != a || a < b ? a : b;
  }
  return a;
}

LogicalResult evalReduce(ReduceOp op, Call &call) {
  const Tensor &input = call[op.getInput()];
  FailureOr<Shape> shape = call.inferredShape();
  FailureOr<Tensor> rows = permuted(input, axesLast(input.rank(), op.getAxes()));
  if (failed(shape))
    return failure();
  if (failed(rows))
    return call.give(failure());
  int64_t count = product(*shape), length = product(rows->shape().take_back(op.getAxes().size()));
  return dispatch(input.elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = load<T>(*rows), result(count, neutral<T>(op.getKind(), input.elementType()));
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < length; ++j)
        result[i] = combine<T>(op.getKind(), result[i], values[i * length + j]);
    return call.give(*shape, result);
  });
}

// An operand with one axis moved to the end.
struct Rows {
  Rows(const Tensor &input, int64_t axis)
      : order(axesLast(input.rank(), axis)), tensor(permuted(input, order)), length(input.shape()[axis]) {
    Shape outer(input.shape());
    outer.erase(outer.begin() + axis);
    count = product(outer);
  }
  SmallVector<int64_t> order;
  FailureOr<Tensor> tensor;
  int64_t length, count;
};

LogicalResult evalArgReduce(ArgReduceOp op, Call &call) {
  Rows rows(call[op.getInput()], op.getAxis());
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  if (failed(rows.tensor))
    return call.give(failure());
  if (rows.length == 0 && rows.count != 0)
    return call.error() << "has no elements along axis " << op.getAxis();
  bool isMax = op.getKind() == ReduceKind::max;
  return dispatch(rows.tensor->elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = load<T>(*rows.tensor);
    std::vector<int64_t> result(rows.count, 0);
    for (int64_t i = 0; i < rows.count; ++i)
      for (int64_t j = 1; j < rows.length; ++j) {
        T best = values[i * rows.length + result[i]], value = values[i * rows.length + j];
        bool better = best != best ? false : value != value || (isMax ? value > best : value < best);
        if (better || (op.getLast() && (value == best || (value != value && best != best))))
          result[i] = j;
      }
    return call.give(*shape, result);
  });
}

LogicalResult evalScan(ScanOp op, Call &call) {
  return scan(call, call[op.getInput()], op.getAxis(), op.getKind(), op.getExclusive(), op.getReverse());
}

LogicalResult evalTopK(TopKOp op, Call &call) {
  return topK(call, call[op.getInput()], op.getAxis(), call.mixed(op.getK(), op.getStaticK())[0], op.getLargest());
}
} // namespace

LogicalResult eval::scan(Call &call, const Tensor &input, int64_t axis, ReduceKind kind, bool exclusive, bool reverse) {
  Rows rows(input, axis);
  if (failed(rows.tensor))
    return call.give(failure());
  return dispatch(rows.tensor->elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = load<T>(*rows.tensor);
    for (int64_t i = 0; i < rows.count; ++i) {
      T sum = neutral<T>(kind, rows.tensor->elementType());
      for (int64_t j = 0; j < rows.length; ++j) {
        T &value = values[i * rows.length + (reverse ? rows.length - 1 - j : j)];
        T next = combine<T>(kind, sum, value);
        value = exclusive ? sum : next;
        sum = next;
      }
    }
    FailureOr<Tensor> scanned = store<T>(rows.tensor->elementType(), rows.tensor->shape(), values);
    return call.give(failed(scanned) ? scanned : permuted(*scanned, inverse(rows.order)));
  });
}

// A total order in which NaN is the largest value.
template <typename T> bool below(T a, T b) { return a < b || (b != b && a == a); }

LogicalResult eval::topK(Call &call, const Tensor &input, int64_t axis, int64_t k, bool largest) {
  Rows rows(input, axis);
  if (failed(rows.tensor))
    return call.give(failure());
  if (k < 0 || k > rows.length)
    return call.error() << "C2: k = " << k << " of an axis of size " << rows.length;
  Shape shape(rows.tensor->shape());
  shape.back() = k;
  return dispatch(rows.tensor->elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> values = load<T>(*rows.tensor), best;
    std::vector<int64_t> indices, order(rows.length);
    for (int64_t i = 0; i < rows.count; ++i) {
      const T *row = values.data() + i * rows.length;
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return largest ? below(row[b], row[a]) : below(row[a], row[b]); });
      for (int64_t j = 0; j < k; ++j) {
        best.push_back(row[order[j]]);
        indices.push_back(order[j]);
      }
    }
    FailureOr<Tensor> bestRows = store<T>(rows.tensor->elementType(), shape, best);
    FailureOr<Tensor> indexRows = store<int64_t>(call.elementType(1), shape, indices);
    if (failed(bestRows) || failed(indexRows) || failed(call.give(permuted(*bestRows, inverse(rows.order)))))
      return failure();
    return call.give(permuted(*indexRows, inverse(rows.order)));
  });
}
void eval::addReduce(OpTable &table) {
  table.add<ReduceOp>(evalReduce);
  table.add<ArgReduceOp>(evalArgReduce);
  table.add<ScanOp>(evalScan);
  table.add<TopKOp>(evalTopK);
}
