// RUN: ds-opt %s --ds-graph-fold-norm-into-conv --split-input-file | FileCheck %s

// CHECK-LABEL: @batch_norm
// CHECK-DAG: %[[W:.*]] = ds.weight "w"
// CHECK-DAG: %[[B:.*]] = ds.weight "b"
// CHECK-DAG: %[[S:.*]] = ds.weight "s"
// CHECK-DAG: %[[T:.*]] = ds.weight "t"
// CHECK: %[[SW:.*]] = ds.reshape %[[S]] to [6, 1, 1, 1]
// CHECK: %[[F:.*]] = ds.mul %[[W]], %[[SW]]
// CHECK: %[[Y:.*]] = ds.conv %arg0, %[[F]]
// CHECK: %[[BS:.*]] = ds.mul %[[B]], %[[S]]
// CHECK: %[[SUM:.*]] = ds.add %[[BS]], %[[T]]
// CHECK: %[[Z:.*]] = ds.add %[[Y]], %[[SUM]]
// CHECK: ds.relu %[[Z]]
func.func @batch_norm(%x: tensor<?x4x8x8xf32>) -> tensor<?x6x8x8xf32> {
  %w = ds.weight "w" file "m" offset 0 length 864 : tensor<6x4x3x3xf32>
  %b = ds.weight "b" file "m" offset 864 length 24 : tensor<6x1x1xf32>
  %s = ds.weight "s" file "m" offset 888 length 24 : tensor<6x1x1xf32>
  %t = ds.weight "t" file "m" offset 912 length 24 : tensor<6x1x1xf32>
  %0 = ds.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64}
     : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x8x8xf32>
  %1 = ds.add %0, %b : (tensor<?x6x8x8xf32>, tensor<6x1x1xf32>) -> tensor<?x6x8x8xf32>
  %2 = ds.mul %1, %s : (tensor<?x6x8x8xf32>, tensor<6x1x1xf32>) -> tensor<?x6x8x8xf32>
  %3 = ds.add %2, %t : (tensor<?x6x8x8xf32>, tensor<6x1x1xf32>) -> tensor<?x6x8x8xf32>
  %4 = ds.relu %3 : (tensor<?x6x8x8xf32>) -> tensor<?x6x8x8xf32>
  return %4 : tensor<?x6x8x8xf32>
}

// -----
// Behind a matmul: columns.
// CHECK-LABEL: @matmul
// CHECK: %[[F:.*]] = ds.mul %{{.*}}, %{{.*}} : (tensor<4x6xf32>, tensor<1x6xf32>) -> tensor<4x6xf32>
// CHECK-NEXT: %[[Y:.*]] = ds.matmul %arg0, %[[F]]
// CHECK-NEXT: return %[[Y]]
func.func @matmul(%x: tensor<2x4xf32>) -> tensor<2x6xf32> {
  %w = ds.weight "w" file "m" offset 0 length 96 : tensor<4x6xf32>
  %s = ds.weight "s" file "m" offset 96 length 24 : tensor<6xf32>
  %0 = ds.matmul %x, %w : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  %1 = ds.mul %0, %s : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// -----
// The unscaled product is needed too; the weights serve another kernel too; the factor is no weight.
// CHECK-LABEL: @not
// CHECK: ds.matmul
// CHECK: ds.mul %{{.*}} : (tensor<2x6xf32>, tensor<6xf32>)
// CHECK: ds.matmul
// CHECK: ds.mul %{{.*}} : (tensor<2x6xf32>, tensor<6xf32>)
// CHECK: ds.matmul
// CHECK: ds.mul %{{.*}}, %arg1
func.func @not(%x: tensor<2x4xf32>, %f: tensor<6xf32>) -> (tensor<2x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>) {
  %w = ds.weight "w" file "m" offset 0 length 96 : tensor<4x6xf32>
  %s = ds.weight "s" file "m" offset 96 length 24 : tensor<6xf32>
  %v = ds.weight "v" file "m" offset 128 length 96 : tensor<4x6xf32>
  %0 = ds.matmul %x, %w : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  %1 = ds.mul %0, %s : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  %2 = ds.matmul %1, %w {transpose_b} : (tensor<2x6xf32>, tensor<4x6xf32>) -> tensor<2x4xf32>
  %3 = ds.matmul %2, %w : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  %4 = ds.mul %3, %s : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  %5 = ds.matmul %x, %v : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  %6 = ds.mul %5, %f : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  return %0, %1, %4, %6 : tensor<2x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>
}
