// Resampling.
#ifndef DS_IMAGE_OPS
#define DS_IMAGE_OPS
include "dialects/ds/ir/DsBase.td"

def Ds_ResizeOp : Ds_Op<"resize", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Resampling of axes to other sizes.";
  let description = [{
    ONNX Resize without antialiasing and region of interest: result position x of an axis reads the operand around the coordinate that `coordinates`
    gives, with `scales` (result size / operand size, as the model states it;
    0.0 where only run time can divide them). Axes whose scale is 1 and size equal are copied.
    C1: one size and scale per axis.

    ```mlir
    %1 = ds.resize nearest %0 to [1, 8, 16, 16] scales [1.0, 1.0, 2.0, 2.0] {coordinates = #ds.coordinates<asymmetric>, nearest_mode = #ds.nearest_mode<floor>,
         cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<1x8x8x8xf32>) -> tensor<1x8x16x16xf32>
    ```
  }];
  let arguments = (ins Ds_ResizeModeAttr:$mode, Ds_NumTensor:$input, Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes, DenseF64ArrayAttr:$scales,
                       Ds_CoordinatesAttr:$coordinates, Ds_NearestModeAttr:$nearest_mode, F64Attr:$cubic_a, BoolAttr:$exclude_outside);
  let results = (outs Ds_NumTensor:$result);
  let assemblyFormat = [{ $mode $input `to` custom<DynamicIndexList>($sizes, $static_sizes) `scales` $scales attr-dict
                          `:` functional-type($input, $result) }];
}
#endif
