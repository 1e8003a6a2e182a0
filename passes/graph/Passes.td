// Passes of the room `graph`.
#ifndef DS_GRAPH_PASSES
#define DS_GRAPH_PASSES
include "mlir/Pass/PassBase.td"

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

def ChannelsLast : Pass<"ds-graph-channels-last", "ModuleOp"> {
  let summary = "Images as [N, spatial..., C].";
  let description = [{
    Convolutions, pools and transposed convolutions run channels last. The transposes around them move down through elementwise
    ops, reductions, concatenations, pads, slices, softmax and resampling until they meet and cancel, or the graph ends; operands
    that are weights are transposed when the model is packaged. A 1x1 convolution of one pixel becomes a matmul.

    ```mlir
    %0 = ds.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64}
       : (tensor<1x4x8xf32>, tensor<6x4x3xf32>) -> tensor<1x6x6xf32>
    %1 = ds.relu %0 : (tensor<1x6x6xf32>) -> tensor<1x6x6xf32>
    ```
    becomes
    ```mlir
    %0 = ds.transpose %x [0, 2, 1] : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>
    %1 = ds.conv %0, %w {channels_last, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64}
       : (tensor<1x8x4xf32>, tensor<6x4x3xf32>) -> tensor<1x6x6xf32>
    %2 = ds.relu %1 : (tensor<1x6x6xf32>) -> tensor<1x6x6xf32>
    %3 = ds.transpose %2 [0, 2, 1] : (tensor<1x6x6xf32>) -> tensor<1x6x6xf32>
    ```
  }];
}

def FoldConstants : Pass<"ds-graph-fold-constants", "ModuleOp"> {
  let summary = "Ops on constants become constants, as long as they stay small.";
  let description = [{
    Runs each op whose operands are all constants on the executor that the tool has attached, if its result has at most `max-bytes`.
    Weights are no constants: nothing that is fed by one folds. An op that fails on its constants is an error of the model.

    ```mlir
    %0 = ds.constant dense<[1, 2]> : tensor<2xi64>
    %1 = ds.iota [2] : tensor<2xi64>
    %2 = ds.add %0, %1 : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
    ```
    becomes
    ```mlir
    %2 = ds.constant dense<[1, 3]> : tensor<2xi64>
    ```
  }];
  let options = [Option<"maxBytes", "max-bytes", "int64_t", /*default=*/"1024", "Largest result, in bytes">];
}

def FoldNormIntoConv : Pass<"ds-graph-fold-norm-into-conv", "ModuleOp"> {
  let summary = "Factors per channel behind a kernel go into its weights.";
  let description = [{
    What the importer makes of a batch norm, `x * scale + shift` with weights, disappears behind a convolution (or a matmul by
    weights): the filter is multiplied, which only a weight program computes, and the shifts add up to one bias. Weights
    that something else uses too stay as they are.

    ```mlir
    %0 = ds.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64}
       : (tensor<1x4x8xf32>, tensor<6x4x3xf32>) -> tensor<1x6x6xf32>
    %1 = ds.mul %0, %s : (tensor<1x6x6xf32>, tensor<6x1xf32>) -> tensor<1x6x6xf32>
    ```
    becomes
    ```mlir
    %0 = ds.reshape %s to [6, 1, 1] : (tensor<6x1xf32>) -> tensor<6x1x1xf32>
    %1 = ds.mul %w, %0 : (tensor<6x4x3xf32>, tensor<6x1x1xf32>) -> tensor<6x4x3xf32>
    %2 = ds.conv %x, %1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64}
       : (tensor<1x4x8xf32>, tensor<6x4x3xf32>) -> tensor<1x6x6xf32>
    ```
  }];
}

