// RUN: ds-opt %s --split-input-file --ds-lowering-select-kernels | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[PAD:.*]] = ds.pad %{{.*}}, %{{.*}} constant {{ *}}low [0, 0] high [0, 12]
// CHECK: %[[SPLIT:.*]] = ds.reshape %[[PAD]] to [8, 2, 16]
// CHECK: %[[B:.*]] = ds.transpose %[[SPLIT]] [1, 0, 2]
// CHECK: dsk.matmul %{{.*}}, %[[B]] {packed_n = 20 : i64} : (tensor<?x8xf32>, tensor<2x8x16xf32>) -> tensor<?x20xf32>
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x20xf32> {
  %w = ds.weight "w" file "m.onnx" offset 0 length 640 : tensor<8x20xf32>
  %c = ds.matmul %x, %w : (tensor<?x8xf32>, tensor<8x20xf32>) -> tensor<?x20xf32>
  return %c : tensor<?x20xf32>
}

// -----

// Elementwise ops move before the reshape to [B, S, N], with their operands.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
// CHECK: %[[ROWS:.*]] = ds.reshape %[[X]] to [%[[M:.*]], 8]
// CHECK: %[[C:.*]] = dsk.matmul %[[ROWS]]
// CHECK: %[[SUM:.*]] = ds.add %[[C]], %{{.*}} : (tensor<?x8xf32>, tensor<?x8xf32>)
// CHECK: %[[R:.*]] = ds.relu %[[SUM]] : (tensor<?x8xf32>)
// CHECK: ds.reshape %[[R]] to [%{{.*}}, %{{.*}}, 8]
func.func @main(%x: tensor<?x?x8xf32> {ds.dims = ["b", "s", ""]}) -> tensor<?x?x8xf32> {
  %w = ds.weight "w" file "m.onnx" offset 0 length 256 : tensor<8x8xf32>
  %c = ds.matmul %x, %w : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %s = ds.add %c, %x : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %r = ds.relu %s : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %r : tensor<?x?x8xf32>
}

// -----

// Channels go last around a convolution; a depthwise filter becomes [kh * kw, C].
// CHECK-LABEL: func.func @main
// CHECK: %[[IN:.*]] = ds.transpose %{{.*}} [0, 2, 3, 1]
// CHECK: %[[F:.*]] = ds.transpose %{{.*}} [1, 0] : (tensor<4x9xf32>) -> tensor<9x4xf32>
// CHECK: %[[OUT:.*]] = dsk.depthwise_conv %[[IN]], %[[F]]
// CHECK: ds.transpose %[[OUT]] [0, 3, 1, 2]
func.func @main(%x: tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32> {
  %w = ds.weight "w" file "m.onnx" offset 0 length 144 : tensor<4x1x3x3xf32>
  %c = ds.conv %x, %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 4 : i64} : (tensor<1x4x8x8xf32>, tensor<4x1x3x3xf32>) -> tensor<1x4x8x8xf32>
  return %c : tensor<1x4x8x8xf32>
}

// -----

// Integers have no kernel.
// CHECK-LABEL: func.func @main
// CHECK: ds.matmul
func.func @main(%x: tensor<2x8xi32>, %y: tensor<8x4xi32>) -> tensor<2x4xi32> {
  %c = ds.matmul %x, %y : (tensor<2x8xi32>, tensor<8x4xi32>) -> tensor<2x4xi32>
  return %c : tensor<2x4xi32>
}

// -----

// Windows that tile the result are a product; the bias and the activation behind it come first, on the product.
// CHECK-LABEL: func.func @main
// CHECK: %[[C:.*]] = dsk.matmul %{{.*}}, %{{.*}} {packed_n = 32 : i64} : (tensor<16x4xf32>, tensor<2x4x16xf32>) -> tensor<16x32xf32>
// CHECK: %[[SUM:.*]] = ds.add %[[C]], %{{.*}} : (tensor<16x32xf32>, tensor<32xf32>) -> tensor<16x32xf32>
// CHECK: %[[ACT:.*]] = ds.relu %[[SUM]] : (tensor<16x32xf32>)
// CHECK: %[[SPLIT:.*]] = ds.reshape %[[ACT]] to [1, 4, 4, 2, 2, 8]
// CHECK: ds.transpose %[[SPLIT]] [0, 1, 3, 2, 4, 5]
// CHECK: return
func.func @main(%x: tensor<1x4x4x4xf32>) -> tensor<1x8x8x8xf32> {
  %w = ds.weight "w" file "m.onnx" offset 0 length 512 : tensor<4x8x2x2xf32>
  %b = ds.weight "b" file "m.onnx" offset 512 length 32 : tensor<1x8x1x1xf32>
  %c = ds.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x4x4x4xf32>, tensor<4x8x2x2xf32>) -> tensor<1x8x8x8xf32>
  %s = ds.add %c, %b : (tensor<1x8x8x8xf32>, tensor<1x8x1x1xf32>) -> tensor<1x8x8x8xf32>
  %r = ds.relu %s : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %r : tensor<1x8x8x8xf32>
}
