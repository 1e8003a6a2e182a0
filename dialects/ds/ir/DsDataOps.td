// Where values come from: constants and weights.
#ifndef DS_DATA_OPS
#define DS_DATA_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_ConstantOp : Ds_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small constant tensor, up to about 1 KiB; it folds.";
  let description = [{
    C1: the result type is the attribute's type.

    ```mlir
    %0 = ds.constant dense<[1.0, 2.0]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = "attr-dict $value";
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{ build($_builder, $_state, value.getType(), value); }]>];
  let hasFolder = 1;
  let extraClassDeclaration = [{
    static bool isBuildableWith(::mlir::Attribute value, ::mlir::Type type);
  }];
}

def Ds_WeightOp : Ds_Op<"weight"> {
  let summary = "A reference to weight bytes in a file; nothing folds it.";
  let description = [{
    Row-major little-endian elements (bool as one byte each) at `offset` of `file`, `length` bytes. Passes ask
    `lib/analysis/WeightData` about its contents.

    C1: the result has a static shape. C2: `length` is the byte size of the result. C3: `offset` is not negative.

    ```mlir
    %w = ds.weight "encoder.fc1" file "model.onnx" offset 4096 length 16 : tensor<2x2xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$file, I64Attr:$offset, I64Attr:$length);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = "$name `file` $file `offset` $offset `length` $length attr-dict `:` type($result)";
}
#endif
