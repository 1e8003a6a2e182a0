// RUN: ds-opt %s --ds-graph-channels-last --split-input-file | FileCheck %s

// Transposes at the ends only; the bias becomes a vector of the last axis.
// CHECK-LABEL: @residual
// CHECK: %[[X:.*]] = ds.transpose %arg0 [0, 2, 3, 1]
// CHECK: ds.conv %[[X]], %{{.*}} {channels_last
// CHECK-NOT: ds.transpose
// CHECK: ds.add
// CHECK: ds.pool %{{.*}}channels_last
// CHECK: %[[Y:.*]] = ds.concat %{{.*}} axis 3
// CHECK: ds.transpose %[[Y]] [0, 3, 1, 2]
func.func @residual(%x: tensor<?x4x8x8xf32>) -> tensor<?x8x8x8xf32> {
  %w = ds.weight "w" file "m" offset 0 length 576 : tensor<4x4x3x3xf32>
  %b = ds.weight "b" file "m" offset 576 length 16 : tensor<4xf32>
  %b1 = ds.reshape %b to [4, 1, 1] : (tensor<4xf32>) -> tensor<4x1x1xf32>
  %0 = ds.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<?x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<?x4x8x8xf32>
  %1 = ds.add %0, %b1 : (tensor<?x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<?x4x8x8xf32>
  %2 = ds.add %1, %x : (tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %3 = ds.pool %2 {kind = #ds.pool_kind<max>, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>,
       dilations = array<i64: 1, 1>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %4 = ds.concat %3, %0 axis 1 : (tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<?x8x8x8xf32>
  return %4 : tensor<?x8x8x8xf32>
}

// -----
// Squeeze and excite: the 1x1 convolutions of one pixel are matmuls, nothing is transposed inside.
// CHECK-LABEL: @squeeze_excite
// CHECK: ds.transpose %arg0 [0, 2, 3, 1]
// CHECK: %[[C:.*]] = ds.conv
// CHECK: ds.reduce sum %[[C]] [1, 2] {keepdims} : (tensor<2x8x8x4xf32>) -> tensor<2x1x1x4xf32>
// CHECK-NOT: ds.transpose
// CHECK: ds.matmul %{{.*}} {transpose_b}
// CHECK: ds.relu
// CHECK: ds.matmul %{{.*}} {transpose_b}
// CHECK: ds.sigmoid
// CHECK: ds.mul %[[C]]
// CHECK-NOT: ds.transpose
// CHECK: ds.reduce sum %{{.*}} [1, 2] : (tensor<2x8x8x4xf32>) -> tensor<2x4xf32>
// CHECK-NEXT: return
func.func @squeeze_excite(%x: tensor<2x4x8x8xf32>) -> tensor<2x4xf32> {
  %w = ds.weight "w" file "m" offset 0 length 576 : tensor<4x4x3x3xf32>
  %w1 = ds.weight "w1" file "m" offset 576 length 32 : tensor<2x4x1x1xf32>
  %w2 = ds.weight "w2" file "m" offset 608 length 32 : tensor<4x2x1x1xf32>
  %0 = ds.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<2x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<2x4x8x8xf32>
  %1 = ds.reduce sum %0 [2, 3] {keepdims} : (tensor<2x4x8x8xf32>) -> tensor<2x4x1x1xf32>
  %2 = ds.conv %1, %w1 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<2x4x1x1xf32>, tensor<2x4x1x1xf32>) -> tensor<2x2x1x1xf32>
  %3 = ds.relu %2 : (tensor<2x2x1x1xf32>) -> tensor<2x2x1x1xf32>
  %4 = ds.conv %3, %w2 {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<2x2x1x1xf32>, tensor<4x2x1x1xf32>) -> tensor<2x4x1x1xf32>
  %5 = ds.sigmoid %4 : (tensor<2x4x1x1xf32>) -> tensor<2x4x1x1xf32>
  %6 = ds.mul %0, %5 : (tensor<2x4x8x8xf32>, tensor<2x4x1x1xf32>) -> tensor<2x4x8x8xf32>
  %7 = ds.reduce sum %6 [2, 3] : (tensor<2x4x8x8xf32>) -> tensor<2x4xf32>
  return %7 : tensor<2x4xf32>
}

// -----
// Without windows nothing moves.
// CHECK-LABEL: @nothing
// CHECK-NEXT: ds.relu %arg0
// CHECK-NEXT: ds.transpose %{{.*}} [0, 3, 1, 2]
// CHECK-NEXT: ds.exp
func.func @nothing(%x: tensor<2x4x8x8xf32>) -> tensor<2x8x4x8xf32> {
  %0 = ds.relu %x : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %1 = ds.transpose %0 [0, 3, 1, 2] : (tensor<2x4x8x8xf32>) -> tensor<2x8x4x8xf32>
  %2 = ds.exp %1 : (tensor<2x8x4x8xf32>) -> tensor<2x8x4x8xf32>
  return %2 : tensor<2x8x4x8xf32>
}
