// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @matmul
func.func @matmul(%0: tensor<1x?x8xf32>, %1: tensor<8x4xf32>) -> tensor<1x?x4xf32> {
  // CHECK: ds.matmul %{{.*}}, %{{.*}} : (tensor<1x?x8xf32>, tensor<8x4xf32>) -> tensor<1x?x4xf32>
  %2 = ds.matmul %0, %1 : (tensor<1x?x8xf32>, tensor<8x4xf32>) -> tensor<1x?x4xf32>
  return %2 : tensor<1x?x4xf32>
}

// CHECK-LABEL: func @matmul_transposed
func.func @matmul_transposed(%0: tensor<5x1x8x2xf32>, %1: tensor<3x4x8xf32>) -> tensor<5x3x2x4xf32> {
  // CHECK: ds.matmul %{{.*}}, %{{.*}} {transpose_a, transpose_b}
  %2 = ds.matmul %0, %1 {transpose_a, transpose_b} : (tensor<5x1x8x2xf32>, tensor<3x4x8xf32>) -> tensor<5x3x2x4xf32>
  return %2 : tensor<5x3x2x4xf32>
}

// CHECK-LABEL: func @conv
func.func @conv(%0: tensor<?x3x224x224xf32>, %1: tensor<64x3x3x3xf32>) -> tensor<?x64x112x112xf32> {
  // CHECK: ds.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 1 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>}
  %2 = ds.conv %0, %1 {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<?x3x224x224xf32>, tensor<64x3x3x3xf32>) -> tensor<?x64x112x112xf32>
  return %2 : tensor<?x64x112x112xf32>
}

// Depthwise, channels last, one spatial axis, dilated: 10 + 2 - (3 - 1) * 2 - 1 + 1 = 8.
// CHECK-LABEL: func @conv_channels_last
func.func @conv_channels_last(%0: tensor<1x10x6xf32>, %1: tensor<6x1x3xf32>) -> tensor<1x8x6xf32> {
  // CHECK: ds.conv {{.*}} {channels_last, {{.*}}groups = 6 : i64
  %2 = ds.conv %0, %1 {channels_last, strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 2>, groups = 6 : i64}
     : (tensor<1x10x6xf32>, tensor<6x1x3xf32>) -> tensor<1x8x6xf32>
  return %2 : tensor<1x8x6xf32>
}

// (4 - 1) * 2 + (3 - 1) * 1 + 1 - 2 + 1 = 8.
// CHECK-LABEL: func @conv_transpose
func.func @conv_transpose(%0: tensor<1x8x4xf32>, %1: tensor<8x2x3xf32>) -> tensor<1x4x8xf32> {
  // CHECK: ds.conv_transpose {{.*}} output_padding = array<i64: 1>
  %2 = ds.conv_transpose %0, %1 {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>,
       output_padding = array<i64: 1>, groups = 2 : i64} : (tensor<1x8x4xf32>, tensor<8x2x3xf32>) -> tensor<1x4x8xf32>
  return %2 : tensor<1x4x8xf32>
}

// CHECK-LABEL: func @pool
func.func @pool(%0: tensor<1x2x5x5xf32>) {
  // CHECK: ds.pool {{.*}} kind = #ds.pool_kind<max>{{.*}} -> tensor<1x2x2x2xf32>
  %1 = ds.pool %0 {kind = #ds.pool_kind<max>, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>,
       dilations = array<i64: 1, 1>} : (tensor<1x2x5x5xf32>) -> tensor<1x2x2x2xf32>
  // CHECK: ds.pool {{.*}} {ceil_mode, {{.*}} -> tensor<1x2x3x3xf32>
  %2 = ds.pool %0 {kind = #ds.pool_kind<avg>, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>,
       dilations = array<i64: 1, 1>, ceil_mode} : (tensor<1x2x5x5xf32>) -> tensor<1x2x3x3xf32>
  return
}

// A window that would start in the high padding is dropped: 3 and not 4 windows over 5 + 1 + 1.
// CHECK-LABEL: func @pool_ceil_padding
func.func @pool_ceil_padding(%0: tensor<1x1x5xf32>) -> tensor<1x1x3xf32> {
  // CHECK: ds.pool {{.*}} kind = #ds.pool_kind<lp>{{.*}}, p = 3 : i64
  %1 = ds.pool %0 {kind = #ds.pool_kind<lp>, p = 3 : i64, kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 1, 1>,
       dilations = array<i64: 1>, ceil_mode} : (tensor<1x1x5xf32>) -> tensor<1x1x3xf32>
  return %1 : tensor<1x1x3xf32>
}
