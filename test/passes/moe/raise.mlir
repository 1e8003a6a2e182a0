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
// Nothing to do: no experts behind the choice.
// CHECK-LABEL: @top_k
// CHECK-NEXT: ds.top_k
// CHECK-NEXT: return
func.func @top_k(%x: tensor<3x8xf32>) -> tensor<3x2xi64> {
  %v, %i = ds.top_k %x [2] axis 1 {largest} : (tensor<3x8xf32>) -> (tensor<3x2xf32>, tensor<3x2xi64>)
  return %i : tensor<3x2xi64>
}
