// RUN: ds-opt %s -split-input-file -verify-diagnostics
func.func @reshapeSizes(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{C1: 0 sizes for 1 dynamic ones}}
  %0 = "dsk.reshape"(%x) : (tensor<?x8xf32>) -> tensor<?x2x4xf32>
  return
}
// -----
func.func @reshapeElements(%x: tensor<8xf32>) {
  // expected-error @+1 {{C2: the numbers of elements differ}}
  %0 = dsk.reshape %x : tensor<8xf32> -> tensor<9xf32>
  return
}
// -----
func.func @matmulInner(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @+1 {{C3: inner sizes 3 and 4}}
  %0 = dsk.matmul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}
// -----
func.func @matmulPanels(%a: tensor<2x3xf32>, %b: tensor<1x3x16xf32>) {
  // expected-error @+1 {{C2: the panels do not hold 20 columns}}
  %0 = dsk.matmul %a, %b {packed_n = 20 : i64} : (tensor<2x3xf32>, tensor<1x3x16xf32>) -> tensor<2x20xf32>
  return
}
// -----
func.func @poolRank(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{C1: input and result must have rank 4}}
  %0 = dsk.pool %x {kind = #dsk<pool_kind max>, kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}
// -----
func.func @scatterIndices(%x: tensor<4xf32>, %i: tensor<?x?xi64>, %u: tensor<?xf32>) {
  // expected-error @+1 {{C1: indices are not [U, depth] with a static depth}}
  %0 = dsk.scatter set %x, %i, %u : (tensor<4xf32>, tensor<?x?xi64>, tensor<?xf32>) -> tensor<4xf32>
  return
}
// -----
func.func @matmulSkipsInPanels(%a: tensor<2x3xf32>, %b: tensor<1x3x16xf32>) {
  // expected-error @+1 {{C4: to skip zeros of A}}
  %0 = dsk.matmul %a, %b {packed_n = 16 : i64, skip_zeros} : (tensor<2x3xf32>, tensor<1x3x16xf32>) -> tensor<2x16xf32>
  return
}
