// Control flow whose way is known at import: a constant If, loops and scans of few, counted steps.
#include "lib/importer/GraphImporter.h"
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
// Longer loops would make code that nobody wants to compile.
constexpr int64_t kMaxUnrolled = 64;

// Only the branch that is taken becomes part of the graph.
LogicalResult importIf(Node &n) {
  auto condition = n.constInts(0);
  if (!condition || condition->size() != 1)
    return n.unsupported("If with a condition that is not constant");
  const onnx::GraphProto *branch = n.graph(condition->front() ? "then_branch" : "else_branch");
  if (!branch)
    return n.error() << "a branch is missing";
  auto results = n.importer.importSubgraph(n, *branch, {});
  if (failed(results))
    return failure();
  for (auto [i, datum] : llvm::enumerate(*results))
    if (failed(n.result(datum, i)))
      return failure();
  return success();
}

Datum valueDatum(Value v) {
  Datum d;
  d.value = v;
  return d;
}

// The per-step values of a scan output, stacked along a new axis.
LogicalResult stack(Node &n, SmallVector<Value> steps, int64_t axis, unsigned output) {
  if (!n.wants(output))
    return success();
  if (steps.empty())
    return n.unsupported("a loop without steps that has an output per step");
  FailureOr<int64_t> place = n.axis(axis, n.rank(steps.front()) + 1);
  if (failed(place))
    return failure();
  for (Value &v : steps) {
    Dims sizes = n.dims(v);
    sizes.insert(sizes.begin() + std::min<size_t>(*place, sizes.size()), n.shapes.constant(1));
    v = n.reshape(v, sizes);
  }
  return n.result(n.concat(steps, *place), output);
}

struct ScanSpec {
  int64_t states, inputs, steps;
  SmallVector<int64_t> inputAxes, inputDirections, outputAxes, outputDirections;
};

FailureOr<ScanSpec> scanSpec(Node &n, const onnx::GraphProto &body) {
  ScanSpec spec;
  spec.inputs = n.i("num_scan_inputs", 0);
  spec.states = static_cast<int64_t>(n.numInputs()) - spec.inputs;
  auto list = [&](StringRef name, size_t size) {
    SmallVector<int64_t> values = n.ints(name);
    values.resize(size, 0);
    return values;
  };
  if (spec.inputs <= 0 || spec.states < 0 || body.output_size() < spec.states)
    return n.error() << "num_scan_inputs does not fit " << n.numInputs() << " operands and " << body.output_size() << " body outputs";
  size_t outputs = body.output_size() - spec.states;
  spec.inputAxes = list("scan_input_axes", spec.inputs);
  spec.inputDirections = list("scan_input_directions", spec.inputs);
  spec.outputAxes = list("scan_output_axes", outputs);
  spec.outputDirections = list("scan_output_directions", outputs);
  for (int64_t i = 0; i < spec.inputs; ++i) {
    Value x = n.in(spec.states + i);
    FailureOr<int64_t> axis = n.axis(spec.inputAxes[i], n.rank(x));
    if (failed(axis))
      return failure();
    spec.inputAxes[i] = *axis;
    auto size = constantOf(n.dim(x, *axis));
    if (!size || *size > kMaxUnrolled || (i > 0 && *size != spec.steps))
      return n.unsupported("Scan over an axis that is symbolic or longer than " + Twine(kMaxUnrolled));
    spec.steps = *size;
  }
  return spec;
}

