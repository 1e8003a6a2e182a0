// RNN, GRU and LSTM over short sequences of known length, unrolled.
#include "lib/importer/Node.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
constexpr int64_t kMaxSteps = 64;

// One direction of a recurrent node: its weights with the axis of directions taken off, gates still side by side.
struct Direction {
  Value weights, recurrent, inputBias, stateBias, peephole; // [G*H, I], [G*H, H], [G*H], [G*H], [3*H]
  SmallVector<std::string> activations;
  bool reverse = false;
};

struct Layer {
  int64_t gates, hidden, steps;
  Type type;
  Value input, lengths; // [T, B, I], [B, 1]
  AffineExpr batch;
};

struct State {
  Value h, c; // [B, H]
};

Value activate(Node &n, StringRef name, Value x) {
  if (name == "Sigmoid")
    return n.same<SigmoidOp>(x);
  if (name == "Tanh")
    return n.same<TanhOp>(x);
  if (name == "Relu")
    return n.same<ReluOp>(x);
  return (void)n.unsupported("activation " + name), Value();
}

// Gate `g` of a value whose last axis has all gates.
Value gate(Node &n, Value v, int64_t g, int64_t hidden) {
  return n.sliceAxis(v, n.rank(v) - 1, n.shapes.constant(g * hidden), n.shapes.constant(hidden));
}
Value times(Node &n, Value x, Value weights) { return n.same<MatmulOp>(x, weights, UnitAttr(), n.b.getUnitAttr()); }

// `x` is the input's part of all gates, biases of the input included.
State stepRnn(Node &n, const Layer &l, const Direction &d, Value x, State s) {
  return {activate(n, d.activations[0], n.same<AddOp>(x, n.same<AddOp>(times(n, s.h, d.recurrent), d.stateBias))), {}};
}

State stepGru(Node &n, const Layer &l, const Direction &d, Value x, State s) {
  Value all = n.same<AddOp>(times(n, s.h, d.recurrent), d.stateBias);
  auto sum = [&](int64_t g) { return n.same<AddOp>(gate(n, x, g, l.hidden), gate(n, all, g, l.hidden)); };
  Value z = activate(n, d.activations[0], sum(0)), r = activate(n, d.activations[0], sum(1)), inner;
  if (n.i("linear_before_reset", 0)) {
    inner = n.same<MulOp>(r, gate(n, all, 2, l.hidden));
  } else {
    Value weights = n.sliceAxis(d.recurrent, 0, n.shapes.constant(2 * l.hidden), n.shapes.constant(l.hidden));
    inner = n.same<AddOp>(times(n, n.same<MulOp>(r, s.h), weights), gate(n, d.stateBias, 2, l.hidden));
  }
  Value candidate = activate(n, d.activations[1], n.same<AddOp>(gate(n, x, 2, l.hidden), inner));
  Value keep = n.same<MulOp>(z, s.h), take = n.same<SubOp>(candidate, n.same<MulOp>(z, candidate));
  return {n.same<AddOp>(take, keep), {}};
}

// Gates in ONNX's order: input, output, forget, cell.
State stepLstm(Node &n, const Layer &l, const Direction &d, Value x, State s) {
  Value all = n.same<AddOp>(x, n.same<AddOp>(times(n, s.h, d.recurrent), d.stateBias));
  auto peep = [&](Value v, int64_t g, Value c) {
    return d.peephole ? n.same<AddOp>(v, n.same<MulOp>(c, gate(n, d.peephole, g, l.hidden))) : v;
  };
  Value i = activate(n, d.activations[0], peep(gate(n, all, 0, l.hidden), 0, s.c));
  Value f = n.i("input_forget", 0) ? n.same<SubOp>(n.scalar(l.type, 1), i) : activate(n, d.activations[0], peep(gate(n, all, 2, l.hidden), 2, s.c));
  Value candidate = activate(n, d.activations[1], gate(n, all, 3, l.hidden));
  Value c = n.same<AddOp>(n.same<MulOp>(f, s.c), n.same<MulOp>(i, candidate));
  Value o = activate(n, d.activations[0], peep(gate(n, all, 1, l.hidden), 1, c));
  return {n.same<MulOp>(o, activate(n, d.activations[2], c)), c};
}

using Step = State (*)(Node &, const Layer &, const Direction &, Value, State);

// The hidden state after each step, in the order of the sequence; `s` becomes the last one.
SmallVector<Value> run(Node &n, const Layer &l, const Direction &d, Step step, State &s) {
  SmallVector<Value> outputs(l.steps);
  Value x = n.same<AddOp>(times(n, l.input, d.weights), d.inputBias);
  SmallVector<AffineExpr> flat{l.batch, n.shapes.constant(l.gates * l.hidden)};
  for (int64_t i = 0; i < l.steps && !n.isFailed; ++i) {
    int64_t t = d.reverse ? l.steps - 1 - i : i;
    State next = step(n, l, d, n.reshape(n.sliceAxis(x, 0, n.shapes.constant(t), n.shapes.constant(1)), flat), s);
    Value shown = next.h;
    if (l.lengths) {
      // Past its end a sequence keeps its state and shows zeros.
      Value runs = n.make<LessOp>(n.i1(), n.scalar(n.b.getI32Type(), t), l.lengths);
      shown = n.make<SelectOp>(l.type, runs, next.h, n.scalar(l.type, 0));
      next.h = n.make<SelectOp>(l.type, runs, next.h, s.h);
      next.c = s.c ? n.make<SelectOp>(l.type, runs, next.c, s.c) : Value();
    }
    outputs[t] = shown;
    s = next;
  }
  return outputs;
}

