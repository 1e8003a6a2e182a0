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

def BindDims : Pass<"ds-graph-bind-dims", "ModuleOp"> {
  let summary = "Fixes, or gives a range to, named dimensions of the entry function.";
  let description = [{
    `dims=name=value` makes every entry axis of that name (`ds.dims`) static, `name=lo..hi` declares its range. An axis without a
    name is called `input.axis` ("x.0"). The types of results follow in `ds-graph-refine-types`.

    With `dims=batch=1`
    ```mlir
    func.func @main(%x: tensor<?x?xf32> {ds.name = "x", ds.dims = ["batch", "seq"]})
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<1x?xf32> {ds.name = "x", ds.dims = ["", "seq"]})
    ```
  }];
  let options = [ListOption<"dims", "dims", "std::string", "name=value or name=lo..hi, one for each dimension">];
}

def ShapesToIndex : Pass<"ds-graph-shapes-to-index", "ModuleOp"> {
  let summary = "Tensors that hold sizes become index arithmetic on the entry arguments' dimensions.";
  let description = [{
    Every index operand of a ds op is computed from `tensor.dim` of entry arguments, where symbolic shapes tell how; equal sizes are
    one value. Small integer tensors made of sizes become `ds.constant` or `tensor.from_elements`; what computed them goes.

    ```mlir
    %s = tensor.from_elements %n0, %n1 : tensor<2xi64>      // tensor.dim of %x, cast to i64
    %1 = ds.gather %s, %one {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
    %2 = tensor.extract %1[] : tensor<i64>
    %3 = arith.index_cast %2 : i64 to index
    %4 = ds.iota [%3] : tensor<?xi64>
    ```
    becomes
    ```mlir
    %n = tensor.dim %x, %c1 : tensor<?x?xf32>
    %4 = ds.iota [%n] : tensor<?xi64>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"];
}

def RefineTypes : Pass<"ds-graph-refine-types", "ModuleOp"> {
  let summary = "Sizes that symbolic shapes prove become part of types and attributes.";
  let description = [{
    Index operands that are constant move into the static sizes, result types become as static as proved, the function's result
    types follow. Reshapes, broadcasts, slices, pads and concats that are proved to change nothing go, and so do broadcasts of
    operands that elementwise ops broadcast by themselves. A model that contradicts itself is an error here.

    ```mlir
    %1 = ds.broadcast %x to [%n, %c8] : (tensor<1x8xf32>) -> tensor<?x?xf32>
    %2 = ds.add %y, %1 : (tensor<?x8xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>    // %n is the size of %y
    ```
    becomes
    ```mlir
    %2 = ds.add %y, %x : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<?x8xf32>
    ```
  }];
}
#endif
