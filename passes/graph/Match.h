// What the raising passes share: constants seen as numbers, products and polynomials seen through their spelling.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/support/Remarks.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::ds {

// The number that every element of `v` is, where constants and plain arithmetic on them tell it.
std::optional<double> splatOf(Value v);
// Whether two numbers are the same constant as written in `type` by different exporters.
bool isClose(double a, double b, Type type);
bool isSplat(Value v, double expected);

// `v` as op(x, c) or op(c, x) with a splat c: x and c.
struct WithScalar {
  Value value;
  double scalar;
};
template <typename OpTy>
std::optional<WithScalar> withScalar(Value v) {
  auto op = v.getDefiningOp<OpTy>();
  if (!op)
    return std::nullopt;
  if (auto c = splatOf(op.getRhs()))
    return WithScalar{op.getLhs(), *c};
  if (auto c = splatOf(op.getLhs()))
    return WithScalar{op.getRhs(), *c};
  return std::nullopt;
}

// A product of constants and other values, through mul, neg and division by constants.
struct Product {
  double coefficient = 1;
  SmallVector<Value> factors;
};
Product productOf(Value v);

// Coefficients of 1, x, x^2, x^3 when `v` is a polynomial in `x` (through add, sub, mul, div by a constant, pow, neg).
using Cubic = std::array<double, 4>;
std::optional<Cubic> cubicOf(Value v, Value x);
bool isCubic(Value v, Value x, const Cubic &expected);

// The mean over static axes of `input`: a sum times 1 / n or divided by n.
struct Mean {
  Value input;
  SmallVector<int64_t> axes;
  bool keepdims;
};
std::optional<Mean> meanOf(Value v);

// The locations of the ops from `root` back to `leaves`, fused.
Location fusedBetween(Value root, ValueRange leaves);

// A broadcastable operand without the leading axes of size 1 that say nothing.
SmallVector<int64_t> trimmedShape(Value v);
// Whether broadcasting `v` to a tensor of type `to` can only vary along axes >= axis.
bool variesOnlyFrom(Value v, RankedTensorType to, int64_t axis);

// Whether `v` is computed from weights and constants alone, so that it costs nothing at run time.
bool isWeightOnly(Value v);

} // namespace mlir::ds
