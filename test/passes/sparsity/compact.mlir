// RUN: ds-opt %s --ds-sparsity-compact --split-input-file | FileCheck %s
// RUN: ds-opt %s --ds-sparsity-compact --split-input-file --certify --certify-bound=1e-6 -o /dev/null
// RUN: ds-opt %s --ds-sparsity-compact --split-input-file --remarks-filter=".*" -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Rows go behind the gate, columns and the bias before it.
// REMARK: 2 of 4 features go from 1 product(s) behind it and from what computes them
// CHECK-LABEL: func.func @main
// CHECK-NOT: ds.gate
// CHECK-DAG: %[[I:.*]] = ds.constant dense<[0, 2]> : tensor<2xi64>
// CHECK-DAG: %[[U:.*]] = ds.gather %{{.*}}, %[[I]] {axis = 1 : i64} : (tensor<8x4xf32>, tensor<2xi64>) -> tensor<8x2xf32>
// CHECK: %[[Y:.*]] = ds.matmul %arg0, %[[U]] : (tensor<?x8xf32>, tensor<8x2xf32>) -> tensor<?x2xf32>
// CHECK: %[[B:.*]] = ds.gather %{{.*}}, %[[I]] {axis = 0 : i64} : (tensor<4xf32>, tensor<2xi64>) -> tensor<2xf32>
// CHECK: %[[S:.*]] = ds.add %[[Y]], %[[B]]
// CHECK: %[[R:.*]] = ds.relu %[[S]]
// CHECK: %[[D:.*]] = ds.gather %{{.*}}, %[[I]] {axis = 1 : i64} : (tensor<8x4xf32>, tensor<2xi64>) -> tensor<8x2xf32>
// CHECK: ds.matmul %[[R]], %[[D]] {transpose_b} : (tensor<?x2xf32>, tensor<8x2xf32>) -> tensor<?x8xf32>
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %g = ds.constant dense<[1.0, -1.0, 2.0, -2.0]> : tensor<4xf32>
  %bias = ds.constant dense<[0.1, 0.2, 0.3, 0.4]> : tensor<4xf32>
  %up = ds.constant dense<0.5> : tensor<8x4xf32>
  %down = ds.constant dense<[[0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0],
                             [0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [5.0, 6.0, 7.0, 8.0]]> : tensor<8x4xf32>
  %0 = ds.matmul %x, %up : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %1 = ds.add %0, %bias : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = ds.relu %1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = ds.gate %2 by %g {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = ds.matmul %3, %down {transpose_b} : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}

// -----

// What feeds the gate is needed elsewhere: the open features are gathered.
// REMARK: gathered from what computes them
// CHECK-LABEL: func.func @main
// CHECK: %[[X:.*]] = ds.gather %arg0, %{{.*}} {axis = 1 : i64} : (tensor<?x4xf32>, tensor<3xi64>) -> tensor<?x3xf32>
// CHECK: ds.matmul %[[X]]
func.func @main(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x4xf32>) {
  %g = ds.constant dense<[1.0, 1.0, 2.0, -2.0]> : tensor<4xf32>
  %w = ds.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %0 = ds.gate %x by %g {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = ds.matmul %0, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return %1, %0 : tensor<?x2xf32>, tensor<?x4xf32>
}

// -----

// Nothing to do: gates by what is computed, by magnitude, one that closes everything; a gate that closes nothing goes.
// REMARK: what it closes depends on the input
// REMARK: what it closes depends on the input
// REMARK: it closes everything
// REMARK: a gate that closes nothing goes
// CHECK-LABEL: func.func @main
// CHECK-COUNT-3: ds.gate
// CHECK-NOT: ds.gate
func.func @main(%x: tensor<?x4xf32>, %by: tensor<4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = ds.constant dense<0.5> : tensor<4x2xf32>
  %shut = ds.constant dense<-1.0> : tensor<4xf32>
  %open = ds.constant dense<1.0> : tensor<4xf32>
  %0 = ds.gate %x by %by {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = ds.gate %x {threshold = 0.5 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = ds.gate %x by %shut {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = ds.gate %x by %open {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %a = ds.matmul %0, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  %b = ds.matmul %1, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  %c = ds.matmul %2, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  %d = ds.matmul %3, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return %a, %b, %c, %d : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}