LogicalResult importScan(Node &n) {
  const onnx::GraphProto *body = n.graph("body");
  if (!body)
    return n.error() << "the body is missing";
  FailureOr<ScanSpec> spec = scanSpec(n, *body);
  if (failed(spec))
    return failure();
  SmallVector<Datum> states;
  for (int64_t i = 0; i < spec->states; ++i)
    states.push_back(valueDatum(n.in(i)));
  SmallVector<SmallVector<Value>> outputs(body->output_size() - spec->states);
  for (int64_t step = 0; step < spec->steps; ++step) {
    SmallVector<Datum> operands = states;
    for (int64_t i = 0; i < spec->inputs; ++i) {
      Value x = n.in(spec->states + i);
      int64_t at = spec->inputDirections[i] ? spec->steps - 1 - step : step, axis = spec->inputAxes[i];
      Value part = n.sliceAxis(x, axis, n.shapes.constant(at), n.shapes.constant(1));
      Dims sizes = n.dims(x);
      sizes.erase(sizes.begin() + axis);
      operands.push_back(valueDatum(n.reshape(part, sizes)));
    }
    auto results = n.isFailed ? FailureOr<SmallVector<Datum>>(failure()) : n.importer.importSubgraph(n, *body, operands);
    if (failed(results))
      return failure();
    states.assign(results->begin(), results->begin() + spec->states);
    for (auto [list, datum] : llvm::zip_equal(outputs, llvm::drop_begin(*results, spec->states)))
      list.push_back(n.importer.materialize(datum, n.loc));
  }
  for (auto [i, state] : llvm::enumerate(states))
    if (failed(n.result(state, i)))
      return failure();
  for (auto [i, list] : llvm::enumerate(outputs)) {
    if (spec->outputDirections[i])
      std::reverse(list.begin(), list.end());
    if (failed(stack(n, list, spec->outputAxes[i], spec->states + i)))
      return failure();
  }
  return success();
}

// A loop of a constant number of steps whose condition never becomes false.
LogicalResult importLoop(Node &n) {
  const onnx::GraphProto *body = n.graph("body");
  auto trips = n.constInts(0), go = n.constInts(1);
  if (!body || body->output_size() < 1)
    return n.error() << "the body is missing or has no outputs";
  bool isCounted = trips && trips->size() == 1 && trips->front() <= kMaxUnrolled && (!n.has(1) || (go && go->size() == 1));
  if (!isCounted)
    return n.unsupported("Loop whose number of steps is not constant or above " + Twine(kMaxUnrolled));
  size_t states = n.numInputs() < 2 ? 0 : n.numInputs() - 2;
  if (static_cast<size_t>(body->output_size()) < states + 1)
    return n.error() << "the body has fewer outputs than the loop carries values";
  SmallVector<Datum> carried;
  for (size_t i = 0; i < states; ++i)
    carried.push_back(valueDatum(n.in(i + 2)));
  SmallVector<SmallVector<Value>> outputs(body->output_size() - 1 - states);
  Datum condition, step;
  condition.elements = Elements{{n.shapes.constant(1)}, {}, n.i1()};
  bool goes = !go || go->front();
  for (int64_t i = 0; goes && i < trips->front() && !n.isFailed; ++i) {
    step.elements = Elements{{n.shapes.constant(i)}, {}, n.i64()};
    SmallVector<Datum> operands{step, condition};
    operands.append(carried);
    auto results = n.importer.importSubgraph(n, *body, operands);
    if (failed(results))
      return failure();
    const Elements *next = n.importer.elements(results->front(), n.loc);
    if (!next || next->values.size() != 1 || !constantOf(next->values[0]))
      return n.unsupported("Loop whose condition depends on data");
    goes = *constantOf(next->values[0]) != 0;
    carried.assign(results->begin() + 1, results->begin() + 1 + states);
    for (auto [list, datum] : llvm::zip_equal(outputs, llvm::drop_begin(*results, 1 + states)))
      list.push_back(n.importer.materialize(datum, n.loc));
  }
  for (auto [i, datum] : llvm::enumerate(carried))
    if (n.isFailed || failed(n.result(datum, i)))
      return failure();
  for (auto [i, list] : llvm::enumerate(outputs))
    if (failed(stack(n, list, 0, states + i)))
      return failure();
  return success();
}

const OpEntry kOps[] = {
    {"If", 1, importIf},
    {"Loop", 1, importLoop},
    {"Scan", 9, importScan},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::controlOps() { return kOps; }
