// RUN: ds-opt %s --ds-lowering --mlir-print-debuginfo | FileCheck %s

// Equal layers compile once, wherever they come from.
// CHECK: func.func private @matmul_relu_first
// CHECK-NOT: func.func private @matmul_relu
// CHECK: func.func @main
// CHECK: call @matmul_relu_first
// CHECK: call @matmul_relu_first
func.func @main(%x: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %v = ds.weight "v" file "m.onnx" offset 0 length 1024 : tensor<16x16xf32>
  %w = ds.weight "w" file "m.onnx" offset 1024 length 1024 : tensor<16x16xf32>
  %a = ds.matmul %x, %v : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32> loc("first")
  %b = ds.relu %a : (tensor<4x16xf32>) -> tensor<4x16xf32> loc("first_relu")
  %c = ds.matmul %b, %w : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32> loc("second")
  %d = ds.relu %c : (tensor<4x16xf32>) -> tensor<4x16xf32> loc("second_relu")
  return %d : tensor<4x16xf32>
}
