// Passes of the room `moe`.
#ifndef DS_MOE_PASSES
#define DS_MOE_PASSES
include "mlir/Pass/PassBase.td"

def Raise : Pass<"ds-moe-raise", "ModuleOp"> {
  let summary = "Mixture-of-experts layers from what exporters write: one ds.route, one ds.experts.";
  let description = [{
    Runs `ds-graph` first, if there is a top-k at all. A layer is raised when all of it is proved (the router, that indices and weights are of the same
    top-k, which matrices are multiplied, what is summed) and nothing else needs its inner values; else it stays as it is,
    and a remark names the node that stopped it. Matrices become [E, H, I] and [E, I, O] by ops on weights alone. Shared experts stay
    beside it.

    Two liberties: where every expert was computed for every token, an expert that a token did not choose no longer adds 0 x Inf; and a guard
    against division by zero of at most 1e-15 in the normalisation of the weights goes. Remarks tell of both.

    ```mlir
    %p = ds.softmax %logits axis 1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
    %v, %i = ds.top_k %p [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
    %xe = ds.reshape %x to [1, %t, 8] : (tensor<?x8xf32>) -> tensor<1x?x8xf32>
    %h = ds.matmul %xe, %up : (tensor<1x?x8xf32>, tensor<4x8x16xf32>) -> tensor<4x?x16xf32>
    %a = ds.relu %h : (tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
    %y = ds.matmul %a, %down : (tensor<4x?x16xf32>, tensor<4x16x8xf32>) -> tensor<4x?x8xf32>
    %s = ds.scatter_elements %zeros, %i, %v {axis = 1 : i64, kind = #ds.scatter_kind<set>}
       : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
    %st = ds.transpose %s [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
    %w = ds.reshape %st to [4, %t, 1] : (tensor<4x?xf32>) -> tensor<4x?x1xf32>
    %wy = ds.mul %y, %w : (tensor<4x?x8xf32>, tensor<4x?x1xf32>) -> tensor<4x?x8xf32>
    %out = ds.reduce sum %wy [0] : (tensor<4x?x8xf32>) -> tensor<?x8xf32>
    ```
    becomes
    ```mlir
    %w, %e, %p, %o = ds.route %logits {k = 2 : i64, score = #ds.score_kind<softmax>}
       : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>)
    %out = ds.experts %x weights %w permutation %p offsets %o up %up down %down {activation = #ds.activation<relu>}
       : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x8x16xf32>, tensor<4x16x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"];
}
#endif
