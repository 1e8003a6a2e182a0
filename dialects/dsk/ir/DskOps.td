// Kernel ops: what a group may contain besides linalg and tensor ops. A kernel group holds one of them.
#ifndef DSK_OPS
#define DSK_OPS
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Dsk_Dialect : Dialect {
  let name = "dsk";
  let cppNamespace = "::mlir::dsk";
  let summary = "Kernels and launch-list ops: the vocabulary of the stop `groups`.";
  let description = [{
    Values are tensors without side effects; the target decides buffers. Every tensor that lives between two groups is
    contiguous and row-major. Images are channels last, filters packed into panels of 16 columns:
    a matrix [K, N] becomes [ceil(N/16), K, 16], zero-padded.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Dsk_Op<string mnemonic, list<Trait> traits = [Pure]> : Op<Dsk_Dialect, mnemonic, traits>;
def Dsk_Tensor : RankedTensorOf<[AnyFloat, AnySignlessInteger, UI8, UI16, UI32, UI64]>;
def Dsk_Scalar : AnyTypeOf<[Index, AnyFloat, AnySignlessInteger]>;
def Dsk_F32Tensor : RankedTensorOf<[F32]>;

class Dsk_Enum<string name, list<string> cases> : I32EnumAttr<name, "", !foreach(i, !range(!size(cases)),
    I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::mlir::dsk";
  let genSpecializedAttr = 0;
}
class Dsk_EnumAttr<EnumAttrInfo e, string mnemonic> : EnumAttr<Dsk_Dialect, e, mnemonic>;
// One that stands in an attribute dictionary: `activation = #dsk.activation<silu>`.
class Dsk_DictEnumAttr<EnumAttrInfo e, string mnemonic> : Dsk_EnumAttr<e, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}
def Dsk_PoolKind : Dsk_Enum<"PoolKind", ["max", "avg"]>;
def Dsk_PoolKindAttr : Dsk_EnumAttr<Dsk_PoolKind, "pool_kind">;
def Dsk_ScanKind : Dsk_Enum<"ScanKind", ["sum", "prod"]>;
def Dsk_ScanKindAttr : Dsk_EnumAttr<Dsk_ScanKind, "scan_kind">;
def Dsk_ScatterKind : Dsk_Enum<"ScatterKind", ["set", "add", "mul", "max", "min"]>;
def Dsk_ScatterKindAttr : Dsk_EnumAttr<Dsk_ScatterKind, "scatter_kind">;
def Dsk_ScoreKind : Dsk_Enum<"ScoreKind", ["none", "softmax", "sigmoid"]>;
def Dsk_ScoreKindAttr : Dsk_DictEnumAttr<Dsk_ScoreKind, "score_kind">;
def Dsk_BalanceKind : Dsk_Enum<"BalanceKind", ["none", "select_by_load", "mix_by_load", "bias"]>;
def Dsk_BalanceKindAttr : Dsk_DictEnumAttr<Dsk_BalanceKind, "balance_kind">;
def Dsk_Activation : Dsk_Enum<"Activation", ["identity", "relu", "silu", "gelu", "gelu_tanh"]>;
def Dsk_ActivationAttr : Dsk_DictEnumAttr<Dsk_Activation, "activation">;
def Dsk_FailCode : Dsk_Enum<"FailCode", ["ok", "shape", "index", "memory", "value"]>;
def Dsk_FailCodeAttr : Dsk_EnumAttr<Dsk_FailCode, "fail_code">;

//--- Launch list -----------------------------------------------------------------------------------------------------

def Dsk_WeightOp : Dsk_Op<"weight"> {
  let summary = "Weight `index` of the package: result `index` of the weight program `@weights`.";
  let arguments = (ins I64Attr:$index);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$index attr-dict `:` type($result)";
}
def Dsk_RawWeightOp : Dsk_Op<"raw_weight"> {
  let summary = "Weight bytes of the model's files, as `ds.weight`; only in `@weights`.";
  let arguments = (ins StrAttr:$name, StrAttr:$file, I64Attr:$offset, I64Attr:$length);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$name `file` $file `offset` $offset `length` $length attr-dict `:` type($result)";
}
def Dsk_ReshapeOp : Dsk_Op<"reshape"> {
  let summary = "The same elements in row-major order, in another shape; no code, the same buffer.";
  let description = [{
    C1: one size operand per dynamic size of the result. C2: equal numbers of elements where both are known.
    ```mlir
    %1 = dsk.reshape %0 sizes(%n) : tensor<?x8xf32> -> tensor<?x2x4xf32>
    ```
  }];
  let arguments = (ins Dsk_Tensor:$input, Variadic<Index>:$sizes);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$input (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//--- Inside groups ---------------------------------------------------------------------------------------------------

def Dsk_CheckOp : Dsk_Op<"check", []> {
  let summary = "Records failure `code` with numbers a and b unless `ok`; allowed in bodies of linalg.generic, too.";
  let description = [{
    Execution goes on (so what follows must be safe: clamp an index that is out of range); the run ends with the error.
    ```mlir
    dsk.check %inside, index, %i, %bound
    ```
  }];
  let arguments = (ins I1:$ok, Dsk_FailCodeAttr:$code, Index:$a, Index:$b);
  let results = (outs);
  let assemblyFormat = "$ok `,` $code `,` $a `,` $b attr-dict";
}

def Dsk_MatmulOp : Dsk_Op<"matmul"> {
  let summary = "C[b,i,j] = sum_k A[b,i,k] B[b,k,j] in f32; the launch point of the matmul kernel.";
  let description = [{
    A is [M, K] or [batch, M, K] (rows and columns exchanged if `transpose_a`). B is [K, N] or [batch, K, N] (exchanged if
    `transpose_b`), or packed panels [ceil(N/16), K, 16] when `packed_n` gives N (then shared by all batches).
    The result is [batch, M, N] if an operand has a batch, else [M, N]. A batch of static size 1 repeats.
    With `skip_zeros`, A is expected to have many zeros (a gate's): a row of B that meets zeros alone may stay unread, so that its
    infinities and NaNs have no effect. B is then neither packed nor exchanged, so that its rows are contiguous.
    C1: f32. C2: ranks as above. C3: K agrees. C4: `skip_zeros` goes with matrices, and a B in rows.
    ```mlir
    %c = dsk.matmul %a, %b {packed_n = 48 : i64} : (tensor<?x64xf32>, tensor<3x64x16xf32>) -> tensor<?x48xf32>
    ```
  }];
  let arguments = (ins Dsk_F32Tensor:$lhs, Dsk_F32Tensor:$rhs, OptionalAttr<I64Attr>:$packed_n, UnitAttr:$transpose_a, UnitAttr:$transpose_b,
                       UnitAttr:$skip_zeros);
  let results = (outs Dsk_F32Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

class Dsk_WindowOp<string mnemonic> : Dsk_Op<mnemonic> {
  let results = (outs Dsk_F32Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
// kernel, strides, dilations: [h, w]. pads: [top, left, bottom, right].
def Dsk_ConvOp : Dsk_WindowOp<"conv"> {
  let summary = "2-D convolution, [N,H,W,C] -> [N,OH,OW,O].";
  let description = [{
    `filter` is [groups, ceil(O/groups/16), kh*kw*C/groups, 16]: per group the packed matrix [kh*kw*C/groups, O/groups].
    C1: ranks 4. C2: two (pads: four) numbers.
  }];
  let arguments = (ins Dsk_F32Tensor:$input, Dsk_F32Tensor:$filter, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, I64Attr:$groups);
}
def Dsk_DepthwiseConvOp : Dsk_WindowOp<"depthwise_conv"> {
  let summary = "2-D depthwise convolution, [N,H,W,C] -> [N,OH,OW,C]; `filter` is [kh*kw, C].";
  let arguments = (ins Dsk_F32Tensor:$input, Dsk_F32Tensor:$filter, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations);
}
def Dsk_PoolOp : Dsk_WindowOp<"pool"> {
  let summary = "2-D maximum or average pooling, [N,H,W,C] -> [N,OH,OW,C].";
  let description = "Padding never wins a maximum; an average divides by the elements inside, or by all that lie within the padded input if `count_include_pad`.";
  let arguments = (ins Dsk_F32Tensor:$input, Dsk_PoolKindAttr:$kind, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, UnitAttr:$count_include_pad);
}

def Dsk_AttentionOp : Dsk_Op<"attention"> {
  let summary = "softmax(scale * q k^T + mask) v, heads grouped; as ds.attention, f32.";
  let description = [{
    Logical axes [B, H, S, D]; `*_layout[i]` is the storage axis of logical axis i. `mask` broadcasts to [B, H, S, T]
    (rank 4, sizes static 1 where it repeats). Keys more than `left` before or `right` behind the query's own (that of the last
    query is the last key) have the score `excluded`; no bound: all are seen on that side.
  }];
  let arguments = (ins Dsk_F32Tensor:$q, Dsk_F32Tensor:$k, Dsk_F32Tensor:$v, Optional<Dsk_F32Tensor>:$mask, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$left, OptionalAttr<I64Attr>:$right, F64Attr:$excluded, DenseI64ArrayAttr:$q_layout, DenseI64ArrayAttr:$k_layout, DenseI64ArrayAttr:$v_layout, DenseI64ArrayAttr:$out_layout);
  let results = (outs Dsk_F32Tensor:$result);
  let assemblyFormat = "$q `,` $k `,` $v (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dsk_RouteOp : Dsk_Op<"route", [Pure, AttrSizedOperandSegments]> {
  let summary = "Chooses k of E experts per token and sorts the routed rows by expert: as ds.route, in f32.";
  let arguments = (ins Dsk_F32Tensor:$scores, Optional<Dsk_F32Tensor>:$mixing, Optional<Dsk_F32Tensor>:$bias, Optional<Dsk_F32Tensor>:$load, I64Attr:$k,
                       Dsk_ScoreKindAttr:$score, UnitAttr:$normalize, F64Attr:$epsilon, F64Attr:$scale, I64Attr:$groups, I64Attr:$top_groups,
                       I64Attr:$group_best, Dsk_BalanceKindAttr:$balance, F64Attr:$rate);
  let results = (outs Dsk_F32Tensor:$weights, Dsk_Tensor:$experts, Dsk_Tensor:$permutation, Dsk_Tensor:$offsets, Optional<Dsk_F32Tensor>:$new_load);
  let assemblyFormat = "$scores (`mixing` $mixing^)? (`bias` $bias^)? (`load` $load^)? attr-dict `:` functional-type(operands, results)";
}

def Dsk_GroupedMatmulOp : Dsk_Op<"grouped_matmul"> {
  let summary = "One product per expert, each over its segment of routed rows, f32.";
  let description = [{
    `permutation` [S] orders the routed rows by expert; expert e has the positions offsets[e] .. offsets[e + 1] - 1. `panels` is [E, P, K, 16]: per
    expert the packed matrix [K, N] of `packed_n` = N columns.

    * Without `scale` rows are gathered: position i of the result [S, N] is activation(input[permutation[i] / slots] panels[e]), input [T, K], S = T * slots.
      With `gated` the panels alternate, gate and up: activation(x gate) * (x up), P = 2 ceil(N / 16).
    * With `scale` [T, slots] they are scattered: row r = permutation[i] of the result [S, N] is scale[r] * (input[i] panels[e]), input [S, K].

    The run fails unless offsets and permutation are those of a route: each row once. With `row_flops`, the run counts rows per expert, and so many
    operations per row.
    C1: ranks. C2: the panels hold N columns. C3: K, E + 1 and slots agree. C4: what scatters has neither gate nor activation.
    ```mlir
    %h = dsk.grouped_matmul %x, %p, %o, %gu {packed_n = 24 : i64, slots = 2 : i64, gated, activation = #dsk.activation<silu>}
       : (tensor<?x8xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x4x8x16xf32>) -> tensor<?x24xf32>
    %y = dsk.grouped_matmul %h, %p, %o, %d scale %w {packed_n = 8 : i64, slots = 2 : i64, activation = #dsk.activation<identity>}
       : (tensor<?x24xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x1x24x16xf32>, tensor<?x2xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Dsk_F32Tensor:$input, Dsk_Tensor:$permutation, Dsk_Tensor:$offsets, Dsk_F32Tensor:$panels, Optional<Dsk_F32Tensor>:$scale,
                       I64Attr:$packed_n, I64Attr:$slots, UnitAttr:$gated, Dsk_ActivationAttr:$activation, OptionalAttr<I64Attr>:$row_flops);
  let results = (outs Dsk_F32Tensor:$result);
  let assemblyFormat = "$input `,` $permutation `,` $offsets `,` $panels (`scale` $scale^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dsk_PackPanelsOp : Dsk_Op<"pack_panels"> {
  let summary = "Strided matrices of several tensors, f32, as panels of 16 columns: what dsk.grouped_matmul multiplies by.";
  let description = [{
    Matrix m is [K, N]: its element (i, j) is that of operand sources[m] at offsets[m] + i row_strides[m] + j column_strides[m], in row-major order. The
    result [E, ceil(N / 16), K, 16] has matrix e at [e], zeros behind column N. With `pairs` it is [E, 2 ceil(N / 16), K, 16], the panels of matrices 2 e
    and 2 e + 1 alternate. C1: a number per matrix in each list. C2: the result has room for them. C3: operands have known shapes, and hold the matrices.
    ```mlir
    %p = dsk.pack_panels %w {columns = 20 : i64, sources = array<i64: 0, 0>, offsets = array<i64: 0, 160>, row_strides = array<i64: 1, 1>,
                             column_strides = array<i64: 8, 8>} : (tensor<2x20x8xf32>) -> tensor<2x2x8x16xf32>
    ```
  }];
  let arguments = (ins Variadic<Dsk_F32Tensor>:$inputs, I64Attr:$columns, UnitAttr:$pairs, DenseI64ArrayAttr:$sources, DenseI64ArrayAttr:$offsets,
                       DenseI64ArrayAttr:$row_strides, DenseI64ArrayAttr:$column_strides);
  let results = (outs Dsk_F32Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dsk_TopKOp : Dsk_Op<"top_k"> {
  let summary = "The k best along the last axis, sorted; k is the results' last size. Ties: lower index first. NaN counts as largest.";
  let arguments = (ins Dsk_Tensor:$input, UnitAttr:$largest);
  let results = (outs Dsk_Tensor:$values, Dsk_Tensor:$indices);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}
def Dsk_ScanOp : Dsk_Op<"scan"> {
  let summary = "Running sum or product along the last axis.";
  let arguments = (ins Dsk_ScanKindAttr:$kind, Dsk_Tensor:$input, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $result)";
}
def Dsk_ScatterOp : Dsk_Op<"scatter"> {
  let summary = "`input` with slices of `updates` put at (or combined into) index tuples, in row-major order of the updates.";
  let description = [{
    `indices` is [U, depth] (i64 or i32, negative ones count from the end), `updates` [U, slice...], `input` [d0, .., d_depth-1, slice...].
    An index out of range is a failure. The element-wise form of ONNX is this one with depth = rank, its indices made by a group before.
  }];
  let arguments = (ins Dsk_Tensor:$input, Dsk_Tensor:$indices, Dsk_Tensor:$updates, Dsk_ScatterKindAttr:$kind);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$kind $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Dsk_CountNonZeroOp : Dsk_Op<"count_non_zero"> {
  let summary = "The number of elements that are not zero.";
  let arguments = (ins Dsk_Tensor:$input);
  let results = (outs Index:$count);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
def Dsk_NonZeroOp : Dsk_Op<"non_zero"> {
  let summary = "Indices (i64) of the elements that are not zero, [rank, count], in row-major order.";
  let arguments = (ins Dsk_Tensor:$input);
  let results = (outs Dsk_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}
#endif
