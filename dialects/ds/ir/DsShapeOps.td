// Moving elements without looking at them.
#ifndef DS_SHAPE_OPS
#define DS_SHAPE_OPS
include "dialects/ds/ir/DsBase.td"

// Sizes are mixed: static ones in the attribute, `ShapedType::kDynamic` where an index operand stands.
def Ds_ReshapeOp : Ds_Op<"reshape", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "The same elements in row-major order, in another shape.";
  let description = [{
    C1: the number of elements stays the same, where it is known.

    ```mlir
    %1 = ds.reshape %0 to [%n, 64] : (tensor<?x8x8xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = [{ $input `to` custom<DynamicIndexList>($sizes, $static_sizes) attr-dict
                          `:` functional-type($input, $result) }];
  let hasFolder = 1;
}

def Ds_BroadcastOp : Ds_Op<"broadcast", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Repeats axes of size 1, and missing leading axes, to a shape.";
  let description = [{
    C1: aligned at the last axis, each size of the operand is 1 or the target's.

    ```mlir
    %1 = ds.broadcast %0 to [4, %n] : (tensor<1x?xf32>) -> tensor<4x?xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = [{ $input `to` custom<DynamicIndexList>($sizes, $static_sizes) attr-dict
                          `:` functional-type($input, $result) }];
  let hasFolder = 1;
}

def Ds_TransposeOp : Ds_Op<"transpose", [SameOperandsAndResultElementType]> {
  let summary = "Axes in another order: result axis i is operand axis permutation[i].";
  let description = [{
    C1: `permutation` is one of the operand's axes.

    ```mlir
    %1 = ds.transpose %0 [0, 2, 1] : (tensor<1x?x8xf32>) -> tensor<1x8x?xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` functional-type($input, $result)";
  let hasFolder = 1;
}

def Ds_SliceOp : Ds_Op<"slice", [AttrSizedOperandSegments, AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Elements offset, offset + stride, ... of each axis.";
  let description = [{
    Result element j of an axis is operand element offset + j * stride. Strides are static and not zero; negative
    ones walk backwards. C1: one offset, size and stride per axis. C2: static ones stay inside the operand.

    ```mlir
    %1 = ds.slice %0 offsets [0, %o] sizes [2, %n] strides [1, -1] : (tensor<2x?xf32>) -> tensor<2x?xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       DenseI64ArrayAttr:$static_offsets, DenseI64ArrayAttr:$static_sizes, DenseI64ArrayAttr:$strides);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = [{ $input `offsets` custom<DynamicIndexList>($offsets, $static_offsets)
      `sizes` custom<DynamicIndexList>($sizes, $static_sizes) `strides` $strides attr-dict
      `:` functional-type($input, $result) }];
  let hasFolder = 1;
}

def Ds_ConcatOp : Ds_Op<"concat", [SameOperandsAndResultElementType]> {
  let summary = "Operands one after the other along an axis.";
  let description = [{
    C1: at least one operand, all of one rank, equal sizes on the other axes. C2: 0 <= axis < rank.

    ```mlir
    %2 = ds.concat %0, %1 axis 1 : (tensor<2x3xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
    ```
  }];
  let arguments = (ins Variadic<Ds_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type($inputs, $result)";
  let hasFolder = 1;
}

def Ds_PadOp : Ds_Op<"pad", [AttrSizedOperandSegments, AllElementTypesMatch<["input", "value", "result"]>]> {
  let summary = "Elements added (or, where negative, removed) at both ends of each axis.";
  let description = [{
    `constant` fills with `value` (a tensor of one element); `reflect` mirrors without repeating the border, `edge` repeats it,
    `wrap` continues at the other end. C1: one low and high pad per axis. C2: `value` has one element.

    ```mlir
    %1 = ds.pad %0, %v constant low [0, %p] high [1, 0] : (tensor<2x?xf32>, tensor<f32>) -> tensor<3x?xf32>
    ```
  }];
  let arguments = (ins Ds_Tensor:$input, Ds_Tensor:$value, Variadic<Index>:$low, Variadic<Index>:$high,
                       DenseI64ArrayAttr:$static_low, DenseI64ArrayAttr:$static_high, Ds_PadModeAttr:$mode);
  let results = (outs Ds_Tensor:$result);
  let assemblyFormat = [{ $input `,` $value $mode `low` custom<DynamicIndexList>($low, $static_low)
      `high` custom<DynamicIndexList>($high, $static_high) attr-dict
      `:` `(` type($input) `,` type($value) `)` `->` type($result) }];
}

def Ds_IotaOp : Ds_Op<"iota"> {
  let summary = "0, 1, 2, ... as a tensor of one axis.";
  let description = [{
    ```mlir
    %1 = ds.iota [%n] : tensor<?xi64>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = "custom<DynamicIndexList>($sizes, $static_sizes) attr-dict `:` type($result)";
}
#endif
