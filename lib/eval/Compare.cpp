// Comparison of results.
#include "lib/eval/Compare.h"
#include "lib/eval/Elements.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

bool mlir::ds::hasFinite(const Tensor &tensor) {
  if (!isa<FloatType>(tensor.elementType()) || tensor.numElements() == 0)
    return true;
  return llvm::any_of(load<double>(tensor), [](double value) { return std::isfinite(value); });
}

Difference mlir::ds::compare(const Tensor &a, const Tensor &b) {
  auto typeOf = [](const Tensor &tensor) {
    std::string text;
    llvm::raw_string_ostream(text) << tensor.type();
    return text;
  };
  if (a.elementType() != b.elementType() || a.shape() != b.shape())
    return {INFINITY, llvm::formatv("a {0} where there was a {1}", typeOf(a), typeOf(b))};
  if (a.bytes() == b.bytes())
    return {};
  if (!isa<FloatType>(a.elementType())) {
    for (int64_t i = 0; i < a.numElements(); ++i)
      if (a.getI64(i) != b.getI64(i))
        return {INFINITY, llvm::formatv("element {0} is {1}, not {2}", i, a.getI64(i), b.getI64(i))};
    return {};
  }
  std::vector<double> x = load<double>(a), y = load<double>(b);
  double largest = 0, scale = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) {
      scale = std::isfinite(y[i]) ? std::max(scale, std::fabs(y[i])) : scale;
      continue;
    }
    if (!std::isfinite(x[i]) || !std::isfinite(y[i]))
      return {INFINITY, llvm::formatv("element {0} is {1}, not {2}", i, x[i], y[i])};
    scale = std::max(scale, std::fabs(y[i]));
    if (std::fabs(x[i] - y[i]) > largest) {
      largest = std::fabs(x[i] - y[i]);
      at = i;
    }
  }
  if (largest == 0)
    return {};
  return {largest / std::max(scale, 1e-30), llvm::formatv("element {0} is {1}, not {2}", at, x[at], y[at])};
}
