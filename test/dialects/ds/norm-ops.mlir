// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @softmax
func.func @softmax(%0: tensor<2x?xf32>) {
  // CHECK: ds.softmax %{{.*}} axis 1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %1 = ds.softmax %0 axis 1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: ds.softmax %{{.*}} axis 0 {log} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %2 = ds.softmax %0 axis 0 {log} : (tensor<2x?xf32>) -> tensor<2x?xf32>
  return
}

// CHECK-LABEL: func @norm
func.func @norm(%0: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) {
  // CHECK: ds.norm layer %{{.*}} axis 1 epsilon 1.000000e-05 scale %{{.*}} bias %{{.*}} :
  %1 = ds.norm layer %0 axis 1 epsilon 1.0e-5 scale %s bias %b : (tensor<2x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  // CHECK: ds.norm rms %{{.*}} axis 1 epsilon 9.9{{.*}}E-7 scale %{{[^ ]*}} :
  %2 = ds.norm rms %0 axis 1 epsilon 1.0e-6 scale %s : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  // CHECK: ds.norm layer %{{.*}} axis 0 epsilon 0.000000e+00 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = ds.norm layer %0 axis 0 epsilon 0.0 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return
}

// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<1x8x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>, %m: tensor<1x1x?x?xf32>) {
  // CHECK: ds.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} {scale = 1.250000e-01 : f64}
  %1 = ds.attention %q, %k, %v mask %m {scale = 0.125 : f64}
     : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x1x?x?xf32>) -> tensor<1x8x?x64xf32>
  // CHECK: ds.attention %{{.*}}, %{{.*}}, %{{.*}} {causal, scale = 1.250000e-01 : f64}
  %2 = ds.attention %q, %k, %v {causal, scale = 0.125 : f64}
     : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x?x64xf32>
  // CHECK: ds.attention %{{.*}}, %{{.*}}, %{{.*}} {excluded = -1.000000e+30 : f64, scale = 1.250000e-01 : f64, window_left = 511 : i64, window_right = -1 : i64}
  %3 = ds.attention %q, %k, %v {excluded = -1.0e30 : f64, scale = 0.125 : f64, window_left = 511 : i64, window_right = -1 : i64}
     : (tensor<1x8x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x?x64xf32>
  return
}

// The operands and the result are stored [B, S, H, D].
// CHECK-LABEL: func @attention_layouts
func.func @attention_layouts(%q: tensor<1x5x8x64xf32>, %k: tensor<1x7x2x64xf32>, %v: tensor<1x7x2x32xf32>) -> tensor<1x5x8x32xf32> {
  // CHECK: k_layout = array<i64: 0, 2, 1, 3>, out_layout = array<i64: 0, 2, 1, 3>, q_layout = array<i64: 0, 2, 1, 3>
  %1 = ds.attention %q, %k, %v {scale = 0.125 : f64, q_layout = array<i64: 0, 2, 1, 3>, k_layout = array<i64: 0, 2, 1, 3>,
       v_layout = array<i64: 0, 2, 1, 3>, out_layout = array<i64: 0, 2, 1, 3>}
     : (tensor<1x5x8x64xf32>, tensor<1x7x2x64xf32>, tensor<1x7x2x32xf32>) -> tensor<1x5x8x32xf32>
  return %1 : tensor<1x5x8x32xf32>
}

// CHECK-LABEL: func @rope
func.func @rope(%x: tensor<1x8x?x64xf32>, %cos: tensor<1x1x?x32xf32>, %sin: tensor<1x1x?x32xf32>) {
  // CHECK: ds.rope %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x8x?x64xf32>, tensor<1x1x?x32xf32>, tensor<1x1x?x32xf32>) -> tensor<1x8x?x64xf32>
  %1 = ds.rope %x, %cos, %sin : (tensor<1x8x?x64xf32>, tensor<1x1x?x32xf32>, tensor<1x1x?x32xf32>) -> tensor<1x8x?x64xf32>
  // CHECK: ds.rope {{.*}} {interleaved}
  %2 = ds.rope %x, %cos, %sin {interleaved} : (tensor<1x8x?x64xf32>, tensor<1x1x?x32xf32>, tensor<1x1x?x32xf32>) -> tensor<1x8x?x64xf32>
  return
}
