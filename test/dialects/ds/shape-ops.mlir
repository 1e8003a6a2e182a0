// Sizes are static, dynamic or a mixture of both.
// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @reshape
func.func @reshape(%0: tensor<?x8x8xf32>, %n: index) -> tensor<?x64xf32> {
  // CHECK: ds.reshape %{{.*}} to [%{{.*}}, 64] : (tensor<?x8x8xf32>) -> tensor<?x64xf32>
  %1 = ds.reshape %0 to [%n, 64] : (tensor<?x8x8xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// CHECK-LABEL: func @reshape_scalar
func.func @reshape_scalar(%0: tensor<1x1xi64>) -> tensor<i64> {
  // CHECK: ds.reshape %{{.*}} to [] : (tensor<1x1xi64>) -> tensor<i64>
  %1 = ds.reshape %0 to [] : (tensor<1x1xi64>) -> tensor<i64>
  return %1 : tensor<i64>
}

// CHECK-LABEL: func @broadcast
func.func @broadcast(%0: tensor<1x?xf32>, %n: index) -> tensor<4x?xf32> {
  // CHECK: ds.broadcast %{{.*}} to [4, %{{.*}}] : (tensor<1x?xf32>) -> tensor<4x?xf32>
  %1 = ds.broadcast %0 to [4, %n] : (tensor<1x?xf32>) -> tensor<4x?xf32>
  return %1 : tensor<4x?xf32>
}

// CHECK-LABEL: func @transpose
func.func @transpose(%0: tensor<1x?x8xf32>) -> tensor<1x8x?xf32> {
  // CHECK: ds.transpose %{{.*}} [0, 2, 1] : (tensor<1x?x8xf32>) -> tensor<1x8x?xf32>
  %1 = ds.transpose %0 [0, 2, 1] : (tensor<1x?x8xf32>) -> tensor<1x8x?xf32>
  return %1 : tensor<1x8x?xf32>
}

// CHECK-LABEL: func @slice
func.func @slice(%0: tensor<2x?xf32>, %o: index, %n: index) -> tensor<2x?xf32> {
  // CHECK: ds.slice %{{.*}} offsets [0, %{{.*}}] sizes [2, %{{.*}}] strides [1, -1]
  %1 = ds.slice %0 offsets [0, %o] sizes [2, %n] strides [1, -1] : (tensor<2x?xf32>) -> tensor<2x?xf32>
  return %1 : tensor<2x?xf32>
}

// CHECK-LABEL: func @slice_backwards_to_the_first
func.func @slice_backwards_to_the_first(%0: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ds.slice %{{.*}} offsets [3] sizes [4] strides [-1] : (tensor<4xf32>) -> tensor<4xf32>
  %1 = ds.slice %0 offsets [3] sizes [4] strides [-1] : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func @concat
func.func @concat(%0: tensor<2x3xf32>, %1: tensor<2x?xf32>) -> tensor<2x?xf32> {
  // CHECK: ds.concat %{{.*}}, %{{.*}} axis 1 : (tensor<2x3xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  %2 = ds.concat %0, %1 axis 1 : (tensor<2x3xf32>, tensor<2x?xf32>) -> tensor<2x?xf32>
  return %2 : tensor<2x?xf32>
}

// CHECK-LABEL: func @pad
func.func @pad(%0: tensor<2x?xf32>, %v: tensor<f32>, %p: index) -> tensor<3x?xf32> {
  // CHECK: ds.pad %{{.*}}, %{{.*}} constant low [0, %{{.*}}] high [1, 0] : (tensor<2x?xf32>, tensor<f32>) -> tensor<3x?xf32>
  %1 = ds.pad %0, %v constant low [0, %p] high [1, 0] : (tensor<2x?xf32>, tensor<f32>) -> tensor<3x?xf32>
  return %1 : tensor<3x?xf32>
}

// CHECK-LABEL: func @pad_modes
func.func @pad_modes(%0: tensor<4xf32>, %v: tensor<f32>) {
  // CHECK: ds.pad {{.*}} reflect low [1] high [1]
  %1 = ds.pad %0, %v reflect low [1] high [1] : (tensor<4xf32>, tensor<f32>) -> tensor<6xf32>
  // CHECK: ds.pad {{.*}} edge low [-1] high [0]
  %2 = ds.pad %0, %v edge low [-1] high [0] : (tensor<4xf32>, tensor<f32>) -> tensor<3xf32>
  // CHECK: ds.pad {{.*}} wrap low [0] high [2]
  %3 = ds.pad %0, %v wrap low [0] high [2] : (tensor<4xf32>, tensor<f32>) -> tensor<6xf32>
  return
}

// CHECK-LABEL: func @iota
func.func @iota(%n: index) -> (tensor<?xi64>, tensor<4xf32>) {
  // CHECK: ds.iota [%{{.*}}] : tensor<?xi64>
  %0 = ds.iota [%n] : tensor<?xi64>
  // CHECK: ds.iota [4] : tensor<4xf32>
  %1 = ds.iota [4] : tensor<4xf32>
  return %0, %1 : tensor<?xi64>, tensor<4xf32>
}