// Slice `index` of axis 0, that axis taken off.
Value part(Node &n, Value v, int64_t index) {
  Dims sizes = n.dims(v);
  if (sizes.empty())
    return {};
  sizes.erase(sizes.begin());
  return n.reshape(n.sliceAxis(v, 0, n.shapes.constant(index), n.shapes.constant(1)), sizes);
}

FailureOr<Direction> directionOf(Node &n, const Layer &l, int64_t index, ArrayRef<const char *> defaults) {
  Direction d;
  std::string mode = n.s("direction", "forward");
  d.reverse = mode == "reverse" || index == 1;
  if (d.reverse && l.lengths)
    return n.unsupported("sequence lengths of a reversed direction");
  d.weights = part(n, n.in(1), index);
  d.recurrent = part(n, n.in(2), index);
  AffineExpr width = n.shapes.constant(l.gates * l.hidden);
  Value none = n.broadcast(n.scalar(l.type, 0), width);
  Value bias = n.has(3) ? part(n, n.in(3), index) : Value();
  d.inputBias = bias ? n.sliceAxis(bias, 0, n.shapes.constant(0), width) : none;
  d.stateBias = bias ? n.sliceAxis(bias, 0, width, width) : none;
  d.peephole = n.has(7) ? part(n, n.in(7), index) : Value();
  SmallVector<std::string> given = n.strings("activations");
  for (size_t i = 0; i < defaults.size(); ++i)
    d.activations.push_back(given.size() >= (index + 1) * defaults.size() ? given[index * defaults.size() + i] : defaults[i]);
  return d;
}

Value stackAxis(Node &n, SmallVector<Value> values, int64_t axis) {
  for (Value &v : values) {
    Dims sizes = n.dims(v);
    sizes.insert(sizes.begin() + std::min<size_t>(axis, sizes.size()), n.shapes.constant(1));
    v = n.reshape(v, sizes);
  }
  return n.concat(values, axis);
}

LogicalResult importRecurrent(Node &n, int64_t gates, Step step, ArrayRef<const char *> defaults, bool hasCell) {
  bool batchFirst = n.i("layout", 0) != 0;
  Layer l{gates, n.i("hidden_size", 0), 0, n.elementType(0), n.in(0), {}, {}};
  if (n.rank(l.input) != 3 || l.hidden <= 0)
    return n.error() << "needs an operand of three axes and hidden_size";
  if (n.hasAttr("clip"))
    return n.unsupported("clip");
  if (batchFirst)
    l.input = n.transpose(l.input, {1, 0, 2});
  auto steps = constantOf(n.dim(l.input, 0));
  if (!steps || *steps > kMaxSteps || *steps == 0)
    return n.unsupported("a recurrent operator over a symbolic sequence, or one longer than " + Twine(kMaxSteps));
  l.steps = *steps;
  l.batch = n.dim(l.input, 1);
  if (n.has(4))
    l.lengths = n.unsqueezeTo(n.in(4), 0, 2);
  int64_t directions = n.s("direction", "forward") == "bidirectional" ? 2 : 1;
  SmallVector<SmallVector<Value>> shown;
  SmallVector<Value> lastH, lastC;
  for (int64_t k = 0; k < directions; ++k) {
    auto d = directionOf(n, l, k, defaults);
    if (failed(d) || n.isFailed)
      return failure();
    Value zero = n.broadcast(n.scalar(l.type, 0), {l.batch, n.shapes.constant(l.hidden)});
    auto initial = [&](unsigned input) { return part(n, batchFirst ? n.transpose(n.in(input), {1, 0, 2}) : n.in(input), k); };
    State s{n.has(5) ? initial(5) : zero, hasCell ? (n.has(6) ? initial(6) : zero) : Value()};
    shown.push_back(run(n, l, *d, step, s));
    lastH.push_back(s.h);
    lastC.push_back(s.c);
  }
  if (n.isFailed)
    return failure();
  SmallVector<Value> perStep;
  for (int64_t t = 0; t < l.steps; ++t)
    perStep.push_back(stackAxis(n, llvm::map_to_vector(shown, [&](auto &list) { return list[t]; }), 0));
  auto place = [&](Value v) { return batchFirst ? n.transpose(v, {1, 0, 2}) : v; };
  Value all = stackAxis(n, perStep, 0); // [T, D, B, H]
  if (failed(n.result(batchFirst ? n.transpose(all, {2, 0, 1, 3}) : all, 0)) || failed(n.result(place(stackAxis(n, lastH, 0)), 1)))
    return failure();
  return hasCell ? n.result(place(stackAxis(n, lastC, 0)), 2) : success();
}

LogicalResult importRnn(Node &n) { return importRecurrent(n, 1, stepRnn, {"Tanh"}, false); }
LogicalResult importGru(Node &n) { return importRecurrent(n, 3, stepGru, {"Sigmoid", "Tanh"}, false); }
LogicalResult importLstm(Node &n) { return importRecurrent(n, 4, stepLstm, {"Sigmoid", "Tanh", "Tanh"}, true); }

const OpEntry kOps[] = {{"GRU", 7, importGru}, {"LSTM", 7, importLstm}, {"RNN", 7, importRnn}};
} // namespace

ArrayRef<OpEntry> mlir::ds::recurrentOps() { return kOps; }
