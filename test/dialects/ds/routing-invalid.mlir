// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @route_experts_unknown(%0: tensor<4x?xf32>) {
  // expected-error @+1 {{'ds.route' op C1: the number of experts is not static}}
  %w, %e, %p, %o = ds.route %0 {k = 2 : i64} : (tensor<4x?xf32>) -> (tensor<4x2xf32>, tensor<4x2xi64>, tensor<8xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_mixing(%0: tensor<4x8xf32>, %m: tensor<4x6xf32>) {
  // expected-error @+1 {{'ds.route' op C1: experts of scores and mixing: 6 and 8 differ}}
  %w, %e, %p, %o = ds.route %0 mixing %m {k = 2 : i64} : (tensor<4x8xf32>, tensor<4x6xf32>) -> (tensor<4x2xf32>, tensor<4x2xi64>, tensor<8xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_k(%0: tensor<4x8xf32>) {
  // expected-error @+1 {{'ds.route' op C2: k is 5 of 4 experts that may be chosen}}
  %w, %e, %p, %o = ds.route %0 {k = 5 : i64, groups = 4 : i64, top_groups = 2 : i64} : (tensor<4x8xf32>) -> (tensor<4x5xf32>, tensor<4x5xi64>, tensor<20xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_groups(%0: tensor<4x8xf32>) {
  // expected-error @+1 {{'ds.route' op C3: 8 experts in 3 groups, 1 of them chosen by their 1 best}}
  %w, %e, %p, %o = ds.route %0 {k = 1 : i64, groups = 3 : i64} : (tensor<4x8xf32>) -> (tensor<4x1xf32>, tensor<4x1xi64>, tensor<4xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_bias(%0: tensor<4x8xf32>, %b: tensor<7xf32>) {
  // expected-error @+1 {{'ds.route' op C4: experts of scores and of bias or load: 7 and 8 differ}}
  %w, %e, %p, %o = ds.route %0 bias %b {k = 1 : i64} : (tensor<4x8xf32>, tensor<7xf32>) -> (tensor<4x1xf32>, tensor<4x1xi64>, tensor<4xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_load(%0: tensor<4x8xf32>, %l: tensor<8xf32>) {
  // expected-error @+1 {{'ds.route' op C5: a load comes in and goes out exactly if balance is not none}}
  %w, %e, %p, %o = ds.route %0 load %l {k = 1 : i64} : (tensor<4x8xf32>, tensor<8xf32>) -> (tensor<4x1xf32>, tensor<4x1xi64>, tensor<4xi64>, tensor<9xi64>)
  return
}

// -----
func.func @route_rate(%0: tensor<4x8xf32>, %l: tensor<8xf32>) {
  // expected-error @+1 {{'ds.route' op C5: the rate is 1.500000e+00, it must be from 0 to 1}}
  %w, %e, %p, %o, %n = ds.route %0 load %l {k = 1 : i64, balance = #ds.balance_kind<bias>, rate = 1.5 : f64}
     : (tensor<4x8xf32>, tensor<8xf32>) -> (tensor<4x1xf32>, tensor<4x1xi64>, tensor<4xi64>, tensor<9xi64>, tensor<8xf32>)
  return
}

// -----
func.func @experts_rank(%x: tensor<1x3x16xf32>, %w: tensor<3x2xf32>, %p: tensor<6xi64>, %o: tensor<5xi64>, %u: tensor<4x16x24xf32>, %d: tensor<4x24x16xf32>) {
  // expected-error @+1 {{'ds.experts' op C1: input has rank 3, it must be 2}}
  %0 = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<silu>}
     : (tensor<1x3x16xf32>, tensor<3x2xf32>, tensor<6xi64>, tensor<5xi64>, tensor<4x16x24xf32>, tensor<4x24x16xf32>) -> tensor<3x16xf32>
  return
}

// -----
func.func @experts_width(%x: tensor<3x16xf32>, %w: tensor<3x2xf32>, %p: tensor<6xi64>, %o: tensor<5xi64>, %u: tensor<4x16x24xf32>, %d: tensor<4x16x16xf32>) {
  // expected-error @+1 {{'ds.experts' op C2: width of up and down: 24 and 16 differ}}
  %0 = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<silu>}
     : (tensor<3x16xf32>, tensor<3x2xf32>, tensor<6xi64>, tensor<5xi64>, tensor<4x16x24xf32>, tensor<4x16x16xf32>) -> tensor<3x16xf32>
  return
}

// -----
func.func @experts_offsets(%x: tensor<3x16xf32>, %w: tensor<3x2xf32>, %p: tensor<6xi64>, %o: tensor<4xi64>, %u: tensor<4x16x24xf32>, %d: tensor<4x24x16xf32>) {
  // expected-error @+1 {{'ds.experts' op C2: offsets, one more than experts: 4 and 5 differ}}
  %0 = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<silu>}
     : (tensor<3x16xf32>, tensor<3x2xf32>, tensor<6xi64>, tensor<4xi64>, tensor<4x16x24xf32>, tensor<4x24x16xf32>) -> tensor<3x16xf32>
  return
}

// -----
func.func @gate_by(%0: tensor<4x8xf32>, %g: tensor<7xf32>) {
  // expected-error @+1 {{'ds.gate' op C1: sizes to broadcast: 7 and 8 differ}}
  %1 = ds.gate %0 by %g {threshold = 0.5 : f64} : (tensor<4x8xf32>, tensor<7xf32>) -> tensor<4x8xf32>
  return
}

// -----
func.func @gate_threshold(%0: tensor<4x8xf32>) {
  // expected-error @+1 {{'ds.gate' op C2: the threshold is -1.000000e+00}}
  %1 = ds.gate %0 {threshold = -1.0 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
