// RUN: ds-opt %s --ds-moe-raise --split-input-file | FileCheck %s

// Every expert on every token.
// CHECK-LABEL: @dense
// CHECK: %[[W:.*]], %[[E:.*]], %[[P:.*]], %[[O:.*]] = ds.route %arg1 {k = 2 : i64, score = #ds.score_kind<softmax>}
// CHECK: %[[Y:.*]] = ds.experts %arg0 weights %[[W]] permutation %[[P]] offsets %[[O]] up %{{.*}} down %{{.*}} {activation = #ds.activation<relu>}
// CHECK-NEXT: return %[[Y]]
func.func @dense(%x: tensor<?x8xf32> {ds.name = "x", ds.dims = ["T", ""]}, %logits: tensor<?x4xf32> {ds.name = "logits", ds.dims = ["T", ""]}) -> tensor<?x8xf32> {
  %up = ds.weight "up" file "w.bin" offset 0 length 2048 : tensor<4x8x16xf32>
  %down = ds.weight "down" file "w.bin" offset 2048 length 2048 : tensor<4x16x8xf32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x8xf32>
  %zeros = ds.broadcast %zero to [%t, 4] : (tensor<f32>) -> tensor<?x4xf32>
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
  return %out : tensor<?x8xf32>
}

// -----
// Matrices gathered per routed row; tokens of two axes; scores that select with a bias and mix without it.
// CHECK-LABEL: @gathered
// CHECK: %[[L:.*]] = ds.reshape %arg1 to [%{{.*}}, 4]
// CHECK: %[[W:.*]], %[[E:.*]], %[[P:.*]], %[[O:.*]] = ds.route %[[L]] bias %{{.*}} {epsilon = {{.*}}, k = 2 : i64, normalize, scale = 2.000000e+00 : f64, score = #ds.score_kind<sigmoid>}
// CHECK: %[[X:.*]] = ds.reshape %arg0 to [%{{.*}}, 8]
// CHECK: %[[Y:.*]] = ds.experts %[[X]] weights %[[W]] permutation %[[P]] offsets %[[O]] gate %{{.*}} up %{{.*}} down %{{.*}} {activation = #ds.activation<silu>}
// CHECK-NOT: ds.gather
func.func @gathered(%x: tensor<?x?x8xf32> {ds.dims = ["B", "S", ""]}, %logits: tensor<?x?x4xf32> {ds.dims = ["B", "S", ""]}) -> tensor<?x8xf32> {
  %both = ds.weight "both" file "w.bin" offset 0 length 4096 : tensor<4x32x8xf32>
  %down = ds.weight "down" file "w.bin" offset 4096 length 2048 : tensor<4x8x16xf32>
  %bias = ds.constant dense<[0.1, 0.2, 0.3, 0.4]> : tensor<4xf32>
  %eps = ds.constant dense<1.0e-6> : tensor<f32>
  %two = ds.constant dense<2.0> : tensor<f32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x8xf32>
  %n = tensor.dim %x, %c1 : tensor<?x?x8xf32>
  %t = arith.muli %b, %n : index
  %r = arith.muli %t, %c2 : index
  %p = ds.sigmoid %logits : (tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %s = ds.add %p, %bias : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %v, %i = ds.top_k %s [2] axis 2 {largest} : (tensor<?x?x4xf32>) -> (tensor<?x?x2xf32>, tensor<?x?x2xi64>)
  %m = ds.gather_elements %p, %i {axis = 2 : i64} : (tensor<?x?x4xf32>, tensor<?x?x2xi64>) -> tensor<?x?x2xf32>
  %sum = ds.reduce sum %m [2] {keepdims} : (tensor<?x?x2xf32>) -> tensor<?x?x1xf32>
  %guarded = ds.add %sum, %eps : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %part = ds.div %m, %guarded : (tensor<?x?x2xf32>, tensor<?x?x1xf32>) -> tensor<?x?x2xf32>
  %w = ds.mul %part, %two : (tensor<?x?x2xf32>, tensor<f32>) -> tensor<?x?x2xf32>
  %ids = ds.reshape %i to [%r, 1] : (tensor<?x?x2xi64>) -> tensor<?x1xi64>
  %x1 = ds.reshape %x to [%t, 1, 8] : (tensor<?x?x8xf32>) -> tensor<?x1x8xf32>
  %x2 = ds.broadcast %x1 to [%t, 2, 8] : (tensor<?x1x8xf32>) -> tensor<?x2x8xf32>
  %xs = ds.reshape %x2 to [%r, 8, 1] : (tensor<?x2x8xf32>) -> tensor<?x8x1xf32>
  %boths = ds.gather_nd %both, %ids {batch_dims = 0 : i64} : (tensor<4x32x8xf32>, tensor<?x1xi64>) -> tensor<?x32x8xf32>
  %downs = ds.gather_nd %down, %ids {batch_dims = 0 : i64} : (tensor<4x8x16xf32>, tensor<?x1xi64>) -> tensor<?x8x16xf32>
  %h = ds.matmul %boths, %xs : (tensor<?x32x8xf32>, tensor<?x8x1xf32>) -> tensor<?x32x1xf32>
  %g = ds.slice %h offsets [0, 0, 0] sizes [%r, 16, 1] strides [1, 1, 1] : (tensor<?x32x1xf32>) -> tensor<?x16x1xf32>
  %u = ds.slice %h offsets [0, 16, 0] sizes [%r, 16, 1] strides [1, 1, 1] : (tensor<?x32x1xf32>) -> tensor<?x16x1xf32>
  %a = ds.silu %g : (tensor<?x16x1xf32>) -> tensor<?x16x1xf32>
  %au = ds.mul %a, %u : (tensor<?x16x1xf32>, tensor<?x16x1xf32>) -> tensor<?x16x1xf32>
  %y = ds.matmul %downs, %au : (tensor<?x8x16xf32>, tensor<?x16x1xf32>) -> tensor<?x8x1xf32>
  %yr = ds.reshape %y to [%r, 8] : (tensor<?x8x1xf32>) -> tensor<?x8xf32>
  %wr = ds.reshape %w to [%r, 1] : (tensor<?x?x2xf32>) -> tensor<?x1xf32>
  %wy = ds.mul %yr, %wr : (tensor<?x8xf32>, tensor<?x1xf32>) -> tensor<?x8xf32>
  %slots = ds.reshape %wy to [%t, 2, 8] : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
  %out = ds.reduce sum %slots [1] : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
  return %out : tensor<?x8xf32>
}

// -----
// Nothing to do: no experts behind the choice.
// CHECK-LABEL: @top_k
// CHECK-NEXT: ds.top_k
// CHECK-NEXT: return
func.func @top_k(%x: tensor<3x8xf32>) -> tensor<3x2xi64> {
  %v, %i = ds.top_k %x [2] axis 1 {largest} : (tensor<3x8xf32>) -> (tensor<3x2xf32>, tensor<3x2xi64>)
  return %i : tensor<3x2xi64>
}
