// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @resize
func.func @resize(%0: tensor<1x8x8x8xf32>) -> tensor<1x8x16x16xf32> {
  // CHECK: ds.resize nearest %{{.*}} to [1, 8, 16, 16] scales [1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00]
  // CHECK-SAME: coordinates = #ds.coordinates<asymmetric>
  // CHECK-SAME: nearest_mode = #ds.nearest_mode<floor>
  %1 = ds.resize nearest %0 to [1, 8, 16, 16] scales [1.0, 1.0, 2.0, 2.0] {coordinates = #ds.coordinates<asymmetric>,
       nearest_mode = #ds.nearest_mode<floor>, cubic_a = -0.75 : f64, exclude_outside = false}
     : (tensor<1x8x8x8xf32>) -> tensor<1x8x16x16xf32>
  return %1 : tensor<1x8x16x16xf32>
}

// CHECK-LABEL: func @resize_dynamic
func.func @resize_dynamic(%0: tensor<?x4xf32>, %n: index) -> tensor<?x4xf32> {
  // CHECK: ds.resize linear %{{.*}} to [%{{.*}}, 4] scales [2.000000e+00, 1.000000e+00]
  %1 = ds.resize linear %0 to [%n, 4] scales [2.0, 1.0] {coordinates = #ds.coordinates<half_pixel>,
       nearest_mode = #ds.nearest_mode<floor>, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
