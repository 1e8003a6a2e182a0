// RUN: ds-opt %s --ds-graph-raise-rope --split-input-file | FileCheck %s

// Llama's spelling: the tables are cos and sin of repeated angles, with an axis for the heads.
// CHECK-LABEL: @llama
// CHECK: %[[C:.*]] = ds.cos %arg1 : (tensor<1x3x4xf32>) -> tensor<1x3x4xf32>
// CHECK: %[[C4:.*]] = ds.reshape %[[C]] to [1, 1, 3, 4]
// CHECK: %[[S:.*]] = ds.sin %arg1
// CHECK: %[[S4:.*]] = ds.reshape %[[S]] to [1, 1, 3, 4]
// CHECK: ds.rope %arg0, %[[C4]], %[[S4]] : (tensor<1x2x3x8xf32>, tensor<1x1x3x4xf32>, tensor<1x1x3x4xf32>) -> tensor<1x2x3x8xf32>
// CHECK-NEXT: return
func.func @llama(%x: tensor<1x2x3x8xf32>, %f: tensor<1x3x4xf32>) -> tensor<1x2x3x8xf32> {
  %ff = ds.concat %f, %f axis 2 : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x8xf32>
  %c0 = ds.cos %ff : (tensor<1x3x8xf32>) -> tensor<1x3x8xf32>
  %s0 = ds.sin %ff : (tensor<1x3x8xf32>) -> tensor<1x3x8xf32>
  %c = ds.reshape %c0 to [1, 1, 3, 8] : (tensor<1x3x8xf32>) -> tensor<1x1x3x8xf32>
  %s = ds.reshape %s0 to [1, 1, 3, 8] : (tensor<1x3x8xf32>) -> tensor<1x1x3x8xf32>
  %0 = ds.slice %x offsets [0, 0, 0, 0] sizes [1, 2, 3, 4] strides [1, 1, 1, 1] : (tensor<1x2x3x8xf32>) -> tensor<1x2x3x4xf32>
  %1 = ds.slice %x offsets [0, 0, 0, 4] sizes [1, 2, 3, 4] strides [1, 1, 1, 1] : (tensor<1x2x3x8xf32>) -> tensor<1x2x3x4xf32>
  %2 = ds.neg %1 : (tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
  %3 = ds.concat %2, %0 axis 3 : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x8xf32>
  %4 = ds.mul %x, %c : (tensor<1x2x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x2x3x8xf32>
  %5 = ds.mul %3, %s : (tensor<1x2x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x2x3x8xf32>
  %6 = ds.add %4, %5 : (tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x3x8xf32>
  return %6 : tensor<1x2x3x8xf32>
}

// -----
// The halves rotated apart.
// CHECK-LABEL: @halves
// CHECK-NEXT: ds.rope %arg0, %arg1, %arg2
// CHECK-NEXT: return
func.func @halves(%x: tensor<3x8xf32>, %c: tensor<3x4xf32>, %s: tensor<3x4xf32>) -> tensor<3x8xf32> {
  %0 = ds.slice %x offsets [0, 0] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %1 = ds.slice %x offsets [0, 4] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %2 = ds.mul %0, %c : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %3 = ds.mul %s, %1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %4 = ds.sub %2, %3 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %5 = ds.mul %1, %c : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %6 = ds.mul %0, %s : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %7 = ds.add %6, %5 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %8 = ds.concat %4, %7 axis 1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  return %8 : tensor<3x8xf32>
}

// -----
// Tables of which nothing tells that both halves are equal.
// CHECK-LABEL: @not
// CHECK-NOT: ds.rope
func.func @not(%x: tensor<3x8xf32>, %c: tensor<3x8xf32>, %s: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %0 = ds.slice %x offsets [0, 0] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %1 = ds.slice %x offsets [0, 4] sizes [3, 4] strides [1, 1] : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %2 = ds.neg %1 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %3 = ds.concat %2, %0 axis 1 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  %4 = ds.mul %x, %c : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %5 = ds.mul %3, %s : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %6 = ds.add %4, %5 : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %6 : tensor<3x8xf32>
}
