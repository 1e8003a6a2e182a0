// RUN: ds-opt %s --ds-graph-fold-constants --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @chain
func.func @chain() -> tensor<2xi64> {
  // CHECK-NEXT: %[[C:.*]] = ds.constant dense<[1, 3]> : tensor<2xi64>
  // CHECK-NEXT: return %[[C]]
  %c2 = arith.constant 2 : index
  %0 = ds.constant dense<[1, 2]> : tensor<2xi64>
  %1 = ds.iota [%c2] : tensor<?xi64>
  %2 = ds.slice %1 offsets [0] sizes [2] strides [1] : (tensor<?xi64>) -> tensor<2xi64>
  %3 = ds.iota [2] : tensor<2xi64>
  %4 = ds.add %0, %3 : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return %4 : tensor<2xi64>
}

// -----
// What is too big, fed by a weight, or depends on data stays.
// CHECK-LABEL: func.func @stays
func.func @stays(%x: tensor<2xf32>) -> (tensor<300xf32>, tensor<2xf32>, tensor<2xf32>) {
  // CHECK: ds.iota [300]
  // CHECK: ds.neg
  // CHECK: ds.add
  %0 = ds.iota [300] : tensor<300xf32>
  %w = ds.weight "w" file "missing.bin" offset 0 length 8 : tensor<2xf32>
  %1 = ds.neg %w : (tensor<2xf32>) -> tensor<2xf32>
  %c = ds.constant dense<1.0> : tensor<2xf32>
  %2 = ds.add %x, %c : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0, %1, %2 : tensor<300xf32>, tensor<2xf32>, tensor<2xf32>
}
