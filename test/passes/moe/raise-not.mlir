// RUN: ds-opt %s --ds-moe-raise --split-input-file --remark-policy=all --remarks-filter=ds-moe-raise -o %t 2>&1 | FileCheck %s
// RUN: not grep -E "ds\.(route|experts)" %t
// What is almost a mixture of experts stays as it is, and a remark says why.

// CHECK: left as it is: the weights are divided by something else than their sum over the slots
func.func @divided_by_maximum(%x: tensor<?x8xf32> {ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.dims = ["T", ""]}) -> tensor<?x8xf32> {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x16x8xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x8x16xf32>
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %s = arith.muli %t, %c2 : index
  %p = ds.softmax %logits axis 1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %v, %i = ds.top_k %p [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %max = ds.reduce max %v [1] {keepdims} : (tensor<?x2xf32>) -> tensor<?x1xf32>
  %w = ds.div %v, %max : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %ids = ds.reshape %i to [%s] : (tensor<?x2xi64>) -> tensor<?xi64>
  %x1 = ds.reshape %x to [%t, 1, 8] : (tensor<?x8xf32>) -> tensor<?x1x8xf32>
  %x2 = ds.broadcast %x1 to [%t, 2, 8] : (tensor<?x1x8xf32>) -> tensor<?x2x8xf32>
  %xs = ds.reshape %x2 to [%s, 8, 1] : (tensor<?x2x8xf32>) -> tensor<?x8x1xf32>
  %ups = ds.gather %up, %ids {axis = 0 : i64} : (tensor<4x16x8xf32>, tensor<?xi64>) -> tensor<?x16x8xf32>
  %downs = ds.gather %down, %ids {axis = 0 : i64} : (tensor<4x8x16xf32>, tensor<?xi64>) -> tensor<?x8x16xf32>
  %h = ds.matmul %ups, %xs : (tensor<?x16x8xf32>, tensor<?x8x1xf32>) -> tensor<?x16x1xf32>
  %a = ds.silu %h : (tensor<?x16x1xf32>) -> tensor<?x16x1xf32>
  %y = ds.matmul %downs, %a : (tensor<?x8x16xf32>, tensor<?x16x1xf32>) -> tensor<?x8x1xf32>
  %yr = ds.reshape %y to [%t, 2, 8] : (tensor<?x8x1xf32>) -> tensor<?x2x8xf32>
  %wr = ds.reshape %w to [%t, 2, 1] : (tensor<?x2xf32>) -> tensor<?x2x1xf32>
  %wy = ds.mul %yr, %wr : (tensor<?x2x8xf32>, tensor<?x2x1xf32>) -> tensor<?x2x8xf32>
  %out = ds.reduce sum %wy [1] : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}

// -----
// CHECK: left as it is: something outside of it needs a value of the layer
func.func @hidden_values_are_an_output(%x: tensor<?x8xf32> {ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.dims = ["T", ""]})
    -> (tensor<?x8xf32>, tensor<4x?x16xf32>) {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x8x16xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x16x8xf32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %zeros = ds.broadcast %zero to [%t, 4] : (tensor<f32>) -> tensor<?x4xf32>
  %v, %i = ds.top_k %logits [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %xe = ds.reshape %x to [1, %t, 8] : (tensor<?x8xf32>) -> tensor<1x?x8xf32>
  %h = ds.matmul %xe, %up : (tensor<1x?x8xf32>, tensor<4x8x16xf32>) -> tensor<4x?x16xf32>
  %a = ds.relu %h : (tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
  %y = ds.matmul %a, %down : (tensor<4x?x16xf32>, tensor<4x16x8xf32>) -> tensor<4x?x8xf32>
  %s = ds.scatter_elements %zeros, %i, %v {axis = 1 : i64, kind = #ds.scatter_kind<set>} : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %st = ds.transpose %s [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %w = ds.reshape %st to [4, %t, 1] : (tensor<4x?xf32>) -> tensor<4x?x1xf32>
  %wy = ds.mul %y, %w : (tensor<4x?x8xf32>, tensor<4x?x1xf32>) -> tensor<4x?x8xf32>
  %out = ds.reduce sum %wy [0] : (tensor<4x?x8xf32>) -> tensor<?x8xf32>
  return %out, %a : tensor<?x8xf32>, tensor<4x?x16xf32>
}

// -----
// CHECK: left as it is: not supported: something is added to an expert's product, such as a bias
func.func @bias(%x: tensor<?x8xf32> {ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.dims = ["T", ""]}) -> tensor<?x8xf32> {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x8x16xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x16x8xf32>
  %bias = ds.weight "bias" file "w.bin" offset 4096 length 256 : tensor<4x1x16xf32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %zeros = ds.broadcast %zero to [%t, 4] : (tensor<f32>) -> tensor<?x4xf32>
  %v, %i = ds.top_k %logits [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %xe = ds.reshape %x to [1, %t, 8] : (tensor<?x8xf32>) -> tensor<1x?x8xf32>
  %h = ds.matmul %xe, %up : (tensor<1x?x8xf32>, tensor<4x8x16xf32>) -> tensor<4x?x16xf32>
  %hb = ds.add %h, %bias : (tensor<4x?x16xf32>, tensor<4x1x16xf32>) -> tensor<4x?x16xf32>
  %a = ds.relu %hb : (tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
  %y = ds.matmul %a, %down : (tensor<4x?x16xf32>, tensor<4x16x8xf32>) -> tensor<4x?x8xf32>
  %s = ds.scatter_elements %zeros, %i, %v {axis = 1 : i64, kind = #ds.scatter_kind<set>} : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %st = ds.transpose %s [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %w = ds.reshape %st to [4, %t, 1] : (tensor<4x?xf32>) -> tensor<4x?x1xf32>
  %wy = ds.mul %y, %w : (tensor<4x?x8xf32>, tensor<4x?x1xf32>) -> tensor<4x?x8xf32>
  %out = ds.reduce sum %wy [0] : (tensor<4x?x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}

// -----
// Weights of one choice, experts of another one.
// CHECK: left as it is: the weights are not the scores of the chosen experts
func.func @two_choices(%x: tensor<?x8xf32> {ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.dims = ["T", ""]}, %others: tensor<?x4xf32> {ds.dims = ["T", ""]}) -> tensor<?x8xf32> {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x8x16xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x16x8xf32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %zeros = ds.broadcast %zero to [%t, 4] : (tensor<f32>) -> tensor<?x4xf32>
  %v, %j = ds.top_k %others [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %u, %i = ds.top_k %logits [2] axis 1 {largest} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %xe = ds.reshape %x to [1, %t, 8] : (tensor<?x8xf32>) -> tensor<1x?x8xf32>
  %h = ds.matmul %xe, %up : (tensor<1x?x8xf32>, tensor<4x8x16xf32>) -> tensor<4x?x16xf32>
  %a = ds.relu %h : (tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
  %y = ds.matmul %a, %down : (tensor<4x?x16xf32>, tensor<4x16x8xf32>) -> tensor<4x?x8xf32>
  %s = ds.scatter_elements %zeros, %i, %v {axis = 1 : i64, kind = #ds.scatter_kind<set>} : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %st = ds.transpose %s [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %w = ds.reshape %st to [4, %t, 1] : (tensor<4x?xf32>) -> tensor<4x?x1xf32>
  %wy = ds.mul %y, %w : (tensor<4x?x8xf32>, tensor<4x?x1xf32>) -> tensor<4x?x8xf32>
  %out = ds.reduce sum %wy [0] : (tensor<4x?x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}

// -----
// A token's experts are the worst, not the best.
// CHECK: left as it is: the experts are not a constant number of the largest of f32 scores on the last axis
func.func @smallest(%x: tensor<?x8xf32> {ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.dims = ["T", ""]}) -> tensor<?x8xf32> {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x8x16xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x16x8xf32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %zeros = ds.broadcast %zero to [%t, 4] : (tensor<f32>) -> tensor<?x4xf32>
  %v, %i = ds.top_k %logits [2] axis 1 : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %xe = ds.reshape %x to [1, %t, 8] : (tensor<?x8xf32>) -> tensor<1x?x8xf32>
  %h = ds.matmul %xe, %up : (tensor<1x?x8xf32>, tensor<4x8x16xf32>) -> tensor<4x?x16xf32>
  %a = ds.relu %h : (tensor<4x?x16xf32>) -> tensor<4x?x16xf32>
  %y = ds.matmul %a, %down : (tensor<4x?x16xf32>, tensor<4x16x8xf32>) -> tensor<4x?x8xf32>
  %s = ds.scatter_elements %zeros, %i, %v {axis = 1 : i64, kind = #ds.scatter_kind<set>} : (tensor<?x4xf32>, tensor<?x2xi64>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %st = ds.transpose %s [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
  %w = ds.reshape %st to [4, %t, 1] : (tensor<4x?xf32>) -> tensor<4x?x1xf32>
  %wy = ds.mul %y, %w : (tensor<4x?x8xf32>, tensor<4x?x1xf32>) -> tensor<4x?x8xf32>
  %out = ds.reduce sum %wy [0] : (tensor<4x?x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}
