// Elements chosen by index tensors. Negative indices count from the end, as in ONNX.
#ifndef DS_INDEXING_OPS
#define DS_INDEXING_OPS
include "dialects/ds/ir/DsBase.td"

class Ds_IndexingOp<string mnemonic, list<Trait> traits = []> : Ds_Op<mnemonic, traits> {
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
def Ds_GatherOp : Ds_IndexingOp<"gather", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Slices of `input` along `axis`, at `indices`.";
  let description = [{
    result[a.., i.., c..] = input[a.., indices[i..], c..]. C1: 0 <= axis < rank.

    ```mlir
    %1 = ds.gather %table, %ids {axis = 0 : i64} : (tensor<9x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, Ds_IntTensor:$indices, I64Attr:$axis);
}
def Ds_GatherElementsOp : Ds_IndexingOp<"gather_elements", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "result[i, j, k] = input[i, indices[i, j, k], k] for axis 1.";
  let description = "C1: 0 <= axis < rank. C2: equal ranks. The result has the shape of `indices`.";
  let arguments = (ins Ds_Tensor:$input, Ds_IntTensor:$indices, I64Attr:$axis);
}
def Ds_GatherNdOp : Ds_IndexingOp<"gather_nd", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Slices of `input` at index tuples, the last axis of `indices`.";
  let description = [{
    C1: the last size of `indices` is static and at most rank - batch_dims. C2: batch_dims is below both ranks.
  }];
  let arguments = (ins Ds_Tensor:$input, Ds_IntTensor:$indices, I64Attr:$batch_dims);
}
def Ds_ScatterElementsOp : Ds_IndexingOp<"scatter_elements", [AllElementTypesMatch<["input", "updates", "result"]>]> {
  let summary = "`input` with updates put at (or combined into) input[i, indices[i, j, k], k] for axis 1.";
  let description = "C1: 0 <= axis < rank. C2: `indices` and `updates` have one shape and the rank of `input`.";
  let arguments = (ins Ds_Tensor:$input, Ds_IntTensor:$indices, Ds_Tensor:$updates, I64Attr:$axis, Ds_ScatterKindAttr:$kind);
}
def Ds_ScatterNdOp : Ds_IndexingOp<"scatter_nd", [AllElementTypesMatch<["input", "updates", "result"]>]> {
  let summary = "`input` with slices put at (or combined into) index tuples, the last axis of `indices`.";
  let description = [{
    C1: the last size of `indices` is static and at most the rank of `input`.
  }];
  let arguments = (ins Ds_Tensor:$input, Ds_IntTensor:$indices, Ds_Tensor:$updates, Ds_ScatterKindAttr:$kind);
}
def Ds_NonZeroOp : Ds_IndexingOp<"non_zero"> {
  let summary = "Indices of the elements that are not zero, tensor<rank x count>, in row-major order.";
  let description = "The number of columns is known only when the op has run.";
  let arguments = (ins Ds_Tensor:$input);
}
#endif
