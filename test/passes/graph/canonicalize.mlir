// RUN: ds-opt %s --ds-graph-canonicalize --split-input-file | FileCheck %s

// The matmul takes the rows as they are, its consumers sit on it.
// CHECK-LABEL: @linear
// CHECK-NEXT: %[[M:.*]] = ds.matmul %arg0, %arg1 : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: %[[A:.*]] = ds.add %[[M]], %arg2
// CHECK-NEXT: %[[E:.*]] = ds.gelu %[[A]]
// CHECK-NEXT: %[[R:.*]] = ds.add %[[E]], %arg3
// CHECK-NEXT: return %[[R]]
func.func @linear(%x: tensor<2x3x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>, %r: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = ds.reshape %x to [6, 8] : (tensor<2x3x8xf32>) -> tensor<6x8xf32>
  %1 = ds.matmul %0, %w : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
  %2 = ds.add %1, %b : (tensor<6x4xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %3 = ds.reshape %2 to [2, 3, 4] : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %4 = ds.gelu %3 : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %5 = ds.add %4, %r : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %5 : tensor<2x3x4xf32>
}

// -----
// A transpose of matrices inside merged axes is one of four axes.
// CHECK-LABEL: @merged_axes
// CHECK: ds.transpose %arg0 [0, 1, 3, 2] : (tensor<?x4x?x8xf32>) -> tensor<?x4x8x?xf32>
// CHECK-NEXT: return
func.func @merged_axes(%x: tensor<?x4x?x8xf32>) -> tensor<?x4x8x?xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x4x?x8xf32>
  %t = tensor.dim %x, %c2 : tensor<?x4x?x8xf32>
  %m = arith.muli %n, %c4 : index
  %0 = ds.reshape %x to [%m, %t, 8] : (tensor<?x4x?x8xf32>) -> tensor<?x?x8xf32>
  %1 = ds.transpose %0 [0, 2, 1] : (tensor<?x?x8xf32>) -> tensor<?x8x?xf32>
  %2 = ds.reshape %1 to [%n, 4, 8, %t] : (tensor<?x8x?xf32>) -> tensor<?x4x8x?xf32>
  return %2 : tensor<?x4x8x?xf32>
}

// -----
// Sequence first around a matmul: nothing is left of it.
// CHECK-LABEL: @sequence_first
// CHECK-NEXT: %[[M:.*]] = ds.matmul %arg0, %arg1 : (tensor<2x3x8xf32>, tensor<8x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: %[[A:.*]] = ds.add %[[M]], %arg2
// CHECK-NEXT: return %[[A]]
func.func @sequence_first(%x: tensor<2x3x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %0 = ds.transpose %x [1, 0, 2] : (tensor<2x3x8xf32>) -> tensor<3x2x8xf32>
  %1 = ds.reshape %0 to [6, 8] : (tensor<3x2x8xf32>) -> tensor<6x8xf32>
  %2 = ds.matmul %1, %w : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
  %3 = ds.add %2, %b : (tensor<6x4xf32>, tensor<4xf32>) -> tensor<6x4xf32>
  %4 = ds.reshape %3 to [3, 2, 4] : (tensor<6x4xf32>) -> tensor<3x2x4xf32>
  %5 = ds.transpose %4 [1, 0, 2] : (tensor<3x2x4xf32>) -> tensor<2x3x4xf32>
  return %5 : tensor<2x3x4xf32>
}

// -----
// Parts of a fused projection are cut from its result itself.
// CHECK-LABEL: @fused_projection
// CHECK: %[[K:.*]] = ds.slice %arg0 offsets [0, 0, 8] sizes [2, 5, 8] strides [1, 1, 1]
// CHECK: ds.transpose %[[K]] [1, 0, 2]
// CHECK-NEXT: return
func.func @fused_projection(%x: tensor<2x5x24xf32>) -> tensor<5x2x8xf32> {
  %i = ds.constant dense<1> : tensor<i64>
  %0 = ds.reshape %x to [2, 5, 3, 8] : (tensor<2x5x24xf32>) -> tensor<2x5x3x8xf32>
  %1 = ds.transpose %0 [2, 1, 0, 3] : (tensor<2x5x3x8xf32>) -> tensor<3x5x2x8xf32>
  %2 = ds.gather %1, %i {axis = 0 : i64} : (tensor<3x5x2x8xf32>, tensor<i64>) -> tensor<5x2x8xf32>
  return %2 : tensor<5x2x8xf32>
}

