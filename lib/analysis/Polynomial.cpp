// Normal form of sizes: sums and products of symbols with checked arithmetic, exact division, intervals.
#include "lib/analysis/Polynomial.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::ds;

bool Polynomial::addTerm(const Monomial &monomial, int64_t coefficient) {
  if (coefficient == 0)
    return true;
  int64_t &c = terms[monomial];
  bool fits = !llvm::AddOverflow(c, coefficient, c);
  if (c == 0)
    terms.erase(monomial);
  return fits && terms.size() <= maxTerms;
}

Polynomial Polynomial::symbol(unsigned position) {
  Polynomial p;
  (void)p.addTerm({position}, 1);
  return p;
}

std::optional<Polynomial> Polynomial::get(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Polynomial(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return Polynomial::symbol(symbol.getPosition());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  auto lhs = get(binary.getLHS()), rhs = get(binary.getRHS());
  if (!lhs || !rhs)
    return std::nullopt;
  return expr.getKind() == AffineExprKind::Add ? lhs->plus(*rhs) : lhs->times(*rhs);
}

AffineExpr Polynomial::toExpr(MLIRContext *context) const {
  AffineExpr sum;
  for (const auto &[monomial, coefficient] : llvm::reverse(terms)) {
    AffineExpr term = monomial.empty() ? getAffineConstantExpr(coefficient, context) : getAffineSymbolExpr(monomial[0], context);
    for (unsigned position : ArrayRef(monomial).drop_front(monomial.empty() ? 0 : 1))
      term = term * getAffineSymbolExpr(position, context);
    if (!monomial.empty() && coefficient != 1)
      term = term * coefficient;
    sum = sum ? sum + term : term;
  }
  return sum ? sum : getAffineConstantExpr(0, context);
}

std::optional<Polynomial> Polynomial::plus(const Polynomial &other, int64_t times) const {
  Polynomial sum = *this;
  for (const auto &[monomial, coefficient] : other.terms) {
    int64_t c;
    if (llvm::MulOverflow(coefficient, times, c) || !sum.addTerm(monomial, c))
      return std::nullopt;
  }
  return sum;
}

std::optional<Polynomial> Polynomial::times(const Polynomial &other) const {
  Polynomial product;
  for (const auto &[a, x] : terms) {
    for (const auto &[b, y] : other.terms) {
      Monomial ab = a;
      ab.append(b);
      llvm::sort(ab);
      int64_t c;
      if (llvm::MulOverflow(x, y, c) || !product.addTerm(ab, c))
        return std::nullopt;
    }
  }
  return product;
}

// a / b, if every symbol of b is in a.
static std::optional<Monomial> quotient(const Monomial &a, const Monomial &b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end()))
    return std::nullopt;
  Monomial q;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(q));
  return q;
}

std::optional<Polynomial> Polynomial::exactQuotient(const Polynomial &divisor) const {
  if (divisor.isZero())
    return std::nullopt;
  Polynomial rest = *this, result;
  const auto &[leadMonomial, leadCoefficient] = *divisor.terms.rbegin();
  while (!rest.isZero()) {
    const auto &[monomial, coefficient] = *rest.terms.rbegin();
    std::optional<Monomial> q = quotient(monomial, leadMonomial);
    bool overflows = coefficient == INT64_MIN && leadCoefficient == -1;
    if (!q || overflows || coefficient % leadCoefficient != 0)
      return std::nullopt;
    Polynomial term;
    if (!term.addTerm(*q, coefficient / leadCoefficient) || !result.addTerm(*q, coefficient / leadCoefficient))
      return std::nullopt;
    auto step = divisor.times(term);
    auto next = step ? rest.plus(*step, -1) : std::nullopt;
    if (!next)
      return std::nullopt;
    rest = std::move(*next);
  }
  return result;
}

std::optional<int64_t> Polynomial::constant() const {
  if (terms.empty())
    return 0;
  if (terms.size() == 1 && terms.begin()->first.empty())
    return terms.begin()->second;
  return std::nullopt;
}

std::pair<Polynomial, Polynomial> Polynomial::divideCoefficients(int64_t divisor) const {
  Polynomial quotient, remainder;
  for (const auto &[monomial, coefficient] : terms) {
    int64_t rest = coefficient % divisor;
    rest += rest < 0 ? divisor : 0;
    (void)quotient.addTerm(monomial, coefficient / divisor - (coefficient % divisor < 0));
    (void)remainder.addTerm(monomial, rest);
  }
  return {quotient, remainder};
}

static int64_t clamp(__int128 value) {
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : static_cast<int64_t>(value);
}

// An end at a limit of 64 bits stands for "unbounded" and stays there.
static int64_t addEnds(int64_t a, int64_t b) {
  for (int64_t end : {a, b})
    if (end == INT64_MAX || end == INT64_MIN)
      return end;
  return clamp(static_cast<__int128>(a) + b);
}

Interval mlir::ds::operator+(Interval a, Interval b) { return {addEnds(a.lo, b.lo), addEnds(a.hi, b.hi)}; }

Interval mlir::ds::operator*(Interval a, Interval b) {
  auto [lo, hi] = std::minmax({static_cast<__int128>(a.lo) * b.lo, static_cast<__int128>(a.lo) * b.hi,
                               static_cast<__int128>(a.hi) * b.lo, static_cast<__int128>(a.hi) * b.hi});
  return {clamp(lo), clamp(hi)};
}
