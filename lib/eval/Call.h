// One op on its way through the interpreter, and the table of what evaluates it.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/eval/Elements.h"
#include "lib/eval/Interpreter.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::ds::eval {

class Call {
public:
  // Values of the function that an op with a region stands in.
  using Outside = llvm::function_ref<std::optional<Tensor>(Value)>;

  Call(Operation *op, ArrayRef<Tensor> operands, EvalContext &context, Outside outside)
      : op(op), operands(operands), context(context), outside(outside) {}

  // The tensor that is the operand `value` of this op.
  const Tensor &operator[](Value value) const;
  int64_t index(Value value) const { return (*this)[value].getI64(0); }
  // Static sizes, with the operands' values where they are dynamic.
  Shape mixed(ValueRange dynamic, ArrayRef<int64_t> statics) const;
  // The shape of result i by the op's shape rule on the actual operand shapes. Fails, with an error at the op, if it is
  // violated.
  FailureOr<Shape> inferredShape(unsigned result = 0);
  Type elementType(unsigned result = 0) const { return getElementTypeOrSelf(op->getResult(result).getType()); }

  InFlightDiagnostic error() const;
  // Appends a result; failure (a tensor too big to exist) becomes an error.
  LogicalResult give(FailureOr<Tensor> result);
  template <typename T> LogicalResult give(ArrayRef<int64_t> shape, const std::vector<T> &values) {
    return give(store<T>(elementType(results.size()), shape, values));
  }

  Operation *op;
  ArrayRef<Tensor> operands;
  EvalContext &context;
  Outside outside;
  SmallVector<Tensor> results;
};

// From op name to evaluator. Themes add to it.
class OpTable {
public:
  using Evaluator = std::function<LogicalResult(Call &)>;

  void add(StringRef name, Evaluator evaluator) { evaluators[name] = std::move(evaluator); }
  template <typename OpTy> void add(LogicalResult (*evaluate)(OpTy, Call &)) {
    add(OpTy::getOperationName(), [evaluate](Call &call) { return evaluate(cast<OpTy>(call.op), call); });
  }
  // Null if there is none.
  const Evaluator *find(StringRef name) const;
  static const OpTable &get();

private:
  llvm::StringMap<Evaluator> evaluators;
};

void addElementwise(OpTable &table);
// Parts of it.
void addBinary(OpTable &table);
void addCasts(OpTable &table);
void addShape(OpTable &table);
void addIndexing(OpTable &table);
void addReduce(OpTable &table);
void addLinear(OpTable &table);
void addWindows(OpTable &table);
void addNorm(OpTable &table);
void addImage(OpTable &table);
void addRouting(OpTable &table);
void addData(OpTable &table);
void addScalar(OpTable &table);
void addGroups(OpTable &table);
void addKernels(OpTable &table);

// A float cut towards zero to an integer type, its nearest bound when outside, 0 for NaN.
int64_t saturate(Type type, double value);

// The highest or lowest value of an element type; infinities for floats.
template <typename T> T extreme(Type type, bool highest);

// What ds ops and the kernel ops of `groups` compute alike. Each appends its results to the call.
struct Convolution {
  Tensor input, filter;
  Shape result;
  ArrayRef<int64_t> strides, pads, dilations;
  int64_t groups;
  bool channelsLast;
};
LogicalResult convolve(Call &call, const Convolution &conv);
struct Pooling {
  Tensor input;
  Shape result;
  PoolKind kind;
  ArrayRef<int64_t> kernel, strides, pads, dilations;
  bool countIncludePad;
  int64_t p;
  bool channelsLast;
};
LogicalResult pool(Call &call, const Pooling &pooling);
struct Attention {
  Tensor q, k, v, mask; // no mask: no element type
  double scale;
  std::optional<int64_t> left, right; // keys before and behind the query's own that are not excluded
  double excluded;
  ArrayRef<int64_t> qLayout, kLayout, vLayout, outLayout;
};
LogicalResult attend(Call &call, const Attention &attention);
LogicalResult scan(Call &call, const Tensor &input, int64_t axis, ReduceKind kind, bool exclusive, bool reverse);
LogicalResult topK(Call &call, const Tensor &input, int64_t axis, int64_t k, bool largest);
LogicalResult scatterTuples(Call &call, const Tensor &input, const Tensor &indices, const Tensor &updates,
                            ScatterKind kind);
LogicalResult nonZero(Call &call, const Tensor &input);

// C[m,n] += A[m,k] * B[k,n], row-major.
void gemm(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c);
template <typename T> void gemm(int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *c) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j)
        c[i * n + j] = static_cast<T>(static_cast<uint64_t>(c[i * n + j]) +
                                      static_cast<uint64_t>(a[i * k + l]) * static_cast<uint64_t>(b[l * n + j]));
}

} // namespace mlir::ds::eval
