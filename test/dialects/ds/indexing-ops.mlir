// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @gather
func.func @gather(%table: tensor<9x4xf32>, %ids: tensor<?xi64>) -> tensor<?x4xf32> {
  // CHECK: ds.gather %{{.*}}, %{{.*}} {axis = 0 : i64} : (tensor<9x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  %0 = ds.gather %table, %ids {axis = 0 : i64} : (tensor<9x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// A scalar index removes the axis.
// CHECK-LABEL: func @gather_one
func.func @gather_one(%table: tensor<9x4xf32>, %id: tensor<i32>) -> tensor<9xf32> {
  // CHECK: ds.gather {{.*}} {axis = 1 : i64} : (tensor<9x4xf32>, tensor<i32>) -> tensor<9xf32>
  %0 = ds.gather %table, %id {axis = 1 : i64} : (tensor<9x4xf32>, tensor<i32>) -> tensor<9xf32>
  return %0 : tensor<9xf32>
}

// CHECK-LABEL: func @gather_elements
func.func @gather_elements(%0: tensor<3x4xf32>, %1: tensor<2x?xi64>) -> tensor<2x?xf32> {
  // CHECK: ds.gather_elements {{.*}} {axis = 1 : i64} : (tensor<3x4xf32>, tensor<2x?xi64>) -> tensor<2x?xf32>
  %2 = ds.gather_elements %0, %1 {axis = 1 : i64} : (tensor<3x4xf32>, tensor<2x?xi64>) -> tensor<2x?xf32>
  return %2 : tensor<2x?xf32>
}

// CHECK-LABEL: func @gather_nd
func.func @gather_nd(%0: tensor<2x3x4xf32>, %1: tensor<2x?x1xi64>) -> tensor<2x?x4xf32> {
  // CHECK: ds.gather_nd {{.*}} {batch_dims = 1 : i64}
  %2 = ds.gather_nd %0, %1 {batch_dims = 1 : i64} : (tensor<2x3x4xf32>, tensor<2x?x1xi64>) -> tensor<2x?x4xf32>
  return %2 : tensor<2x?x4xf32>
}

// CHECK-LABEL: func @scatter_elements
func.func @scatter_elements(%0: tensor<3x4xf32>, %1: tensor<2x4xi64>, %2: tensor<2x4xf32>) -> tensor<3x4xf32> {
  // CHECK: ds.scatter_elements {{.*}} {axis = 0 : i64, kind = #ds.scatter_kind<add>}
  %3 = ds.scatter_elements %0, %1, %2 {axis = 0 : i64, kind = #ds.scatter_kind<add>}
     : (tensor<3x4xf32>, tensor<2x4xi64>, tensor<2x4xf32>) -> tensor<3x4xf32>
  return %3 : tensor<3x4xf32>
}

// CHECK-LABEL: func @scatter_nd
func.func @scatter_nd(%0: tensor<3x4xf32>, %1: tensor<5x1xi64>, %2: tensor<5x4xf32>) -> tensor<3x4xf32> {
  // CHECK: ds.scatter_nd {{.*}} {kind = #ds.scatter_kind<set>}
  %3 = ds.scatter_nd %0, %1, %2 {kind = #ds.scatter_kind<set>}
     : (tensor<3x4xf32>, tensor<5x1xi64>, tensor<5x4xf32>) -> tensor<3x4xf32>
  return %3 : tensor<3x4xf32>
}

// CHECK-LABEL: func @non_zero
func.func @non_zero(%0: tensor<3x4xi1>) -> tensor<2x?xi64> {
  // CHECK: ds.non_zero %{{.*}} : (tensor<3x4xi1>) -> tensor<2x?xi64>
  %1 = ds.non_zero %0 : (tensor<3x4xi1>) -> tensor<2x?xi64>
  return %1 : tensor<2x?xi64>
}
