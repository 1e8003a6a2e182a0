// RUN: ds-opt %s --split-input-file --ds-graph-refine-types --verify-diagnostics | FileCheck %s

// Constant operands move into attributes, types follow them, the function's result type too.
// CHECK-LABEL: func.func @constants
// CHECK-SAME: -> tensor<2x3x4xf32>
// CHECK-NEXT: ds.reshape %arg0 to [2, 3, 4] : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @constants(%x: tensor<6x4xf32>) -> tensor<?x3x?xf32> {
  %c1 = arith.constant 1 : index
  %two = arith.constant 2 : index
  %four = tensor.dim %x, %c1 : tensor<6x4xf32>
  %r = ds.reshape %x to [%two, 3, %four] : (tensor<6x4xf32>) -> tensor<?x3x?xf32>
  return %r : tensor<?x3x?xf32>
}

// -----

// A broadcast that the other operand makes superfluous goes, and so do a reshape, slice and pad to the same shape.
// CHECK-LABEL: func.func @superfluous
// CHECK-NEXT: %[[A:.*]] = ds.add %arg0, %arg1 : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<?x8xf32>
// CHECK-NEXT: return %[[A]]
func.func @superfluous(%x: tensor<?x8xf32>, %y: tensor<1x8xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %m = tensor.dim %x, %c1 : tensor<?x8xf32>
  %b = ds.broadcast %y to [%n, %m] : (tensor<1x8xf32>) -> tensor<?x?xf32>
  %a = ds.add %x, %b : (tensor<?x8xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  %r = ds.reshape %a to [%n, %m] : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %s = ds.slice %r offsets [0, 0] sizes [%n, %m] strides [1, 1] : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %v = ds.constant dense<0.0> : tensor<f32>
  %p = ds.pad %s, %v constant low [%c0, 0] high [0, %c0] : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xf32>
  return %p : tensor<?x?xf32>
}

// -----

// A broadcast that gives the shape stays; a size that may be 1 is not taken for the other one.
// CHECK-LABEL: func.func @needed
// CHECK: ds.broadcast
// CHECK: ds.add {{.*}} -> tensor<?x8xf32>
func.func @needed(%x: tensor<?x8xf32>, %y: tensor<1x8xf32>, %z: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %b = ds.broadcast %y to [%n, 8] : (tensor<1x8xf32>) -> tensor<?x8xf32>
  %a = ds.add %z, %b : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Empty operands of a concat go.
// CHECK-LABEL: func.func @empty
// CHECK-NEXT: return %arg0
func.func @empty(%x: tensor<2x?xf32>, %y: tensor<2x0xf32>) -> tensor<2x?xf32> {
  %r = ds.concat %x, %y axis 1 : (tensor<2x?xf32>, tensor<2x0xf32>) -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// -----

func.func @contradiction(%x: tensor<6x4xf32>) -> tensor<?xf32> {
  %n = arith.constant 23 : index
  // expected-error@+1 {{C1: the numbers of elements before and after: 24 and 23 differ}}
  %r = ds.reshape %x to [%n] : (tensor<6x4xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
