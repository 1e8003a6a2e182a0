// Elementwise ops: operands are broadcast, widened, and computed by one function per op.
#include "lib/eval/Call.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

namespace {
using Unary = double (*)(double);

struct UnaryRow {
  const char *name;
  Unary compute;
};

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double geluErf(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }
double geluTanh(double x) { return 0.5 * x * (1 + std::tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x))); }
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double relu(double x) { return x < 0 ? 0 : x; }

const UnaryRow unaryRows[] = {
    {"abs", std::fabs},
    {"neg", [](double x) { return -x; }},
    {"sign", [](double x) { return x == 0 ? 0 : sign(x); }},
    {"floor", std::floor},
    {"ceil", std::ceil},
    {"round", std::nearbyint},
    {"sqrt", std::sqrt},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
    {"exp", std::exp},
    {"log", std::log},
    {"sin", std::sin},
    {"cos", std::cos},
    {"tan", std::tan},
    {"asin", std::asin},
    {"acos", std::acos},
    {"atan", std::atan},
    {"sinh", std::sinh},
    {"cosh", std::cosh},
    {"asinh", std::asinh},
    {"acosh", std::acosh},
    {"atanh", std::atanh},
    {"tanh", std::tanh},
    {"sigmoid", sigmoid},
    {"erf", std::erf},
    {"softplus", softplus},
    {"silu", [](double x) { return std::isinf(x) && x < 0 ? -0.0 : x * sigmoid(x); }},
    {"relu", relu},
};

uint64_t bitsOf(int64_t x) { return static_cast<uint64_t>(x); }

const std::pair<const char *, int64_t (*)(int64_t)> signedUnaryRows[] = {
    {"abs", [](int64_t x) { return x < 0 ? static_cast<int64_t>(-bitsOf(x)) : x; }},
    {"neg", [](int64_t x) { return static_cast<int64_t>(-bitsOf(x)); }},
    {"sign", [](int64_t x) { return int64_t(x > 0) - int64_t(x < 0); }},
    {"relu", [](int64_t x) { return std::max<int64_t>(x, 0); }},
    {"bit_not", [](int64_t x) { return ~x; }},
};
const std::pair<const char *, uint64_t (*)(uint64_t)> unsignedUnaryRows[] = {
    {"abs", [](uint64_t x) { return x; }},
    {"neg", [](uint64_t x) { return -x; }},
    {"sign", [](uint64_t x) { return uint64_t(x != 0); }},
    {"relu", [](uint64_t x) { return x; }},
    {"bit_not", [](uint64_t x) { return ~x; }},
    {"not", [](uint64_t x) { return uint64_t(x == 0); }},
};

template <typename T, typename F> LogicalResult mapUnary(Call &call, F compute) {
  std::vector<T> values = load<T>(call.operands[0]);
  for (T &value : values)
    value = compute(value);
  return call.give(call.operands[0].shape(), values);
}

template <typename T, typename Rows> void addUnaryRows(llvm::StringMap<OpTable::Evaluator> &map, const Rows &rows) {
  for (const auto &[name, compute] : rows)
    map[name] = [compute = compute](Call &call) { return mapUnary<T>(call, compute); };
}

// The evaluators of one C++ type by op name.
struct UnaryTables {
  UnaryTables() {
    addUnaryRows<double>(floats, unaryRows);
    addUnaryRows<int64_t>(signedInts, signedUnaryRows);
    addUnaryRows<uint64_t>(unsignedInts, unsignedUnaryRows);
  }
  llvm::StringMap<OpTable::Evaluator> floats, signedInts, unsignedInts;
};

LogicalResult evalUnary(Call &call) {
  static const UnaryTables tables;
  Type type = call.operands[0].elementType();
  const auto &table = isa<FloatType>(type) ? tables.floats : isUnsigned(type) ? tables.unsignedInts : tables.signedInts;
  auto it = table.find(call.op->getName().stripDialect());
  if (it == table.end())
    return call.error() << "is not defined on " << type;
  return it->second(call);
}

LogicalResult evalGelu(GeluOp op, Call &call) { return mapUnary<double>(call, op.getTanh() ? geluTanh : geluErf); }

template <typename F> LogicalResult testFloats(Call &call, F test) {
  std::vector<double> values = load<double>(call.operands[0]);
  std::vector<uint64_t> result(values.size());
  for (auto [to, from] : llvm::zip_equal(result, values))
    to = test(from);
  return call.give(call.operands[0].shape(), result);
}
LogicalResult evalIsNan(IsNanOp, Call &call) {
  return testFloats(call, [](double x) { return std::isnan(x); });
}
LogicalResult evalIsInf(IsInfOp op, Call &call) {
  bool positive = op.getPositive(), negative = op.getNegative();
  return testFloats(call, [=](double x) { return std::isinf(x) && (x > 0 ? positive : negative); });
}

LogicalResult evalSelect(SelectOp op, Call &call) {
  FailureOr<Shape> shape = call.inferredShape();
  if (failed(shape))
    return failure();
  FailureOr<Tensor> condition = broadcasted(call.operands[0], *shape), lhs = broadcasted(call.operands[1], *shape),
                    rhs = broadcasted(call.operands[2], *shape), result = Tensor::allocate(call.elementType(), *shape);
  if (failed(condition) || failed(lhs) || failed(rhs) || failed(result))
    return call.give(failure());
  unsigned width = elementBytes(call.elementType());
  for (int64_t i = 0; i < result->numElements(); ++i)
    copyElement(result->mutableBytes().data() + i * width,
                (condition->bytes()[i] ? *lhs : *rhs).bytes().data() + i * width, width);
  return call.give(result);
}
} // namespace

void eval::addElementwise(OpTable &table) {
  for (const UnaryRow &row : unaryRows)
    table.add(("ds." + Twine(row.name)).str(), evalUnary);
  table.add("ds.not", evalUnary);
  table.add("ds.bit_not", evalUnary);
  table.add<GeluOp>(evalGelu);
  table.add<IsNanOp>(evalIsNan);
  table.add<IsInfOp>(evalIsInf);
  table.add<SelectOp>(evalSelect);
  addBinary(table);
  addCasts(table);
}
