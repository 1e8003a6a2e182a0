// Operators of ONNX Runtime's own domain that its optimizers put into language models.
#include "lib/importer/Node.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;

namespace {
// rms(x) * scale, and 1 / sqrt(mean(x^2) + epsilon) as output `inverse`
LogicalResult rmsNorm(Node &n, Value x, Value scale, unsigned inverse) {
  if (x && n.wants(inverse)) {
    Value square = n.mean(n.same<MulOp>(x, x), n.rank(x) - 1, true);
    Value guarded = n.same<AddOp>(square, n.scalar(getElementTypeOrSelf(x.getType()), n.f("epsilon", 1e-5f)));
    if (failed(n.result(n.same<RsqrtOp>(guarded), inverse)))
      return failure();
  }
  auto op = x ? n.makeOp<NormOp>(getElementTypeOrSelf(x.getType()), NormKindAttr::get(n.ctx(), NormKind::rms), x, Optional{scale}, Optional{},
                                 n.b.getI64IntegerAttr(n.rank(x) - 1), n.b.getF64FloatAttr(n.f("epsilon", 1e-5f)))
              : NormOp();
  return n.result(op ? op.getResult() : Value());
}

LogicalResult importSimplifiedLayerNorm(Node &n) {
  Value x = n.in(0);
  FailureOr<int64_t> axis = n.axis(n.i("axis", -1), n.rank(x));
  if (failed(axis))
    return failure();
  if (*axis != n.rank(x) - 1)
    return n.unsupported("SimplifiedLayerNormalization over more than the last axis");
  return rmsNorm(n, x, n.in(1), 1);
}

// The sum of input, skip and bias, normalised; then its mean, its inverse deviation, and the sum itself.
LogicalResult importSkipNorm(Node &n) {
  Value sum = n.same<AddOp>(n.in(0), n.in(1));
  if (n.has(3))
    sum = n.same<AddOp>(sum, n.in(3));
  if (failed(rmsNorm(n, sum, n.in(2), 2)) || (n.wants(1) && failed(n.result(n.mean(sum, n.rank(sum) - 1, true), 1))))
    return failure();
  return n.wants(3) ? n.result(sum, 3) : success();
}

// [B, S, N * D], or [B, N, S, D], rotated by rows of the caches at the positions [B, S].
LogicalResult importRotary(Node &n) {
  Value x = n.in(0), positions = n.in(1), cos = n.in(2), sin = n.in(3);
  if (!x || !positions || !cos || !sin)
    return failure();
  if (n.i("rotary_embedding_dim", 0) || n.i("is_packed_batching", 0) || n.f("scale", 1) != 1 || n.rank(positions) != 2 || n.rank(cos) != 2)
    return n.unsupported("RotaryEmbedding of a part of each head, packed batches, a scale, or an offset instead of positions");
  Dims d = n.dims(x), p = n.dims(positions);
  AffineExpr half = n.dim(cos, 1), one = n.shapes.constant(1), head = n.shapes.product({half, n.shapes.constant(2)});
  bool isFlat = d.size() == 3;
  AffineExpr heads = isFlat && head ? n.shapes.quotient(d[2], head) : one;
  if ((!isFlat && d.size() != 4) || !heads)
    return n.unsupported("RotaryEmbedding of heads whose size is not twice that of the caches");
  Dims rows = isFlat ? Dims{p[0], p[1], one, half} : Dims{p[0], one, p[1], half};
  auto table = [&](Value cache) {
    return n.reshape(n.make<GatherOp>(getElementTypeOrSelf(cache.getType()), cache, positions, n.b.getI64IntegerAttr(0)), rows);
  };
  Value split = isFlat ? n.reshape(x, {d[0], d[1], heads, head}) : x;
  auto interleaved = n.i("interleaved", 0) ? n.b.getUnitAttr() : UnitAttr();
  return n.result(n.reshape(n.same<RopeOp>(split, table(cos), table(sin), interleaved), d));
}

// Attention of [B, S, N * D] with [B, T, N * D] and [B, T, N * Dv], without past, biases of projections or padding masks.
LogicalResult importMultiHeadAttention(Node &n) {
  Value q = n.in(0), k = n.has(1) ? n.in(1) : Value(), v = n.has(2) ? n.in(2) : Value();
  bool isPlain = k && v && n.rank(q) == 3 && n.rank(k) == 3 && n.rank(v) == 3 && !n.has(3) && !n.has(4) && !n.i("unidirectional", 0);
  for (unsigned i = 6; i < n.numInputs(); ++i)
    isPlain &= !n.has(i);
  if (!isPlain || n.wants(1) || n.wants(2) || n.wants(3))
    return n.unsupported("MultiHeadAttention with packed or cached keys, biases, a padding mask, or more than one output");
  AffineExpr heads = n.shapes.constant(n.i("num_heads", 0));
  auto split = [&](Value x) {
    Dims d = n.dims(x);
    AffineExpr size = n.i("num_heads", 0) > 0 ? n.shapes.quotient(d[2], heads) : AffineExpr();
    return size ? n.reshape(x, {d[0], d[1], heads, size}) : Value();
  };
  Value qs = split(q), ks = split(k), vs = split(v);
  auto size = qs ? constantOf(n.dim(qs, 3)) : std::nullopt;
  if (!ks || !vs || !size)
    return n.error() << "num_heads does not divide the last axes, or a head has no constant size";
  Value mask = n.has(5) ? n.cast_(n.in(5), n.f32()) : Value();
  double scale = n.f("scale", 0) != 0 ? n.f("scale", 0) : 1 / std::sqrt(static_cast<double>(*size));
  auto layout = n.b.getDenseI64ArrayAttr({0, 2, 1, 3});
  auto op = n.makeOp<AttentionOp>(n.elementType(0), qs, ks, vs, Optional{mask}, n.b.getF64FloatAttr(scale), UnitAttr(), IntegerAttr(),
                                  IntegerAttr(), n.b.getF64FloatAttr(-std::numeric_limits<double>::infinity()), layout, layout, layout, layout);
  Dims d = n.dims(q);
  return n.result(op ? n.reshape(op.getResult(), {d[0], d[1], n.dim(v, 2)}) : Value());
}

const std::pair<StringRef, Activation> kActivations[] = {
    {"identity", Activation::identity}, {"relu", Activation::relu}, {"silu", Activation::silu}};

// What of com.microsoft::MoE ds.route and ds.experts have no counterpart for; empty where they have.
std::string whyNoExperts(Node &n) {
  std::string activation = n.s("activation_type", "relu");
  for (unsigned i : {3u, 5u, 7u})
    if (n.has(i))
      return "MoE with biases of the experts";
  if (n.numInputs() > 8)
    return "MoE with more than eight inputs";
  if (llvm::none_of(kActivations, [&](auto &known) { return known.first == activation; }))
    return "MoE with the activation '" + activation + "'";
  if (n.i("use_sparse_mixer", 0) || n.i("swiglu_fusion", 0))
    return "MoE with a sparse mixer or fused SwiGLU";
  return n.elementType(0) && n.elementType(0).isF32() ? "" : "MoE in another type than f32";
}

// x [.., H], logits [T, E], fc1 and fc3 [E, I, H], fc2 [E, H, I]: softmax, the k best, fc2(activation(fc1 x) * fc3 x).
LogicalResult importMoe(Node &n) {
  Value x = n.in(0), logits = n.in(1);
  if (std::string why = whyNoExperts(n); !why.empty())
    return n.unsupported(why);
  Value fc1 = n.in(2), fc2 = n.in(4), fc3 = n.has(6) ? n.in(6) : Value();
  if (n.isFailed || !x || !logits || !fc1 || !fc2)
    return failure();
  Dims d = n.dims(x), first = n.dims(fc1), second = n.dims(fc2), l = n.dims(logits);
  if (d.size() < 2 || l.size() != 2 || first.size() != 3 || second.size() != 3)
    return n.error() << "needs rows of features, logits [tokens, experts] and matrices of three axes";
  if (first[2] != d.back() || second[2] != first[1] || (fc3 && n.dims(fc3) != first))
    return n.unsupported("MoE whose matrices are not [experts, width, hidden], [experts, hidden, width]");
  auto experts = constantOf(l[1]);
  if (!experts || n.i("k", 1) < 1 || n.i("k", 1) > *experts)
    return n.error() << "cannot choose k = " << n.i("k", 1) << " experts: their number has to be constant, and at least k";
  Type f32 = n.f32(), i64 = n.i64();
  auto integer = [&](int64_t value) { return n.b.getI64IntegerAttr(value); };
  auto route = n.makeOp<RouteOp>({f32, i64, i64, i64}, logits, Optional{}, Optional{}, Optional{}, integer(n.i("k", 1)),
                                 ScoreKindAttr::get(n.ctx(), ScoreKind::softmax), n.i("normalize_routing_weights", 0) ? n.b.getUnitAttr() : UnitAttr(),
                                 n.b.getF64FloatAttr(0), n.b.getF64FloatAttr(1), integer(1), integer(1), integer(1),
                                 BalanceKindAttr::get(n.ctx(), BalanceKind::none), n.b.getF64FloatAttr(0));
  if (!route)
    return failure();
  auto matrices = [&](Value v) { return v ? n.transpose(v, {0, 2, 1}) : Value(); };
  std::string activation = n.s("activation_type", "relu");
  auto known = llvm::find_if(kActivations, [&](auto &entry) { return entry.first == activation; });
  Value gate = fc3 ? matrices(fc1) : Value(), up = matrices(fc3 ? fc3 : fc1);
  Value y = n.make<ExpertsOp>(f32, d.size() == 2 ? x : n.reshape(x, {l[0], d.back()}), route.getWeights(), route.getPermutation(),
                              route.getOffsets(), Optional{gate}, up, matrices(fc2), ActivationAttr::get(n.ctx(), known->second));
  return n.result(d.size() == 2 ? y : n.reshape(y, d));
}

const OpEntry kOps[] = {
    {"com.microsoft::MoE", 1, importMoe},
    {"com.microsoft::MultiHeadAttention", 1, importMultiHeadAttention},
    {"com.microsoft::RotaryEmbedding", 1, importRotary},
    {"com.microsoft::SimplifiedLayerNormalization", 1, importSimplifiedLayerNorm},
    {"com.microsoft::SkipSimplifiedLayerNormalization", 1, importSkipNorm},
};
} // namespace

ArrayRef<OpEntry> mlir::ds::microsoftOps() { return kOps; }
