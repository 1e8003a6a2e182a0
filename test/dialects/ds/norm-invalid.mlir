// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @softmax_axis(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.softmax' op C1: axis 2 of rank 2}}
  %1 = ds.softmax %0 axis 2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----
func.func @norm_axis(%0: tensor<2x3xf32>) {
  // expected-error @+1 {{'ds.norm' op C1: axis -1 of rank 2}}
  %1 = ds.norm layer %0 axis -1 epsilon 1.0e-5 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----
func.func @norm_scale(%0: tensor<2x3xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{'ds.norm' op C2: sizes to broadcast: 2 and 3 differ}}
  %1 = ds.norm layer %0 axis 1 epsilon 1.0e-5 scale %s : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----
func.func @norm_scale_rank(%0: tensor<3xf32>, %s: tensor<1x3xf32>) {
  // expected-error @+1 {{'ds.norm' op C2: an operand of rank 2 does not broadcast to rank 1}}
  %1 = ds.norm layer %0 axis 0 epsilon 1.0e-5 scale %s : (tensor<3xf32>, tensor<1x3xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @attention_rank(%q: tensor<8x4x64xf32>, %k: tensor<1x8x4x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C1: rank 3, it must be 4}}
  %1 = ds.attention %q, %k, %k {scale = 0.125 : f64}
     : (tensor<8x4x64xf32>, tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_heads(%q: tensor<1x8x4x64xf32>, %k: tensor<1x3x4x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C2: 8 heads over 3 key heads}}
  %1 = ds.attention %q, %k, %k {scale = 0.125 : f64}
     : (tensor<1x8x4x64xf32>, tensor<1x3x4x64xf32>, tensor<1x3x4x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_features(%q: tensor<1x8x4x64xf32>, %k: tensor<1x8x4x32xf32>) {
  // expected-error @+1 {{'ds.attention' op C3: features of q and k: 64 and 32 differ}}
  %1 = ds.attention %q, %k, %k {scale = 0.125 : f64}
     : (tensor<1x8x4x64xf32>, tensor<1x8x4x32xf32>, tensor<1x8x4x32xf32>) -> tensor<1x8x4x32xf32>
  return
}

// -----
func.func @attention_lengths(%q: tensor<1x8x4x64xf32>, %k: tensor<1x8x4x64xf32>, %v: tensor<1x8x5x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C3: length of k and v: 4 and 5 differ}}
  %1 = ds.attention %q, %k, %v {scale = 0.125 : f64}
     : (tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>, tensor<1x8x5x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_mask(%q: tensor<1x8x4x64xf32>, %k: tensor<1x8x6x64xf32>, %m: tensor<4x5xf32>) {
  // expected-error @+1 {{'ds.attention' op C4: sizes to broadcast: 5 and 6 differ}}
  %1 = ds.attention %q, %k, %k mask %m {scale = 0.125 : f64}
     : (tensor<1x8x4x64xf32>, tensor<1x8x6x64xf32>, tensor<1x8x6x64xf32>, tensor<4x5xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_layout(%q: tensor<1x8x4x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C5: a layout is not a permutation of 4 axes}}
  %1 = ds.attention %q, %q, %q {scale = 0.125 : f64, out_layout = array<i64: 0, 1, 1, 3>}
     : (tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_excluded(%q: tensor<1x8x4x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C6: excluded keys have a score above -1e30}}
  %1 = ds.attention %q, %q, %q {scale = 0.125 : f64, causal, excluded = -1.0e4 : f64}
     : (tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @attention_bounds(%q: tensor<1x8x4x64xf32>) {
  // expected-error @+1 {{'ds.attention' op C7: both causal and window_right}}
  %1 = ds.attention %q, %q, %q {scale = 0.125 : f64, causal, window_right = 1 : i64}
     : (tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>, tensor<1x8x4x64xf32>) -> tensor<1x8x4x64xf32>
  return
}

// -----
func.func @rope_odd(%x: tensor<4x63xf32>, %c: tensor<4x31xf32>) {
  // expected-error @+1 {{'ds.rope' op C1: the last size is not static and even}}
  %1 = ds.rope %x, %c, %c : (tensor<4x63xf32>, tensor<4x31xf32>, tensor<4x31xf32>) -> tensor<4x63xf32>
  return
}

// -----
func.func @rope_cos(%x: tensor<4x64xf32>, %c: tensor<4x64xf32>) {
  // expected-error @+1 {{'ds.rope' op C2: sizes to broadcast: 64 and 32 differ}}
  %1 = ds.rope %x, %c, %c : (tensor<4x64xf32>, tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  return
}
