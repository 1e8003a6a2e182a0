// RUN: ds-opt %s --ds-lowering-outline-weights | FileCheck %s

// What depends on weights alone moves, each result once; a constant that main reads itself and repetition stay.
// CHECK: func.func @weights() -> (tensor<2x4xf32>, tensor<4xf32>)
// CHECK:   %[[B:.*]] = ds.weight "b"
// CHECK:   %[[A:.*]] = ds.weight "a"
// CHECK:   %[[M:.*]] = ds.mul %[[A]]
// CHECK:   return %[[B]], %[[M]]
// CHECK: func.func @main(%[[X:.*]]: tensor<2x4xf32>
// CHECK:   dsk.weight 0 : tensor<2x4xf32>
// CHECK:   %[[M:.*]] = dsk.weight 1 : tensor<4xf32>
// CHECK-NOT: ds.weight
// CHECK:   ds.constant
// CHECK:   ds.broadcast %[[M]]
func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<8192x4xf32>) {
  %a = ds.weight "a" file "m.onnx" offset 0 length 16 : tensor<4xf32>
  %same = ds.weight "a2" file "m.onnx" offset 0 length 16 : tensor<4xf32>
  %b = ds.weight "b" file "m.onnx" offset 16 length 32 : tensor<2x4xf32>
  %two = ds.constant dense<2.0> : tensor<f32>
  %m1 = ds.mul %a, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %m2 = ds.mul %same, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %s = ds.mul %x, %m1 : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %t = ds.add %s, %b : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %u = ds.mul %t, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %r = ds.broadcast %m2 to [8192, 4] : (tensor<4xf32>) -> tensor<8192x4xf32>
  return %u, %r : tensor<2x4xf32>, tensor<8192x4xf32>
}
