// What exporters spell out in ten nodes: normalisation, softmax, attention, rotary embedding.
#ifndef DS_NORM_OPS
#define DS_NORM_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_SoftmaxOp : Ds_Op<"softmax", [SameOperandsAndResultElementType]> {
  let summary = "exp(x - max) / sum of it along an axis; its logarithm if `log`.";
  let description = [{
    C1: 0 <= axis < rank.

    ```mlir
    %1 = ds.softmax %0 axis 1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` functional-type($input, $result)";
}

def Ds_NormOp : Ds_Op<"norm", [AttrSizedOperandSegments, SameOperandsAndResultElementType]> {
  let summary = "Layer norm (zero mean, unit variance) or RMS norm over the axes from `axis` on.";
  let description = [{
    layer: (x - mean) / sqrt(mean((x - mean)^2) + epsilon); rms: x / sqrt(mean(x^2) + epsilon); then times `scale`, plus `bias`.
    bf16 and f16 are computed in f32. C1: 0 <= axis < rank. C2: scale and bias broadcast to the operand.

    ```mlir
    %1 = ds.norm layer %0 axis 1 epsilon 1.0e-5 scale %s bias %b : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins Ds_NormKindAttr:$kind, Ds_FloatTensor:$input, Optional<Ds_FloatTensor>:$scale, Optional<Ds_FloatTensor>:$bias,
                       I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = [{ $kind $input `axis` $axis `epsilon` $epsilon (`scale` $scale^)? (`bias` $bias^)? attr-dict
                          `:` functional-type(operands, results) }];
}

def Ds_AttentionOp : Ds_Op<"attention", [AllElementTypesMatch<["q", "k", "v", "result"]>]> {
  let summary = "softmax(scale * q k^T + mask) v, heads grouped.";
  let description = [{
    Logically q [B, H, S, D], k [B, Hk, T, D], v [B, Hk, T, Dv], result [B, H, S, Dv]; head h uses key head h / (H / Hk).
    An operand may be stored with axes in another order: `q_layout[i]` is the storage axis of logical axis i (so [0, 2, 1, 3]
    for [B, S, H, D]). `mask` is added, f32, broadcasting to [B, H, S, T]. Query s stands at key s + T - S: keys more than
    `window_left` before that and more than `window_right` behind it are excluded; `causal` is a `window_right` of 0. The score of an
    excluded key is `excluded`, without the mask; a number instead of -inf matters to queries that nothing else sees.
    C1: all ranks are 4. C2: H is a multiple of Hk. C3: B, D, T agree. C4: mask broadcasts. C5: layouts are permutations.
    C6: `excluded` is at most -1e30, so that excluded keys weigh nothing beside others. C7: not both `causal` and `window_right`.

    ```mlir
    %1 = ds.attention %q, %k, %v mask %m {scale = 0.125 : f64}
       : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x1x?x?xf32>) -> tensor<1x8x?x64xf32>
    %2 = ds.attention %q, %k, %v {scale = 0.125 : f64, causal, window_left = 511 : i64}
       : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x?x64xf32>
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$q, Ds_FloatTensor:$k, Ds_FloatTensor:$v, Optional<Ds_FloatTensor>:$mask, F64Attr:$scale, UnitAttr:$causal,
                       OptionalAttr<I64Attr>:$window_left, OptionalAttr<I64Attr>:$window_right,
                       DefaultValuedAttr<F64Attr, "-std::numeric_limits<double>::infinity()">:$excluded,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{0, 1, 2, 3}">:$q_layout, DefaultValuedAttr<DenseI64ArrayAttr, "{0, 1, 2, 3}">:$k_layout,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{0, 1, 2, 3}">:$v_layout, DefaultValuedAttr<DenseI64ArrayAttr, "{0, 1, 2, 3}">:$out_layout);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = "$q `,` $k `,` $v (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
}

def Ds_RopeOp : Ds_Op<"rope", [SameOperandsAndResultElementType]> {
  let summary = "Rotary position embedding over the last axis.";
  let description = [{
    With halves x1, x2 of the last axis (or its even and odd elements if `interleaved`): x1 * cos - x2 * sin, x2 * cos + x1 * sin.
    `cos` and `sin` broadcast to the halves (Su et al. 2021). C1: the last size is even. C2: cos and sin broadcast to x1.

    ```mlir
    %1 = ds.rope %x, %cos, %sin : (tensor<1x8x?x64xf32>, tensor<1x1x?x32xf32>, tensor<1x1x?x32xf32>) -> tensor<1x8x?x64xf32>
    ```
  }];
  let arguments = (ins Ds_FloatTensor:$input, Ds_FloatTensor:$cos, Ds_FloatTensor:$sin, UnitAttr:$interleaved);
  let results = (outs Ds_FloatTensor:$result);
  let assemblyFormat = "$input `,` $cos `,` $sin attr-dict `:` functional-type(operands, results)";
}
#endif
