// Sizes in a normal form: polynomials with integer coefficients over symbols, so that equal ones compare equal.
#pragma once
#include "mlir/IR/AffineExpr.h"
#include <map>
#include <optional>

namespace mlir::ds {

// A product of symbols: their positions, sorted, repeated as often as they occur.
using Monomial = SmallVector<unsigned, 4>;

// By degree, then lexicographically: a monomial order, as exact division needs it.
struct MonomialLess {
  bool operator()(const Monomial &a, const Monomial &b) const {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }
};

// Arithmetic gives nullopt when a coefficient overflows or the polynomial grows beyond `maxTerms`.
class Polynomial {
public:
  static constexpr size_t maxTerms = 64;

  Polynomial() = default;
  explicit Polynomial(int64_t constant) { (void)addTerm({}, constant); }
  static Polynomial symbol(unsigned position);
  // From an expression of sums and products; nullopt if there is anything else in it.
  static std::optional<Polynomial> get(AffineExpr expr);
  AffineExpr toExpr(MLIRContext *context) const;

  std::optional<Polynomial> plus(const Polynomial &other, int64_t times = 1) const;
  std::optional<Polynomial> times(const Polynomial &other) const;
  // The polynomial q with *this = q * divisor, if there is one.
  std::optional<Polynomial> exactQuotient(const Polynomial &divisor) const;

  std::optional<int64_t> constant() const;
  bool isZero() const { return terms.empty(); }
  // q and r with *this = divisor * q + r, the coefficients of r in [0, divisor); `divisor` is positive.
  std::pair<Polynomial, Polynomial> divideCoefficients(int64_t divisor) const;
  const std::map<Monomial, int64_t, MonomialLess> &getTerms() const { return terms; }

private:
  // False on overflow.
  bool addTerm(const Monomial &monomial, int64_t coefficient);
  std::map<Monomial, int64_t, MonomialLess> terms;
};

// Closed interval; the ends saturate at the limits of 64 bits.
struct Interval {
  int64_t lo = INT64_MIN, hi = INT64_MAX;
};
Interval operator+(Interval a, Interval b);
Interval operator*(Interval a, Interval b);

} // namespace mlir::ds
