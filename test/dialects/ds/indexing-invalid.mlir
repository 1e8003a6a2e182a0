// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @gather_axis(%0: tensor<9x4xf32>, %1: tensor<2xi64>) {
  // expected-error @+1 {{'ds.gather' op C1: axis 2 of rank 2}}
  %2 = ds.gather %0, %1 {axis = 2 : i64} : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  return
}

// -----
func.func @gather_axis_negative(%0: tensor<9x4xf32>, %1: tensor<2xi64>) {
  // expected-error @+1 {{'ds.gather' op C1: axis -1 of rank 2}}
  %2 = ds.gather %0, %1 {axis = -1 : i64} : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<9x2xf32>
  return
}

// -----
func.func @gather_elements_axis(%0: tensor<9xf32>, %1: tensor<2xi64>) {
  // expected-error @+1 {{'ds.gather_elements' op C1: axis 1 of rank 1}}
  %2 = ds.gather_elements %0, %1 {axis = 1 : i64} : (tensor<9xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----
func.func @gather_elements_ranks(%0: tensor<9x4xf32>, %1: tensor<2xi64>) {
  // expected-error @+1 {{'ds.gather_elements' op C2: ranks 2 and 1 differ}}
  %2 = ds.gather_elements %0, %1 {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----
func.func @gather_nd_dynamic(%0: tensor<2x3xf32>, %1: tensor<2x?xi64>) {
  // expected-error @+1 {{'ds.gather_nd' op C1: the index tuples have no static length of at most 2}}
  %2 = ds.gather_nd %0, %1 {batch_dims = 0 : i64} : (tensor<2x3xf32>, tensor<2x?xi64>) -> tensor<2xf32>
  return
}

// -----
func.func @gather_nd_too_long(%0: tensor<2x3xf32>, %1: tensor<2x2xi64>) {
  // expected-error @+1 {{'ds.gather_nd' op C1: the index tuples have no static length of at most 1}}
  %2 = ds.gather_nd %0, %1 {batch_dims = 1 : i64} : (tensor<2x3xf32>, tensor<2x2xi64>) -> tensor<2xf32>
  return
}

// -----
func.func @gather_nd_batch(%0: tensor<2x3xf32>, %1: tensor<2x1xi64>) {
  // expected-error @+1 {{'ds.gather_nd' op C2: batch_dims 2 with ranks 2 and 2}}
  %2 = ds.gather_nd %0, %1 {batch_dims = 2 : i64} : (tensor<2x3xf32>, tensor<2x1xi64>) -> tensor<2x3xf32>
  return
}

// -----
func.func @scatter_elements_axis(%0: tensor<3xf32>, %1: tensor<2xi64>, %2: tensor<2xf32>) {
  // expected-error @+1 {{'ds.scatter_elements' op C1: axis 3 of rank 1}}
  %3 = ds.scatter_elements %0, %1, %2 {axis = 3 : i64, kind = #ds.scatter_kind<add>}
     : (tensor<3xf32>, tensor<2xi64>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @scatter_elements_ranks(%0: tensor<3xf32>, %1: tensor<2x1xi64>, %2: tensor<2xf32>) {
  // expected-error @+1 {{'ds.scatter_elements' op C2: ranks differ}}
  %3 = ds.scatter_elements %0, %1, %2 {axis = 0 : i64, kind = #ds.scatter_kind<add>}
     : (tensor<3xf32>, tensor<2x1xi64>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @scatter_elements_updates(%0: tensor<3xf32>, %1: tensor<2xi64>, %2: tensor<1xf32>) {
  // expected-error @+1 {{'ds.scatter_elements' op C2: sizes of indices and updates: 2 and 1 differ}}
  %3 = ds.scatter_elements %0, %1, %2 {axis = 0 : i64, kind = #ds.scatter_kind<add>}
     : (tensor<3xf32>, tensor<2xi64>, tensor<1xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @scatter_nd_scalar(%0: tensor<3xf32>, %1: tensor<i64>, %2: tensor<f32>) {
  // expected-error @+1 {{'ds.scatter_nd' op C1: indices have no axis}}
  %3 = ds.scatter_nd %0, %1, %2 {kind = #ds.scatter_kind<set>} : (tensor<3xf32>, tensor<i64>, tensor<f32>) -> tensor<3xf32>
  return
}

// -----
func.func @scatter_nd_too_long(%0: tensor<3xf32>, %1: tensor<1x2xi64>, %2: tensor<1xf32>) {
  // expected-error @+1 {{'ds.scatter_nd' op C1: the index tuples have no static length of at most 1}}
  %3 = ds.scatter_nd %0, %1, %2 {kind = #ds.scatter_kind<set>} : (tensor<3xf32>, tensor<1x2xi64>, tensor<1xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @gather_type(%0: tensor<9x4xf32>, %1: tensor<2xi64>) {
  // expected-error @+1 {{'ds.gather' op failed to verify that all of {input, result} have same element type}}
  %2 = ds.gather %0, %1 {axis = 0 : i64} : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<2x4xi64>
  return
}
