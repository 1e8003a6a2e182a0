// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @resize_sizes(%0: tensor<4x4xf32>) {
  // expected-error @+1 {{'ds.resize' op C1: one size and one scale for each of the operand's 2 axes}}
  %1 = ds.resize nearest %0 to [8] scales [2.0, 1.0] {coordinates = #ds.coordinates<asymmetric>,
       nearest_mode = #ds.nearest_mode<floor>, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<4x4xf32>) -> tensor<8xf32>
  return
}

// -----
func.func @resize_scales(%0: tensor<4x4xf32>) {
  // expected-error @+1 {{'ds.resize' op C1: one size and one scale for each of the operand's 2 axes}}
  %1 = ds.resize nearest %0 to [8, 4] scales [2.0] {coordinates = #ds.coordinates<asymmetric>,
       nearest_mode = #ds.nearest_mode<floor>, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<4x4xf32>) -> tensor<8x4xf32>
  return
}
