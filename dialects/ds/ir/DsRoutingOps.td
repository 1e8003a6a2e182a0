// Computing only what matters: routing to experts, the experts, gates.
#ifndef DS_ROUTING_OPS
#define DS_ROUTING_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_ScoreKind : Ds_Enum<"ScoreKind", ["none", "softmax", "sigmoid"]>;
def Ds_ScoreKindAttr : Ds_DictEnumAttr<Ds_ScoreKind, "score_kind">;
def Ds_BalanceKind : Ds_Enum<"BalanceKind", ["none", "select_by_load", "mix_by_load", "bias"]>;
def Ds_BalanceKindAttr : Ds_DictEnumAttr<Ds_BalanceKind, "balance_kind">;
def Ds_Activation : Ds_Enum<"Activation", ["identity", "relu", "silu", "gelu", "gelu_tanh"]>;
def Ds_ActivationAttr : Ds_DictEnumAttr<Ds_Activation, "activation">;

def Ds_RouteOp : Ds_Op<"route", [AttrSizedOperandSegments]> {
  let summary = "Chooses k of E experts per token, and sorts the routed rows by expert.";
  let description = [{
    `scores` is [T, E]. With p = score(scores) (softmax over the experts, sigmoid, or as they are), the k experts with the largest selection
    score s are chosen, slot 0 the best; equal scores: the lower expert first; NaN is the largest.

    * s = p, plus `bias` [E] if given. With `groups` = G > 1, the experts are G equal runs; a group's score is the sum of its `group_best` largest s, and only experts
      of the `top_groups` best groups may be chosen (equal ones: the lower first). (DeepSeek-V3, arXiv 2412.19437, section 2.1.2.)
    * The chosen experts' mixing weights are p's own (or those of `mixing` [T, E] if given), never s; divided by their sum + `epsilon` if `normalize`; times `scale`.

    Results: weights [T, k]; experts [T, k], i64; permutation [T * k], i64: the routed rows t * k + slot, ordered by expert, then by
    row; offsets [E + 1], i64: expert e has the rows permutation[offsets[e]] .. permutation[offsets[e + 1] - 1].

    `load` [E], f32, is the state of load-aware routing (`balance`, with `rate` r); the fifth result is the new state. With c the fraction of the routed rows per expert:
    * `select_by_load`: s (bias included, groups after) is divided by max(load / mean(load), 1e-6), if the mean is positive; new load = (1 - r) load + r c.
    * `mix_by_load`: the chosen mixing weights are divided by load + 1e-6 before `normalize`; the choice stays; the same new load.
    * `bias`: s gets load added, as another bias; new load = load + r sign(1 / E - c).

    C1: scores, mixing are [T, E], E static. C2: 1 <= k <= experts that may be chosen. C3: E is a multiple of G, 1 <= top_groups <= G, 1 <= group_best <= E / G.
    C4: bias and load are [E]. C5: there is a load, and a fifth result, if and only if balance is not none; 0 <= rate <= 1.

    ```mlir
    %w, %e, %p, %o = ds.route %logits {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
       : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<9xi64>)
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$scores, Optional<Ds_FloatTensor>:$mixing, Optional<Ds_FloatTensor>:$bias, Optional<Ds_FloatTensor>:$load, I64Attr:$k,
                       DefaultValuedAttr<Ds_ScoreKindAttr, "ScoreKind::none">:$score, UnitAttr:$normalize, DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale, DefaultValuedAttr<I64Attr, "1">:$groups, DefaultValuedAttr<I64Attr, "1">:$top_groups,
                       DefaultValuedAttr<I64Attr, "1">:$group_best, DefaultValuedAttr<Ds_BalanceKindAttr, "BalanceKind::none">:$balance,
                       DefaultValuedAttr<F64Attr, "0.0">:$rate);
  let results = (outs Ds_FloatTensor:$weights, Ds_IntTensor:$experts, Ds_IntTensor:$permutation, Ds_IntTensor:$offsets, Optional<Ds_FloatTensor>:$new_load);
  let assemblyFormat = "$scores (`mixing` $mixing^)? (`bias` $bias^)? (`load` $load^)? attr-dict `:` functional-type(operands, results)";
}

def Ds_ExpertsOp : Ds_Op<"experts", [AllElementTypesMatch<["input", "up", "down", "result"]>]> {
  let summary = "The weighted sum of the chosen experts' gated MLPs.";
  let description = [{
    `input` [T, H]; `weights` [T, k], `permutation` [T * k], `offsets` [E + 1] as `ds.route` gives them; `gate` (optional), `up` [E, H, I], `down` [E, I, O]; result [T, O].
    Row t * k + j of expert e adds weights[t, j] * (a down[e]) to result[t], with a = activation(input[t] gate[e]) * (input[t] up[e]),
    or activation(input[t] up[e]) without a gate. Only routed rows are computed: an expert's Inf or NaN reaches only the tokens that chose it.
    C1: ranks are 2, 2, 1, 1, 3, 3, 3. C2: T, H, I, E agree; E and k are static.

    ```mlir
    %y = ds.experts %x weights %w permutation %p offsets %o gate %g up %u down %d {activation = #ds.activation<silu>}
       : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<9xi64>, tensor<8x64x96xf32>, tensor<8x64x96xf32>, tensor<8x96x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$input, Ds_FloatTensor:$weights, Ds_IntTensor:$permutation, Ds_IntTensor:$offsets, Optional<Ds_FloatTensor>:$gate,
                       Ds_FloatTensor:$up, Ds_FloatTensor:$down, Ds_ActivationAttr:$activation);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = [{ $input `weights` $weights `permutation` $permutation `offsets` $offsets (`gate` $gate^)? `up` $up `down` $down attr-dict
                          `:` functional-type(operands, results) }];
}

def Ds_GateOp : Ds_Op<"gate", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Zeroes what a gate closes; what follows may skip it.";
  let description = [{
    With a learnt gate `by`, broadcasting to the input: x if sigmoid(by) > threshold, else 0. Without: x if |x| > threshold, else 0 (TEAL,
    arXiv 2408.14690); NaN passes. C1: `by` broadcasts to the input. C2: the threshold is finite; without `by` not negative.

    ```mlir
    %1 = ds.gate %0 {threshold = 0.25 : f64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
    %2 = ds.gate %0 by %g {threshold = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$input, Optional<Ds_FloatTensor>:$by, F64Attr:$threshold);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = "$input (`by` $by^)? attr-dict `:` functional-type(operands, results)";
}
#endif
