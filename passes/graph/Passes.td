// Passes of the room `graph`.
#ifndef DS_GRAPH_PASSES
#define DS_GRAPH_PASSES
include "mlir/Pass/PassBase.td"

def Canonicalize : Pass<"ds-graph-canonicalize", "ModuleOp"> {
  let summary = "The normal form of a ds module.";
  let description = [{
    Equal subexpressions are computed once, dead code goes, transposes and reshapes merge, cancel or move below the elementwise
    ops that follow a matmul (so that those sit on it), transposes become flags of matmul, neutral elements and pairs of casts go,
    small powers become products.

    ```mlir
    %1 = ds.reshape %x to [6, 8] : (tensor<2x3x8xf32>) -> tensor<6x8xf32>
    %2 = ds.matmul %1, %w : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
    %3 = ds.add %2, %b : (tensor<6x4xf32>, tensor<4xf32>) -> tensor<6x4xf32>
    %4 = ds.reshape %3 to [2, 3, 4] : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
    ```
    becomes
    ```mlir
    %1 = ds.matmul %x, %w : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>
    %2 = ds.add %1, %b : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
    ```
  }];
}
#endif
