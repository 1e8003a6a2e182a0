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

// -----

// A gate that closes half of the features of one row: the weight stays in rows; one that is joined by more rows, that closes few or
// of which nothing is known does not.
// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = ds.weight "w"
// CHECK: %[[HALF:.*]] = ds.gate %{{.*}} {ds.sparsity = 5.000000e-01
// CHECK: %[[T:.*]] = ds.transpose %[[W]] [1, 0]
// CHECK: dsk.matmul %[[HALF]], %[[T]] {skip_zeros} : (tensor<1x512xf32>, tensor<512x256xf32>) -> tensor<1x256xf32>
// CHECK-COUNT-3: {packed_n = 256 : i64}
func.func @main(%x: tensor<1x512xf32>, %xs: tensor<8x512xf32>) -> (tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>, tensor<8x256xf32>) {
  %w = ds.weight "w" file "m.onnx" offset 0 length 524288 : tensor<256x512xf32>
  %half = ds.gate %x {ds.sparsity = 0.5 : f64, threshold = 0.1 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
  %a = ds.matmul %half, %w {transpose_b} : (tensor<1x512xf32>, tensor<256x512xf32>) -> tensor<1x256xf32>
  %few = ds.gate %x {ds.sparsity = 0.1 : f64, threshold = 0.01 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
  %b = ds.matmul %few, %w {transpose_b} : (tensor<1x512xf32>, tensor<256x512xf32>) -> tensor<1x256xf32>
  %some = ds.gate %x {threshold = 0.2 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
  %c = ds.matmul %some, %w {transpose_b} : (tensor<1x512xf32>, tensor<256x512xf32>) -> tensor<1x256xf32>
  %rows = ds.gate %xs {ds.sparsity = 0.5 : f64, threshold = 0.1 : f64} : (tensor<8x512xf32>) -> tensor<8x512xf32>
  %d = ds.matmul %rows, %w {transpose_b} : (tensor<8x512xf32>, tensor<256x512xf32>) -> tensor<8x256xf32>
  return %a, %b, %c, %d : tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>, tensor<8x256xf32>
}
