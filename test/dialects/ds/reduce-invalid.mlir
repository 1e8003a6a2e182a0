// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @reduce_order(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.reduce' op C1: axes are not sorted, different and below rank 2}}
  %1 = ds.reduce sum %0 [1, 0] : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----
func.func @reduce_axis(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.reduce' op C1: axes are not sorted, different and below rank 2}}
  %1 = ds.reduce sum %0 [2] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----
func.func @reduce_keepdims(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.reduce' op result type 'tensor<2xf32>' does not fit the inferred 'tensor<2x1xf32>'}}
  %1 = ds.reduce sum %0 [1] {keepdims} : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @arg_reduce_axis(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.arg_reduce' op C1: axis 1 of rank 1}}
  %1 = ds.arg_reduce max %0 axis 1 : (tensor<2xf32>) -> tensor<i64>
  return
}

// -----
func.func @arg_reduce_kind(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.arg_reduce' op C1: the kind is neither max nor min}}
  %1 = ds.arg_reduce sum %0 axis 0 : (tensor<2xf32>) -> tensor<i64>
  return
}

// -----
func.func @scan_axis(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.scan' op C1: axis -1 of rank 1}}
  %1 = ds.scan sum %0 axis -1 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @scan_kind(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.scan' op C1: the kind is neither sum nor prod}}
  %1 = ds.scan max %0 axis 0 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @top_k_axis(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.top_k' op C1: axis 1 of rank 1}}
  %v, %i = ds.top_k %0 [2] axis 1 {largest} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)
  return
}

// -----
func.func @top_k_sizes(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.top_k' op C2: one size k}}
  %v, %i = ds.top_k %0 [2, 2] axis 0 {largest} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)
  return
}

// -----
func.func @top_k_too_many(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.top_k' op C2: k = 5 exceeds the axis of size 4}}
  %v, %i = ds.top_k %0 [5] axis 0 {largest} : (tensor<4xf32>) -> (tensor<5xf32>, tensor<5xi64>)
  return
}
