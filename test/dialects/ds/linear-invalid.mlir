// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @matmul_rank(%0: tensor<8xf32>, %1: tensor<8x4xf32>) {
  // expected-error @+1 {{'ds.matmul' op C1: ranks 1 and 2, both must be at least 2}}
  %2 = ds.matmul %0, %1 : (tensor<8xf32>, tensor<8x4xf32>) -> tensor<4xf32>
  return
}

// -----
func.func @matmul_inner(%0: tensor<2x8xf32>, %1: tensor<4x8xf32>) {
  // expected-error @+1 {{'ds.matmul' op C2: inner sizes: 8 and 4 differ}}
  %2 = ds.matmul %0, %1 : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x8xf32>
  return
}

// -----
func.func @matmul_batch(%0: tensor<3x2x8xf32>, %1: tensor<4x8x5xf32>) {
  // expected-error @+1 {{'ds.matmul' op C3: sizes 3 and 4 of axis 0 do not broadcast}}
  %2 = ds.matmul %0, %1 : (tensor<3x2x8xf32>, tensor<4x8x5xf32>) -> tensor<3x2x5xf32>
  return
}

// -----
func.func @conv_rank(%0: tensor<1x3xf32>, %1: tensor<4x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C1: ranks 2 and 2 of input and filter}}
  %2 = ds.conv %0, %1 {strides = array<i64>, pads = array<i64>, dilations = array<i64>, groups = 1 : i64}
     : (tensor<1x3xf32>, tensor<4x3xf32>) -> tensor<1x4xf32>
  return
}

// -----
func.func @conv_pads(%0: tensor<1x3x8xf32>, %1: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C2: strides, dilations or pads do not fit 1 spatial axes}}
  %2 = ds.conv %0, %1 {strides = array<i64: 1>, pads = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64}
     : (tensor<1x3x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----
func.func @conv_stride(%0: tensor<1x3x8xf32>, %1: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C2: strides, dilations or pads do not fit 1 spatial axes}}
  %2 = ds.conv %0, %1 {strides = array<i64: 0>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 1 : i64}
     : (tensor<1x3x8xf32>, tensor<4x3x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----
func.func @conv_channels(%0: tensor<1x3x8xf32>, %1: tensor<4x2x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C3: input channels and groups * filter channels: 3 and 2 differ}}
  %2 = ds.conv %0, %1 {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 1 : i64}
     : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----
func.func @conv_groups(%0: tensor<1x6x8xf32>, %1: tensor<4x2x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C3: 4 filters in 3 groups}}
  %2 = ds.conv %0, %1 {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 3 : i64}
     : (tensor<1x6x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----
func.func @conv_no_groups(%0: tensor<1x6x8xf32>, %1: tensor<4x2x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C3: groups is 0, it must be positive}}
  %2 = ds.conv %0, %1 {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 0 : i64}
     : (tensor<1x6x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----
func.func @conv_kernel(%0: tensor<1x3x2xf32>, %1: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'ds.conv' op C4: the kernel (dilated size 5) does not fit into size 2 padded by 2}}
  %2 = ds.conv %0, %1 {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 2>, groups = 1 : i64}
     : (tensor<1x3x2xf32>, tensor<4x3x3xf32>) -> tensor<1x4x1xf32>
  return
}

// -----
func.func @conv_transpose_rank(%0: tensor<1x3x2xf32>, %1: tensor<3x4xf32>) {
  // expected-error @+1 {{'ds.conv_transpose' op C1: ranks 3 and 2 of input and filter}}
  %2 = ds.conv_transpose %0, %1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,
       output_padding = array<i64: 0>, groups = 1 : i64} : (tensor<1x3x2xf32>, tensor<3x4xf32>) -> tensor<1x4x4xf32>
  return
}

// -----
func.func @conv_transpose_padding(%0: tensor<1x3x2xf32>, %1: tensor<3x4x3xf32>) {
  // expected-error @+1 {{'ds.conv_transpose' op C2: one output padding per spatial axis}}
  %2 = ds.conv_transpose %0, %1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,
       output_padding = array<i64>, groups = 1 : i64} : (tensor<1x3x2xf32>, tensor<3x4x3xf32>) -> tensor<1x4x4xf32>
  return
}

// -----
func.func @conv_transpose_channels(%0: tensor<1x3x2xf32>, %1: tensor<2x4x3xf32>) {
  // expected-error @+1 {{'ds.conv_transpose' op C3: channels of input and filter: 3 and 2 differ}}
  %2 = ds.conv_transpose %0, %1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>,
       output_padding = array<i64: 0>, groups = 1 : i64} : (tensor<1x3x2xf32>, tensor<2x4x3xf32>) -> tensor<1x4x4xf32>
  return
}

// -----
func.func @pool_rank(%0: tensor<1x3xf32>) {
  // expected-error @+1 {{'ds.pool' op C1: rank 2 is below 3}}
  %1 = ds.pool %0 {kind = #ds.pool_kind<max>, kernel = array<i64>, strides = array<i64>, pads = array<i64>,
       dilations = array<i64>} : (tensor<1x3xf32>) -> tensor<1x3xf32>
  return
}

// -----
func.func @pool_counts(%0: tensor<1x3x4xf32>) {
  // expected-error @+1 {{'ds.pool' op C2: strides, dilations or pads do not fit 1 spatial axes}}
  %1 = ds.pool %0 {kind = #ds.pool_kind<max>, kernel = array<i64: 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0>,
       dilations = array<i64: 1>} : (tensor<1x3x4xf32>) -> tensor<1x3x3xf32>
  return
}

// -----
func.func @pool_kernel(%0: tensor<1x3x4xf32>) {
  // expected-error @+1 {{'ds.pool' op C2: the kernel does not fit 1 spatial axes}}
  %1 = ds.pool %0 {kind = #ds.pool_kind<max>, kernel = array<i64: 0>, strides = array<i64: 1>, pads = array<i64: 0, 0>,
       dilations = array<i64: 1>} : (tensor<1x3x4xf32>) -> tensor<1x3x3xf32>
  return
}
