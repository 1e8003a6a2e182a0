// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @reshape_elements(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.reshape' op C1: the numbers of elements before and after: 6 and 8 differ}}
  %1 = ds.reshape %0 to [8] : (tensor<2x3xf32>) -> tensor<8xf32>
  return
}

// -----
func.func @reshape_overflow(%0: tensor<1xf32>) {
  // expected-error @+1 {{'ds.reshape' op C1: the number of elements overflows 64 bits}}
  %1 = ds.reshape %0 to [4611686018427387904, 4] : (tensor<1xf32>) -> tensor<4611686018427387904x4xf32>
  return
}

// -----
func.func @broadcast_rank(%0: tensor<1x1xf32>) {
  // expected-error @+1 {{'ds.broadcast' op C1: the target has fewer axes than the operand}}
  %1 = ds.broadcast %0 to [4] : (tensor<1x1xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @broadcast_size(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.broadcast' op C1: operand and target size: 2 and 4 differ}}
  %1 = ds.broadcast %0 to [4] : (tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @transpose(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.transpose' op C1: not a permutation of the operand's 2 axes}}
  %1 = ds.transpose %0 [0, 0] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----
func.func @slice_count(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.slice' op C1: one offset, size and stride for each of the operand's 2 axes}}
  %1 = ds.slice %0 offsets [0] sizes [2] strides [1] : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @slice_stride(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.slice' op C1: a stride is zero}}
  %1 = ds.slice %0 offsets [0] sizes [2] strides [0] : (tensor<4xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @slice_past_the_end(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.slice' op C2: axis 0 reads outside of the operand}}
  %1 = ds.slice %0 offsets [1] sizes [2] strides [3] : (tensor<4xf32>) -> tensor<2xf32>
  return
}

// -----
func.func @slice_before_the_first(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.slice' op C2: axis 0 reads outside of the operand}}
  %1 = ds.slice %0 offsets [1] sizes [3] strides [-1] : (tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @slice_overflow(%0: tensor<?xf32>) {
  // expected-error @+1 {{'ds.slice' op C2: axis 0 reads outside of the operand}}
  %1 = ds.slice %0 offsets [1] sizes [4611686018427387904] strides [4] : (tensor<?xf32>) -> tensor<4611686018427387904xf32>
  return
}

// -----
func.func @concat_rank(%0: tensor<2xf32>, %1: tensor<2x1xf32>) {
  // expected-error @+1 {{'ds.concat' op C1: operands have different ranks}}
  %2 = ds.concat %0, %1 axis 0 : (tensor<2xf32>, tensor<2x1xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @concat_sizes(%0: tensor<2x3xf32>, %1: tensor<2x4xf32>) {
  // expected-error @+1 {{'ds.concat' op C1: sizes of axis 1: 3 and 4 differ}}
  %2 = ds.concat %0, %1 axis 0 : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----
func.func @concat_nothing() {
  // expected-error @+1 {{'ds.concat' op expected 1 or more operands, but found 0}}
  %0 = "ds.concat"() {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----
func.func @concat_axis(%0: tensor<2xf32>) {
  // expected-error @+1 {{'ds.concat' op C2: axis 1 of rank 1}}
  %1 = ds.concat %0, %0 axis 1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @pad_count(%0: tensor<2x2xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{'ds.pad' op C1: one low and one high pad for each of the operand's 2 axes}}
  %1 = ds.pad %0, %v constant low [0] high [0] : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xf32>
  return
}

// -----
func.func @pad_value(%0: tensor<2xf32>, %v: tensor<2xf32>) {
  // expected-error @+1 {{'ds.pad' op C2: the padding value has not one element}}
  %1 = ds.pad %0, %v constant low [1] high [0] : (tensor<2xf32>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @pad_away(%0: tensor<2xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{'ds.pad' op would have a result of negative size -1}}
  %1 = ds.pad %0, %v constant low [-3] high [0] : (tensor<2xf32>, tensor<f32>) -> tensor<?xf32>
  return
}

// -----
func.func @iota() {
  // expected-error @+1 {{'ds.iota' op C1: one size}}
  %0 = ds.iota [2, 2] : tensor<2x2xi64>
  return
}

// -----
func.func @reshape_type(%0: tensor<4xf32>) {
  // expected-error @+1 {{'ds.reshape' op failed to verify that all of {input, result} have same element type}}
  %1 = ds.reshape %0 to [2, 2] : (tensor<4xf32>) -> tensor<2x2xi32>
  return
}

// -----
func.func @concat_type(%0: tensor<4xf32>, %1: tensor<4xi32>) {
  // expected-error @+1 {{'ds.concat' op requires the same element type for all operands and results}}
  %2 = ds.concat %0, %1 axis 0 : (tensor<4xf32>, tensor<4xi32>) -> tensor<8xf32>
  return
}
