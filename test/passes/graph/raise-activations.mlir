// RUN: ds-opt %s --ds-graph-raise-activations --split-input-file | FileCheck %s

// CHECK-LABEL: @gelu_erf
// CHECK-NEXT: %[[G:.*]] = ds.gelu %arg0 : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT: return %[[G]]
module attributes {ds.model = "gelu_erf"} {
  func.func @gelu_erf(%x: tensor<4xf32>) -> tensor<4xf32> {
    %sqrt2 = ds.constant dense<1.41421354> : tensor<f32>
    %one = ds.constant dense<1.0> : tensor<f32>
    %half = ds.constant dense<0.5> : tensor<f32>
    %0 = ds.div %x, %sqrt2 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %1 = ds.erf %0 : (tensor<4xf32>) -> tensor<4xf32>
    %2 = ds.add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %3 = ds.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %4 = ds.mul %3, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    return %4 : tensor<4xf32>
  }
}

// -----
// The half on x, the argument multiplied.
// CHECK-LABEL: @gelu_half_first
// CHECK: ds.gelu %arg0 :
// CHECK-NOT: ds.erf
func.func @gelu_half_first(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = ds.constant dense<0.707106769> : tensor<f32>
  %one = ds.constant dense<1.0> : tensor<f32>
  %half = ds.constant dense<0.5> : tensor<f32>
  %h = ds.mul %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %0 = ds.mul %r, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = ds.erf %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ds.add %one, %1 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = ds.mul %2, %h : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// -----
// CHECK-LABEL: @gelu_tanh
// CHECK: ds.gelu %arg0 {tanh} :
// CHECK-NOT: ds.tanh
func.func @gelu_tanh(%x: tensor<4xf32>) -> tensor<4xf32> {
  %half = ds.constant dense<0.5> : tensor<f32>
  %one = ds.constant dense<1.0> : tensor<f32>
  %three = ds.constant dense<3.0> : tensor<f32>
  %a = ds.constant dense<4.471500e-02> : tensor<f32>
  %k = ds.constant dense<0.797884583> : tensor<f32>
  %h = ds.mul %half, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %0 = ds.pow %x, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = ds.mul %a, %0 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = ds.add %x, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = ds.mul %k, %2 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = ds.tanh %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = ds.add %one, %4 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %6 = ds.mul %h, %5 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %6 : tensor<4xf32>
}

// -----
// Another constant is another function.
// CHECK-LABEL: @not_gelu
// CHECK-NOT: ds.gelu
func.func @not_gelu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = ds.constant dense<0.75> : tensor<f32>
  %one = ds.constant dense<1.0> : tensor<f32>
  %half = ds.constant dense<0.5> : tensor<f32>
  %0 = ds.mul %x, %r : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = ds.erf %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ds.add %1, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = ds.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = ds.mul %3, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// -----
// CHECK-LABEL: @others
// CHECK-DAG: ds.silu %arg0
// CHECK-DAG: ds.silu %arg1
// CHECK-DAG: ds.sigmoid %arg2
// CHECK-DAG: ds.softplus %arg3
// CHECK-DAG: ds.relu %arg4
func.func @others(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %d: tensor<4xf32>, %e: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = ds.constant dense<1.0> : tensor<f32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %0 = ds.sigmoid %a : (tensor<4xf32>) -> tensor<4xf32>
  %1 = ds.mul %0, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = ds.neg %b : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ds.exp %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = ds.add %3, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %5 = ds.div %b, %4 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %6 = ds.neg %c : (tensor<4xf32>) -> tensor<4xf32>
  %7 = ds.exp %6 : (tensor<4xf32>) -> tensor<4xf32>
  %8 = ds.add %one, %7 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %9 = ds.div %one, %8 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %10 = ds.exp %d : (tensor<4xf32>) -> tensor<4xf32>
  %11 = ds.add %10, %one : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %12 = ds.log %11 : (tensor<4xf32>) -> tensor<4xf32>
  %13 = ds.max %e, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1, %5, %9, %12, %13 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----
// CHECK-LABEL: @softmax
// CHECK-NEXT: ds.softmax %arg0 axis 1
// CHECK-NEXT: return
func.func @softmax(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %0 = ds.reduce max %x [1] {keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
  %1 = ds.sub %x, %0 : (tensor<2x?xf32>, tensor<2x1xf32>) -> tensor<2x?xf32>
  %2 = ds.exp %1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %3 = ds.reduce sum %2 [1] {keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
  %4 = ds.div %2, %3 : (tensor<2x?xf32>, tensor<2x1xf32>) -> tensor<2x?xf32>
  return %4 : tensor<2x?xf32>
}

// -----
// Two axes at once are no softmax of ds.
// CHECK-LABEL: @not_softmax
// CHECK-NOT: ds.softmax
func.func @not_softmax(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = ds.exp %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = ds.reduce sum %0 [0, 1] {keepdims} : (tensor<2x3xf32>) -> tensor<1x1xf32>
  %2 = ds.div %0, %1 : (tensor<2x3xf32>, tensor<1x1xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
