// Along axes: reductions, prefix sums, selection.
#ifndef DS_REDUCE_OPS
#define DS_REDUCE_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_ReduceOp : Ds_Op<"reduce", [SameOperandsAndResultElementType]> {
  let summary = "Sum, product, maximum or minimum over axes.";
  let description = [{
    Reduced axes stay with size 1 if `keepdims`. Over no elements: 0, 1, the lowest and the highest value. NaN wins max and min.
    bf16 and f16 accumulate in f32. C1: axes are sorted, different and within the rank.

    ```mlir
    %1 = ds.reduce sum %0 [1] {keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
    ```
  }];
  let arguments = (ins Ds_ReduceKindAttr:$kind, Ds_NumTensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keepdims);
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = "$kind $input $axes attr-dict `:` functional-type($input, $result)";
}
def Ds_ArgReduceOp : Ds_Op<"arg_reduce"> {
  let summary = "The index of the maximum or minimum along an axis, as i64.";
  let description = "Of equal ones the first, or the last if `last`. C1: kind is max or min, 0 <= axis < rank.";
  let arguments = (ins Ds_ReduceKindAttr:$kind, Ds_NumTensor:$input, I64Attr:$axis, UnitAttr:$keepdims, UnitAttr:$last);
  let results = (outs Ds_IntTensor:$result);
  let assemblyFormat = "$kind $input `axis` $axis attr-dict `:` functional-type($input, $result)";
}
def Ds_ScanOp : Ds_Op<"scan", [SameOperandsAndResultElementType]> {
  let summary = "Running sum or product along an axis.";
  let description = "C1: kind is sum or prod, 0 <= axis < rank.";
  let arguments = (ins Ds_ReduceKindAttr:$kind, Ds_NumTensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = "$kind $input `axis` $axis attr-dict `:` functional-type($input, $result)";
}
def Ds_TopKOp : Ds_Op<"top_k", [AllElementTypesMatch<["input", "values"]>]> {
  let summary = "The k largest (or smallest) elements along an axis and their indices (i64).";
  let description = [{
    Sorted, best first, of equal ones the lower index first. NaN counts as largest. C1: 0 <= axis < rank.
    C2: one size k. k may not exceed the axis.

    ```mlir
    %v, %i = ds.top_k %0 [2] axis 1 {largest} : (tensor<4x8xf32>) -> (tensor<4x2xf32>, tensor<4x2xi64>)
    ```
  }];
  let arguments = (ins Ds_NumTensor:$input, Variadic<Index>:$k, DenseI64ArrayAttr:$static_k, I64Attr:$axis, UnitAttr:$largest);
  let results = (outs Ds_NumTensor:$values, Ds_IntTensor:$indices);
  let assemblyFormat = "$input custom<DynamicIndexList>($k, $static_k) `axis` $axis attr-dict `:` functional-type($input, results)";
}
#endif
