// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @reduce
func.func @reduce(%0: tensor<2x?xf32>) {
  // CHECK: ds.reduce sum %{{.*}} [1] {keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
  %1 = ds.reduce sum %0 [1] {keepdims} : (tensor<2x?xf32>) -> tensor<2x1xf32>
  // CHECK: ds.reduce prod %{{.*}} [0, 1] : (tensor<2x?xf32>) -> tensor<f32>
  %2 = ds.reduce prod %0 [0, 1] : (tensor<2x?xf32>) -> tensor<f32>
  // CHECK: ds.reduce max %{{.*}} [0] : (tensor<2x?xf32>) -> tensor<?xf32>
  %3 = ds.reduce max %0 [0] : (tensor<2x?xf32>) -> tensor<?xf32>
  // CHECK: ds.reduce min %{{.*}} [] : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %4 = ds.reduce min %0 [] : (tensor<2x?xf32>) -> tensor<2x?xf32>
  return
}

// CHECK-LABEL: func @arg_reduce
func.func @arg_reduce(%0: tensor<2x?xf32>) -> tensor<2xi64> {
  // CHECK: ds.arg_reduce max %{{.*}} axis 1 {last} : (tensor<2x?xf32>) -> tensor<2xi64>
  %1 = ds.arg_reduce max %0 axis 1 {last} : (tensor<2x?xf32>) -> tensor<2xi64>
  return %1 : tensor<2xi64>
}

// CHECK-LABEL: func @scan
func.func @scan(%0: tensor<2x?xf32>) -> tensor<2x?xf32> {
  // CHECK: ds.scan sum %{{.*}} axis 1 {exclusive, reverse} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %1 = ds.scan sum %0 axis 1 {exclusive, reverse} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  return %1 : tensor<2x?xf32>
}

// CHECK-LABEL: func @top_k
func.func @top_k(%0: tensor<4x8xf32>, %k: index) {
  // CHECK: ds.top_k %{{.*}}[2] axis 1 {largest} : (tensor<4x8xf32>) -> (tensor<4x2xf32>, tensor<4x2xi64>)
  %v, %i = ds.top_k %0 [2] axis 1 {largest} : (tensor<4x8xf32>) -> (tensor<4x2xf32>, tensor<4x2xi64>)
  // CHECK: ds.top_k %{{.*}}[%{{.*}}] axis 0 : (tensor<4x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xi64>)
  %w, %j = ds.top_k %0 [%k] axis 0 : (tensor<4x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xi64>)
  return
}
