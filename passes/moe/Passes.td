// Passes of the room `moe`.
#ifndef DS_MOE_PASSES
#define DS_MOE_PASSES
include "mlir/Pass/PassBase.td"

def Raise : Pass<"ds-moe-raise", "ModuleOp"> {
  let summary = "Mixture-of-experts layers from what exporters write: one ds.route, one ds.experts.";
  let description = [{
    Runs `ds-graph` first, if there is a top-k at all and `normal-form` does not say that it has run. A layer is raised when all of it is proved (the router, that indices and weights are of the same
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
  let options = [Option<"normalForm", "normal-form", "bool", "true", "Run ds-graph first; false where it has just run">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"];
}

def Balance : Pass<"ds-moe-balance", "ModuleOp"> {
  let summary = "Routers that look at the load of their experts. Changes results.";
  let description = [{
    Each `ds.route` of the entry function gets a load: a new input `<layer>.load`, and an output `<layer>.load.next` that the host feeds back
    with the next batch (`ds.may_alias` says which input it may share memory with). The state starts as zeros. What each mode does
    with it is told by `ds.route`; a router that looks at a load already stays, and so does one without normalised weights under `mix-by-load`.

    Only `bias` is an integral controller, which reaches balance; `select-by-load` comes to rest where the loads' ratios make up
    for the skew, which leaves some of it; `mix-by-load` chooses the same experts and only mixes them differently.

    With `mode=bias rate=0.01`
    ```mlir
    func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
      %w, %e, %p, %o = ds.route %x {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
         : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>)
      return %w : tensor<?x2xf32>
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<?x4xf32>, %l: tensor<4xf32> {ds.dims = [""], ds.name = "route0.load"})
        -> (tensor<?x2xf32>, tensor<4xf32> {ds.may_alias = "route0.load", ds.name = "route0.load.next"}) {
      %w, %e, %p, %o, %n = ds.route %x load %l {balance = #ds.balance_kind<bias>, k = 2 : i64, normalize, rate = 1.000000e-02 : f64, score = #ds.score_kind<softmax>}
         : (tensor<?x4xf32>, tensor<4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>, tensor<4xf32>)
      return %w, %n : tensor<?x2xf32>, tensor<4xf32>
    }
    ```
  }];
  let options = [
    Option<"mode", "mode", "::mlir::ds::BalanceKind", "::mlir::ds::BalanceKind::bias", "how the load counts",
           [{::llvm::cl::values(clEnumValN(::mlir::ds::BalanceKind::select_by_load, "select-by-load", "selection scores over the moving average of the load"),
                                clEnumValN(::mlir::ds::BalanceKind::mix_by_load, "mix-by-load", "mixing weights over the moving average of the load"),
                                clEnumValN(::mlir::ds::BalanceKind::bias, "bias", "a selection bias that grows where there is too little (DeepSeek-V3)"))}]>,
    Option<"rate", "rate", "double", "0.001", "share of the newest batch in the moving average, or the bias' step">];
}
#endif
