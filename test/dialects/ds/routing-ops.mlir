// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @route
func.func @route(%0: tensor<?x8xf32>, %m: tensor<?x8xf32>, %b: tensor<8xf32>) {
  // CHECK: ds.route %{{.*}} {k = 2 : i64, normalize, score = #ds.score_kind<softmax>} : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<9xi64>)
  %w, %e, %p, %o = ds.route %0 {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
     : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<9xi64>)
  // CHECK: ds.route %{{.*}} mixing %{{.*}} bias %{{.*}} {epsilon = 9.9{{.*}}E-21 : f64, group_best = 2 : i64, groups = 4 : i64, k = 3 : i64, normalize, scale = 2.500000e+00 : f64, top_groups = 2 : i64} :
  %w2, %e2, %p2, %o2 = ds.route %0 mixing %m bias %b
     {k = 3 : i64, groups = 4 : i64, top_groups = 2 : i64, group_best = 2 : i64, normalize, epsilon = 1.0e-20 : f64, scale = 2.5 : f64}
     : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x3xf32>, tensor<?x3xi64>, tensor<?xi64>, tensor<9xi64>)
  return
}

// CHECK-LABEL: func @route_by_load
func.func @route_by_load(%0: tensor<?x8xf32>, %l: tensor<8xf32>) {
  // CHECK: ds.route %{{.*}} load %{{.*}} {balance = #ds.balance_kind<select_by_load>, k = 1 : i64, rate = 1.250000e-01 : f64, score = #ds.score_kind<sigmoid>} :
  // CHECK-SAME: -> (tensor<?x1xf32>, tensor<?x1xi64>, tensor<?xi64>, tensor<9xi64>, tensor<8xf32>)
  %w, %e, %p, %o, %n = ds.route %0 load %l {k = 1 : i64, score = #ds.score_kind<sigmoid>, balance = #ds.balance_kind<select_by_load>, rate = 0.125 : f64}
     : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x1xf32>, tensor<?x1xi64>, tensor<?xi64>, tensor<9xi64>, tensor<8xf32>)
  return
}

// CHECK-LABEL: func @experts
func.func @experts(%x: tensor<?x16xf32>, %w: tensor<?x2xf32>, %p: tensor<?xi64>, %o: tensor<5xi64>, %u: tensor<4x16x24xf32>, %d: tensor<4x24x16xf32>) {
  // CHECK: ds.experts %{{.*}} weights %{{.*}} permutation %{{.*}} offsets %{{.*}} gate %{{.*}} up %{{.*}} down %{{.*}} {activation = #ds.activation<silu>} :
  %0 = ds.experts %x weights %w permutation %p offsets %o gate %u up %u down %d {activation = #ds.activation<silu>}
     : (tensor<?x16xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x16x24xf32>, tensor<4x16x24xf32>, tensor<4x24x16xf32>) -> tensor<?x16xf32>
  // CHECK: ds.experts %{{.*}} weights %{{.*}} permutation %{{.*}} offsets %{{.*}} up %{{.*}} down %{{.*}} {activation = #ds.activation<gelu_tanh>} :
  %1 = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<gelu_tanh>}
     : (tensor<?x16xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x16x24xf32>, tensor<4x24x16xf32>) -> tensor<?x16xf32>
  return
}

// CHECK-LABEL: func @gate
func.func @gate(%0: tensor<?x64xf32>, %g: tensor<64xf32>) {
  // CHECK: ds.gate %{{.*}} {threshold = 2.500000e-01 : f64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = ds.gate %0 {threshold = 0.25 : f64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: ds.gate %{{.*}} by %{{.*}} {threshold = 5.000000e-01 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %2 = ds.gate %0 by %g {threshold = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}
