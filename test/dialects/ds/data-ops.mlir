// Constants and weights keep every field through printing and parsing.
// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @constant
func.func @constant() -> tensor<2xf32> {
  // CHECK: ds.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  %0 = ds.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func @weight
func.func @weight() -> (tensor<2x2xf32>, tensor<3xi1>, tensor<0x4xf16>) {
  // CHECK: ds.weight "encoder.fc1" file "model.onnx" offset 4096 length 16 : tensor<2x2xf32>
  %0 = ds.weight "encoder.fc1" file "model.onnx" offset 4096 length 16 : tensor<2x2xf32>
  // CHECK: ds.weight "mask" file "a b/model.data" offset 0 length 3 : tensor<3xi1>
  %1 = ds.weight "mask" file "a b/model.data" offset 0 length 3 : tensor<3xi1>
  // CHECK: ds.weight "empty" {{.*}} length 0 : tensor<0x4xf16>
  %2 = ds.weight "empty" file "model.onnx" offset 0 length 0 : tensor<0x4xf16>
  return %0, %1, %2 : tensor<2x2xf32>, tensor<3xi1>, tensor<0x4xf16>
}
