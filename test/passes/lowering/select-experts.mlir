// RUN: ds-opt %s --split-input-file --ds-lowering-select-kernels | FileCheck %s
// RUN: ds-opt %s --split-input-file --ds-lowering | FileCheck %s --check-prefix=GROUPS

// Stacked, transposed weights are packed from where they lie, gate and up alternating; the sum over slots is a loop.
// CHECK-LABEL: func.func @main
// CHECK: %[[W:.*]] = ds.weight "gate_up"
// CHECK: %[[D:.*]] = ds.weight "down"
// CHECK: %[[GU:.*]] = dsk.pack_panels %[[W]] {column_strides = array<i64: 8, 8, 8, 8>, columns = 24 : i64, offsets = array<i64: 0, 192, 384, 576>, pairs, row_strides = array<i64: 1, 1, 1, 1>, sources = array<i64: 0, 0, 0, 0>} : (tensor<2x48x8xf32>) -> tensor<2x4x8x16xf32>
// CHECK: %[[H:.*]] = dsk.grouped_matmul %{{.*}}, %{{.*}}, %{{.*}}, %[[GU]] {activation = #dsk.activation<silu>, gated, packed_n = 24 : i64, row_flops = 1152 : i64, slots = 2 : i64} : {{.*}} -> tensor<?x24xf32>
// CHECK: %[[DP:.*]] = dsk.pack_panels %[[D]] {{.*}} -> tensor<2x1x24x16xf32>
// CHECK: %[[Y:.*]] = dsk.grouped_matmul %[[H]], %{{.*}}, %{{.*}}, %[[DP]] scale %{{.*}} {activation = #dsk.activation<identity>, packed_n = 8 : i64, slots = 2 : i64}
// CHECK: %[[R:.*]] = ds.reshape %[[Y]] to [%{{.*}}, 2, 8]
// CHECK: ds.reduce sum %[[R]] [1] : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
// GROUPS: func.func private @pack{{.*}}(%{{.*}}: tensor<2x48x8xf32>, %{{.*}}: tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32> attributes {dsk.group}
// GROUPS: func.func @weights() -> (tensor<2x4x8x16xf32>, tensor<2x1x24x16xf32>)
// GROUPS: func.func private @route{{.*}} attributes {dsk.group}
// GROUPS: dsk.route
// GROUPS: func.func private @experts{{.*}} attributes {dsk.group}
// GROUPS: dsk.grouped_matmul
// GROUPS: func.func @main
// GROUPS: dsk.weight 0 : tensor<2x4x8x16xf32>
func.func @main(%x: tensor<?x8xf32> {ds.dims = ["t", ""]}, %s: tensor<?x2xf32> {ds.dims = ["t", ""]}) -> tensor<?x8xf32> {
  %w1 = ds.weight "gate_up" file "m.onnx" offset 0 length 3072 : tensor<2x48x8xf32>
  %d = ds.weight "down" file "m.onnx" offset 3072 length 1536 : tensor<2x24x8xf32>
  %t = ds.transpose %w1 [0, 2, 1] : (tensor<2x48x8xf32>) -> tensor<2x8x48xf32>
  %g = ds.slice %t offsets [0, 0, 0] sizes [2, 8, 24] strides [1, 1, 1] : (tensor<2x8x48xf32>) -> tensor<2x8x24xf32>
  %u = ds.slice %t offsets [0, 0, 24] sizes [2, 8, 24] strides [1, 1, 1] : (tensor<2x8x48xf32>) -> tensor<2x8x24xf32>
  %w, %e, %p, %o = ds.route %s {k = 2 : i64} : (tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<3xi64>)
  %y = ds.experts %x weights %w permutation %p offsets %o gate %g up %u down %d {activation = #ds.activation<silu>}
     : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<3xi64>, tensor<2x8x24xf32>, tensor<2x8x24xf32>, tensor<2x24x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Separate weights, one per expert, in any order of axes; one slot needs no sum. What is not constant is packed in main.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %{{.*}}, %{{.*}}, %[[DOWN:.*]]: tensor<2x20x8xf32>
// CHECK-DAG: %[[A:.*]] = ds.weight "a"
// CHECK-DAG: %[[B:.*]] = ds.weight "b"
// CHECK: dsk.pack_panels %[[A]], %[[B]] {column_strides = array<i64: 8, 1>, columns = 20 : i64, offsets = array<i64: 0, 0>, row_strides = array<i64: 1, 20>, sources = array<i64: 0, 1>} : (tensor<20x8xf32>, tensor<8x20xf32>) -> tensor<2x2x8x16xf32>
// CHECK: dsk.grouped_matmul {{.*}} {activation = #dsk.activation<relu>, packed_n = 20 : i64
// CHECK: dsk.pack_panels %[[DOWN]]
// CHECK: %[[Y:.*]] = dsk.grouped_matmul
// CHECK: return %[[Y]]
// GROUPS: func.func @weights() -> tensor<2x2x8x16xf32>
// GROUPS: func.func @main
// GROUPS: call @pack
func.func @main(%x: tensor<?x8xf32> {ds.dims = ["t", ""]}, %s: tensor<?x2xf32> {ds.dims = ["t", ""]}, %d: tensor<2x20x8xf32>) -> tensor<?x8xf32> {
  %a = ds.weight "a" file "m.onnx" offset 0 length 640 : tensor<20x8xf32>
  %b = ds.weight "b" file "m.onnx" offset 640 length 640 : tensor<8x20xf32>
  %at = ds.transpose %a [1, 0] : (tensor<20x8xf32>) -> tensor<8x20xf32>
  %a1 = ds.reshape %at to [1, 8, 20] : (tensor<8x20xf32>) -> tensor<1x8x20xf32>
  %b1 = ds.reshape %b to [1, 8, 20] : (tensor<8x20xf32>) -> tensor<1x8x20xf32>
  %u = ds.concat %a1, %b1 axis 0 : (tensor<1x8x20xf32>, tensor<1x8x20xf32>) -> tensor<2x8x20xf32>
  %w, %e, %p, %o = ds.route %s {k = 1 : i64} : (tensor<?x2xf32>) -> (tensor<?x1xf32>, tensor<?x1xi64>, tensor<?xi64>, tensor<3xi64>)
  %y = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<relu>}
     : (tensor<?x8xf32>, tensor<?x1xf32>, tensor<?xi64>, tensor<3xi64>, tensor<2x8x20xf32>, tensor<2x20x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
