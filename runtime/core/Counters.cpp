// See Counters.h. The measures are those that papers on load balancing report: coefficient of variation, MaxVio (arXiv
// 2408.15664), entropy of the load.
#include "runtime/core/Counters.h"

using namespace ds;

// log2 without libm: the exponent, and atanh of the mantissa in [sqrt(1/2), sqrt(2)).
static double log2Of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  int exponent = int(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffff) | uint64_t(1023) << 52;
  double m;
  memcpy(&m, &bits, sizeof(m));
  if (m > 1.4142135623730951)
    m /= 2, ++exponent;
  double s = (m - 1) / (m + 1), power = s, sum = 0;
  for (int i = 1; i < 24; i += 2, power *= s * s)
    sum += power / i;
  return exponent + sum * 2 * 1.4426950408889634;
}

static double rootOf(double x) {
  double root = x > 1 ? x : 1;
  for (double next = 0; x > 0; root = next) {
    next = (root + x / root) / 2;
    if (next >= root)
      break;
  }
  return x > 0 ? root : 0;
}

ds_expert_counters ds::summarise(const ExpertSite &site, const char *node) {
  ds_expert_counters c = {};
  c.node = node, c.experts = site.experts, c.runs = site.runs, c.tokens = site.tokens;
  c.flops = site.flops, c.dense_flops = site.denseFlops, c.min_rows = site.experts ? UINT64_MAX : 0;
  for (uint32_t e = 0; e < site.experts; ++e) {
    c.rows += site.rows[e];
    c.min_rows = site.rows[e] < c.min_rows ? site.rows[e] : c.min_rows;
    c.max_rows = site.rows[e] > c.max_rows ? site.rows[e] : c.max_rows;
  }
  if (!c.rows)
    return c;
  double total = double(c.rows), mean = total / site.experts, squares = 0, entropy = 0;
  for (uint32_t e = 0; e < site.experts; ++e) {
    double rows = double(site.rows[e]);
    squares += (rows - mean) * (rows - mean);
    if (site.rows[e])
      entropy -= rows / total * log2Of(rows / total);
  }
  c.balance = rootOf(squares / site.experts) / mean;
  c.max_violation = double(c.max_rows) / mean - 1;
  c.entropy = site.experts > 1 ? entropy / log2Of(site.experts) : 1;
  return c;
}
