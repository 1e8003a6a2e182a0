// Where the FLOPs are: matrix products, convolutions, pooling.
#ifndef DS_LINEAR_OPS
#define DS_LINEAR_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_MatmulOp : Ds_Op<"matmul", [SameOperandsAndResultElementType]> {
  let summary = "Matrix product of the last two axes; leading axes broadcast.";
  let description = [{
    Operands of a product may be stored transposed in their last two axes (`transpose_a`, `transpose_b`).
    C1: both ranks are at least 2. C2: the inner sizes agree. C3: the leading sizes broadcast.

    ```mlir
    %2 = ds.matmul %0, %1 : (tensor<1x?x8xf32>, tensor<8x4xf32>) -> tensor<1x?x4xf32>
    ```
  }];
  let arguments = (ins Ds_NumTensor:$lhs, Ds_NumTensor:$rhs, UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class Ds_WindowOp<string mnemonic> : Ds_Op<mnemonic, [SameOperandsAndResultElementType]> {
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def Ds_ConvOp : Ds_WindowOp<"conv"> {
  let summary = "Convolution over any number of spatial axes.";
  let description = [{
    `input` is [N, C, spatial...], or [N, spatial..., C] if `channels_last`, and so is the result; `filter` is always [O, C / groups, kernel...].
    `pads` are all low ones, then all high ones, zeros.
    C1: ranks agree, at least 3. C2: strides, dilations have one and pads two positive (pads: not negative) numbers per spatial axis.
    C3: C = groups * filter's C, O is a multiple of groups. C4: the kernel fits into the padded input.

    ```mlir
    %2 = ds.conv %0, %1 {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64}
       : (tensor<?x3x224x224xf32>, tensor<64x3x3x3xf32>) -> tensor<?x64x112x112xf32>
    ```
  }];
  let arguments = (ins Ds_NumTensor:$input, Ds_NumTensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, I64Attr:$groups, UnitAttr:$channels_last);
}
def Ds_ConvTransposeOp : Ds_WindowOp<"conv_transpose"> {
  let summary = "The gradient of a convolution with respect to its input: upsampling by a learnt kernel.";
  let description = [{
    `input` is [N, C, spatial...] or channels last, as in `ds.conv`; `filter` is [C, O / groups, kernel...]. An axis of size s
    becomes (s - 1) * stride + (kernel - 1) * dilation + 1 - pads + output_padding.
    C1: ranks agree, at least 3. C2: as many strides, dilations, output paddings as spatial axes, twice as many pads. C3: C is filter's first size.
  }];
  let arguments = (ins Ds_NumTensor:$input, Ds_NumTensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding, I64Attr:$groups, UnitAttr:$channels_last);
}
def Ds_PoolOp : Ds_WindowOp<"pool"> {
  let summary = "Maximum, average or p-norm of a window.";
  let description = [{
    Padding never wins a maximum; an average divides by the elements inside the input, or also by padding (not by what `ceil_mode`
    adds) if `count_include_pad`. C1: rank at least 3. C2: as many numbers as spatial axes.
  }];
  let arguments = (ins Ds_NumTensor:$input, Ds_PoolKindAttr:$kind, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, UnitAttr:$ceil_mode, UnitAttr:$count_include_pad,
                       DefaultValuedAttr<I64Attr, "2">:$p, UnitAttr:$channels_last);
}
#endif
