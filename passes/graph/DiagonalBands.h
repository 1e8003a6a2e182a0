// Masks as bands around a diagonal: comparisons of positions that grow along the axes of queries and keys.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"
#include "lib/analysis/WeightData.h"

namespace mlir::ds {

// Key t is inside for query s if -left <= t - (s + T - S) <= right, as far as given.
struct Band {
  std::optional<int64_t> left, right;
  Band meet(const Band &other) const;
};

class DiagonalBands {
public:
  DiagonalBands(SymbolicShapes &shapes, WeightData &data) : shapes(shapes), data(data) {}

  // The band in which `v`, bools that broadcast to [..., queries, keys], is true (false if `negated`); nullopt if it is none.
  // Sides that no query and key can leave are left open.
  std::optional<Band> bandOf(Value v, bool negated, AffineExpr queries, AffineExpr keys);
  // The same for numbers that are 0 inside and `excluded` outside.
  std::optional<Band> bandOf(Value v, double &excluded, AffineExpr queries, AffineExpr keys);

private:
  // A tensor whose element i is at + sum over axes of steps[axis] * i[axis].
  struct Linear {
    SmallVector<int64_t> steps;
    AffineExpr at;
    Linear times(int64_t factor) const;
  };
  using Bounds = SmallVector<Linear, 2>;

  std::optional<Linear> linearOf(Value v, unsigned depth = 0);
  std::optional<Linear> progression(Value v);
  std::optional<Linear> sum(Operation *op, const Linear &a, const Linear &b);
  // What reshaping, repeating, transposing or cutting by `op` makes of it.
  std::optional<Linear> moved(Operation *op, Linear x);
  std::optional<Linear> reshaped(Value from, Value to, const Linear &x);
  std::optional<Linear> repeated(Value from, Value to, const Linear &x);
  // `v` is true exactly where all bounds are at most 0. With `excluded`: `v` is 0 there and that number elsewhere.
  std::optional<Bounds> boundsOf(Value v, bool negated, double *excluded, unsigned depth = 0);
  std::optional<Bounds> boundsOfComparison(Operation *op, bool negated);
  std::optional<Bounds> boundsOfData(Value v, bool negated, double *excluded);
  std::optional<Band> bandOf(Value v, const Bounds &bounds, AffineExpr queries, AffineExpr keys);

  SymbolicShapes &shapes;
  WeightData &data;
};

} // namespace mlir::ds