def RaiseActivations : Pass<"ds-graph-raise-activations", "ModuleOp"> {
  let summary = "Activation functions and softmax from the arithmetic that exporters write.";
  let description = [{
    GELU (erf and tanh forms, whatever the order of the factors), SiLU, sigmoid, softplus, relu, softmax and its logarithm. The
    constants must be those of the function in the model's precision.

    ```mlir
    %0 = ds.div %x, %sqrt2 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %1 = ds.erf %0 : (tensor<4xf32>) -> tensor<4xf32>
    %2 = ds.add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %3 = ds.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %4 = ds.mul %3, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %4 = ds.gelu %x : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def RaiseAttention : Pass<"ds-graph-raise-attention", "ModuleOp"> {
  let summary = "ds.attention from the two matmuls around a softmax.";
  let description = [{
    Scales on the queries, on the keys or on the scores multiply into one; masks may be added or selected (then they become an
    added one); transposes of operands and result become layouts; keys and values that were repeated for grouped heads are used
    as they were before.

    ```mlir
    %kt = ds.transpose %k [0, 1, 3, 2] : (tensor<1x2x4x8xf32>) -> tensor<1x2x8x4xf32>
    %0 = ds.matmul %q, %kt : (tensor<1x2x4x8xf32>, tensor<1x2x8x4xf32>) -> tensor<1x2x4x4xf32>
    %1 = ds.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
    %2 = ds.add %1, %mask : (tensor<1x2x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32>
    %3 = ds.softmax %2 axis 3 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
    %4 = ds.matmul %3, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
    ```
    becomes
    ```mlir
    %4 = ds.attention %q, %k, %v mask %mask {scale = 0.25 : f64}
       : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x1x4x4xf32>) -> tensor<1x2x4x8xf32>
    ```
  }];
}

def RaiseAttentionMasks : Pass<"ds-graph-raise-attention-masks", "ModuleOp"> {
  let summary = "Causal and sliding-window masks become attributes of ds.attention.";
  let description = [{
    Conditions that compare positions growing along queries and keys (`ds.iota`, sizes, constants, what moves them about), constant
    masks, and their conjunctions are proved to be a band around the diagonal; then the attention need not compute what lies
    outside. Other conditions, as those of padding, stay as a mask that is added, of the size that they have.

    Queries to which nothing is left keep their meaning: with a number such as -3.4e38 for minus infinity, their weights are equal.
    Masks of larger numbers than -1e30 are left alone. Scores that are not finite, or beyond 1e20, count as excluded all the same.

    ```mlir
    %s = ds.iota [%n] : tensor<?xi64>
    %q = ds.reshape %s to [%n, 1] : (tensor<?xi64>) -> tensor<?x1xi64>
    %0 = ds.less_equal %s, %q : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
    %1 = ds.and %0, %padding : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
    %m = ds.select %1, %zero, %low : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
    %2 = ds.attention %x, %x, %x mask %m {scale = 1.0 : f64}
       : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x8xf32>
    ```
    becomes
    ```mlir
    %m = ds.select %padding, %zero, %low : (tensor<?x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x1x?xf32>
    %2 = ds.attention %x, %x, %x mask %m {causal, excluded = -3.4028234663852886E+38 : f64, scale = 1.0 : f64}
       : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x1x1x?xf32>) -> tensor<?x2x?x8xf32>
    ```
  }];
}

def RaiseNorms : Pass<"ds-graph-raise-norms", "ModuleOp"> {
  let summary = "Layer norm and RMS norm from means, squares and roots.";
  let description = [{
    A value divided by the root of its mean square plus epsilon becomes `ds.norm`: `layer` where the mean was subtracted before,
    else `rms`. Scale and bias that vary along the normalised axes only are absorbed. Other axes than the last ones are
    transposed to the end and back.

    ```mlir
    %0 = ds.reduce sum %x [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
    %1 = ds.mul %0, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
    %2 = ds.sub %x, %1 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
    %3 = ds.pow %2, %two : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
    %4 = ds.reduce sum %3 [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
    %5 = ds.mul %4, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
    %6 = ds.add %5, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
    %7 = ds.sqrt %6 : (tensor<2x1xf32>) -> tensor<2x1xf32>
    %8 = ds.div %2, %7 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
    %9 = ds.mul %8, %s : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    %10 = ds.add %9, %b : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
    becomes
    ```mlir
    %10 = ds.norm layer %x axis 1 epsilon 1.0e-5 scale %s bias %b : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
  }];
}

def RaiseRope : Pass<"ds-graph-raise-rope", "ModuleOp"> {
  let summary = "Rotary position embeddings from halves, negations and concatenations.";
  let description = [{
    `x * cos + concat(-x2, x1) * sin` with tables that repeat in their second halves, and the same with the halves computed apart.
    The tables are cut to half their width.

    ```mlir
    %c = ds.concat %f, %f axis 1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
    %s = ds.concat %g, %g axis 1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
    %0 = ds.slice %x offsets [0, 0] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
    %1 = ds.slice %x offsets [0, 4] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
    %2 = ds.neg %1 : (tensor<3x4xf32>) -> tensor<3x4xf32>
    %3 = ds.concat %2, %0 axis 1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
    %4 = ds.mul %x, %c : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
    %5 = ds.mul %3, %s : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
    %6 = ds.add %4, %5 : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
    ```
    becomes
    ```mlir
    %6 = ds.rope %x, %f, %g : (tensor<3x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
    ```
  }];
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
#endif
