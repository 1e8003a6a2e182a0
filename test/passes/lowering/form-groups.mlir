// RUN: ds-opt %s --split-input-file --ds-lowering-to-linalg --cse --ds-lowering-form-groups | FileCheck %s

// A transposed operand is pulled into the loops that read it; norm's loops share their rows with it.
// CHECK: func.func private @transpose_add_norm(
// CHECK-COUNT-7: linalg.generic
// CHECK: func.func @main
// CHECK: call @transpose_add_norm
// CHECK-NOT: call
func.func @main(%x: tensor<8x?xf32> {ds.dims = ["", "n"]}, %y: tensor<?x8xf32> {ds.dims = ["n", ""]}) -> tensor<?x8xf32> {
  %t = ds.transpose %x [1, 0] : (tensor<8x?xf32>) -> tensor<?x8xf32>
  %s = ds.add %t, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %n = ds.norm layer %s axis 1 epsilon 1.0e-5 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// -----

// A sum that is also a result is a second destination.
// CHECK: func.func private @add_softmax(%{{.*}}, %{{.*}}, %{{.*}}: tensor<4x8xf32>, %{{.*}}: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>)
// CHECK: func.func @main
// CHECK: %[[R:.*]]:2 = call @add_softmax
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @main(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %s = ds.add %x, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %n = ds.softmax %s axis 1 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %s, %n : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A sum over rows must be complete before it is used: two groups.
// CHECK: func.func @main
// CHECK: call @reduce
// CHECK: call @sub
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %s = ds.reduce sum %x [0] {keepdims} : (tensor<4x8xf32>) -> tensor<1x8xf32>
  %d = ds.sub %x, %s : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// An input that is returned is copied.
// CHECK: func.func private @copy
// CHECK: func.func @main
// CHECK: %[[C:.*]] = call @copy
// CHECK: return %[[C]]
func.func @main(%x: tensor<4xi1>) -> tensor<4xi1> {
  return %x : tensor<4xi1>
}
