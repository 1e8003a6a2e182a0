// Passes of the room `sparsity`.
#ifndef DS_SPARSITY_PASSES
#define DS_SPARSITY_PASSES
include "mlir/Pass/PassBase.td"

def InsertGates : Pass<"ds-sparsity-insert-gates", "ModuleOp"> {
  let summary = "Magnitude gates at the inputs of products with large weights.";
  let description = [{
    A site is a value that is multiplied with weights: the input of q, k and v (one gate for all that share it), of the output projection, of gate and
    up, of down. Each gate names its site (`ds.site`: the ONNX node of its first product). With threshold 0 a gate changes nothing, and is
    what `ds-sparsity-calibrate` measures at. With `thresholds`, a file that it wrote, the gates of `level` are set: only sites that close
    something at that level get one.

    ```mlir
    %w = ds.weight "up" file "m.onnx" offset 0 length 1048576 : tensor<512x512xf32>
    %v = ds.weight "down" file "m.onnx" offset 1048576 length 1048576 : tensor<512x512xf32>
    %0 = ds.matmul %x, %w : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
    %1 = ds.relu %0 : (tensor<1x512xf32>) -> tensor<1x512xf32>
    %2 = ds.matmul %1, %v : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
    ```
    becomes
    ```mlir
    %g = ds.gate %x {ds.site = "up", threshold = 0.000000e+00 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
    %0 = ds.matmul %g, %w : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
    %1 = ds.relu %0 : (tensor<1x512xf32>) -> tensor<1x512xf32>
    %h = ds.gate %1 {ds.site = "down", threshold = 0.000000e+00 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
    %2 = ds.matmul %h, %v : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
    ```
  }];
  let options = [
    ListOption<"sites", "sites", "std::string", "Kinds of sites: ffn, attention, all (default: ffn, attention)">,
    Option<"minElements", "min-elements", "int64_t", "65536", "Elements of a weight from which it is worth a gate">,
    Option<"threshold", "threshold", "double", "0.0", "Threshold of every gate">,
    Option<"thresholds", "thresholds", "std::string", "", "File of thresholds that ds-sparsity-calibrate wrote">,
    Option<"level", "level", "double", "0.5", "Sparsity in that file whose thresholds to take">
  ];
}

def Calibrate : Pass<"ds-sparsity-calibrate", "ModuleOp"> {
  let summary = "Thresholds of gates from samples, for a share of closed features or a largest change of the outputs.";
  let description = [{
    Runs @main on the samples of `inputs` through the executor that the tool attached, and takes the quantiles of |x| at every site. In steps of 5% of a
    site's features, the step is taken next that adds least to the energy removed (sum of x^2 of closed features over that of all, summed over
    sites) per weight that stays unread, until `target` of all weights behind gates are unread; so every sparsity has one set of thresholds.
    With `max-drop`, it is the largest sparsity at which the upper 95% bound (bootstrap over the samples) of the mean relative change of the outputs
    is at most that. Gates get their threshold, and `ds.sparsity`, the share they close on the samples. `thresholds-out`
    gets the thresholds of sparsities 0.1 to 0.9 and of the one chosen, as JSON.

    With one sample of |x| from 1 to 4 and `target=0.5`
    ```mlir
    %0 = ds.gate %x {ds.site = "up", threshold = 0.000000e+00 : f64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    ```
    becomes
    ```mlir
    %0 = ds.gate %x {ds.site = "up", ds.sparsity = 5.000000e-01 : f64, threshold = 2.500000e+00 : f64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    ```
  }];
  let options = [
    Option<"inputs", "inputs", "std::string", "", "Folder of samples: .npz files, or subfolders with <input>.npy">,
    Option<"target", "target", "double", "0.5", "Share of the weights behind gates that is to stay unread">,
    Option<"maxDrop", "max-drop", "double", "0.0", "Largest relative change of the outputs; replaces target">,
    Option<"thresholdsOut", "thresholds-out", "std::string", "", "File for the thresholds">
  ];
}

def Compact : Pass<"ds-sparsity-compact", "ModuleOp"> {
  let summary = "What a gate with constant `by` closes goes from the layers around it.";
  let description = [{
    A learnt gate whose closed features are known takes rows out of the weights that it feeds, and columns out of those that feed it alone (through
    elementwise ops); elsewhere the open features are gathered. Exact but for infinities and NaNs behind closed gates. A gate that closes nothing
    goes; one that closes everything stays.

    ```mlir
    %g = ds.constant dense<[1.0, -1.0, 2.0, -2.0]> : tensor<4xf32>
    %0 = ds.matmul %x, %up : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
    %1 = ds.relu %0 : (tensor<?x4xf32>) -> tensor<?x4xf32>
    %2 = ds.gate %1 by %g {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %3 = ds.matmul %2, %down : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
    ```
    becomes
    ```mlir
    %i = ds.constant dense<[0, 2]> : tensor<2xi64>
    %u = ds.gather %up, %i {axis = 1 : i64} : (tensor<8x4xf32>, tensor<2xi64>) -> tensor<8x2xf32>
    %0 = ds.matmul %x, %u : (tensor<?x8xf32>, tensor<8x2xf32>) -> tensor<?x2xf32>
    %1 = ds.relu %0 : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %d = ds.gather %down, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<2xi64>) -> tensor<2x8xf32>
    %3 = ds.matmul %1, %d : (tensor<?x2xf32>, tensor<2x8xf32>) -> tensor<?x8xf32>
    ```
  }];
}
#endif
