// See Compare.h.
#include "tools/runner/Compare.h"
#include <algorithm>
#include <cmath>

using namespace ds::tools;

Difference ds::tools::compare(const HostTensor &actual, const HostTensor &expected, double rtol, double atol) {
  Difference d;
  if (actual.type != expected.type || actual.dims != expected.dims) {
    d.mismatch = actual.typeText() + " instead of " + expected.typeText();
    return d;
  }
  double largest = 0, dot = 0, normA = 0, normB = 0;
  for (uint64_t i = 0, n = actual.count(); i < n; ++i) {
    double a = actual.at(i), b = expected.at(i);
    if ((std::isnan(a) && std::isnan(b)) || (a == b && std::isinf(a)))
      continue;
    double distance = std::abs(a - b);
    if (!std::isfinite(distance) || distance > atol + rtol * std::abs(b))
      ++d.wrong;
    d.maxAbs = std::isfinite(distance) ? std::max(d.maxAbs, distance) : INFINITY;
    if (std::isfinite(b))
      largest = std::max(largest, std::abs(b));
    if (std::isfinite(a) && std::isfinite(b))
      dot += a * b, normA += a * a, normB += b * b;
  }
  d.relative = d.maxAbs == 0 ? 0 : d.maxAbs / largest;
  d.cosine = normA > 0 && normB > 0 ? dot / std::sqrt(normA * normB) : normA == normB ? 1 : 0;
  return d;
}