// -----
// Neutral elements, small powers, transposed matrices, a transpose that moves nothing.
// CHECK-LABEL: @plain
// CHECK-NEXT: %[[M:.*]] = ds.matmul %arg0, %arg1 {transpose_b}
// CHECK-NEXT: %[[P:.*]] = ds.mul %[[M]], %[[M]]
// CHECK-NEXT: ds.reshape %[[P]] to [3, 1, 2]
// CHECK-NEXT: return
func.func @plain(%x: tensor<1x2x8xf32>, %w: tensor<3x8xf32>) -> tensor<3x1x2xf32> {
  %one = ds.constant dense<1.0> : tensor<f32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %two = ds.constant dense<2.0> : tensor<f32>
  %0 = ds.transpose %w [1, 0] : (tensor<3x8xf32>) -> tensor<8x3xf32>
  %1 = ds.matmul %x, %0 : (tensor<1x2x8xf32>, tensor<8x3xf32>) -> tensor<1x2x3xf32>
  %2 = ds.mul %1, %one : (tensor<1x2x3xf32>, tensor<f32>) -> tensor<1x2x3xf32>
  %3 = ds.add %zero, %2 : (tensor<f32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32>
  %4 = ds.pow %3, %two : (tensor<1x2x3xf32>, tensor<f32>) -> tensor<1x2x3xf32>
  %5 = ds.reshape %4 to [2, 3] : (tensor<1x2x3xf32>) -> tensor<2x3xf32>
  %6 = ds.reshape %5 to [3, 1, 2] : (tensor<2x3xf32>) -> tensor<3x1x2xf32>
  return %6 : tensor<3x1x2xf32>
}

// -----
// What another op needs stays: a transpose that two matmuls share is not done twice.
// CHECK-LABEL: @shared
// CHECK-NEXT: %[[T:.*]] = ds.transpose %arg0 [1, 2, 0]
// CHECK-NEXT: return %[[T]], %[[T]]
func.func @shared(%x: tensor<2x3x4xf32>) -> (tensor<3x4x2xf32>, tensor<3x4x2xf32>) {
  %0 = ds.transpose %x [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %1 = ds.transpose %x [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  return %0, %1 : tensor<3x4x2xf32>, tensor<3x4x2xf32>
}

// -----
// Transposes before a rotary embedding and an attention are layouts of the attention.
// CHECK-LABEL: @layouts
// CHECK: %[[R:.*]] = ds.rope %arg0, %{{.*}}, %{{.*}} : (tensor<2x5x4x8xf32>, tensor<1x5x1x4xf32>, tensor<1x5x1x4xf32>)
// CHECK: ds.attention %[[R]], %arg1, %arg2
// CHECK-SAME: k_layout = array<i64: 0, 2, 1, 3>, out_layout = array<i64: 0, 2, 1, 3>, q_layout = array<i64: 0, 2, 1, 3>
// CHECK-NEXT: return
func.func @layouts(%x: tensor<2x5x4x8xf32>, %k: tensor<2x5x4x8xf32>, %v: tensor<2x4x5x8xf32>, %c: tensor<1x1x5x4xf32>,
    %s: tensor<1x1x5x4xf32>) -> tensor<2x5x4x8xf32> {
  %0 = ds.transpose %x [0, 2, 1, 3] : (tensor<2x5x4x8xf32>) -> tensor<2x4x5x8xf32>
  %1 = ds.rope %0, %c, %s : (tensor<2x4x5x8xf32>, tensor<1x1x5x4xf32>, tensor<1x1x5x4xf32>) -> tensor<2x4x5x8xf32>
  %2 = ds.transpose %k [0, 2, 1, 3] : (tensor<2x5x4x8xf32>) -> tensor<2x4x5x8xf32>
  %3 = ds.attention %1, %2, %v {scale = 0.125 : f64}
     : (tensor<2x4x5x8xf32>, tensor<2x4x5x8xf32>, tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  %4 = ds.transpose %3 [0, 2, 1, 3] : (tensor<2x4x5x8xf32>) -> tensor<2x5x4x8xf32>
  return %4 : tensor<2x5x4x8xf32>
}

// -----
// Two constants become one; a value that is used in between stays.
// CHECK-LABEL: @scales
// CHECK-DAG: %[[C:.*]] = ds.constant dense<5.000000e-01> : tensor<f32>
// CHECK-DAG: %[[A:.*]] = ds.mul %arg0, %[[C]]
// CHECK-DAG: %[[B:.*]] = ds.div %arg1, %{{.*}}
// CHECK-DAG: %[[D:.*]] = ds.mul %[[B]], %{{.*}}
// CHECK: return %[[A]], %[[B]], %[[D]]
func.func @scales(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %six = ds.constant dense<6.0> : tensor<f32>
  %three = ds.constant dense<3.0> : tensor<1xf32>
  %0 = ds.div %x, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = ds.mul %three, %0 : (tensor<1xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = ds.div %y, %six : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = ds.mul %2, %three : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  return %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
