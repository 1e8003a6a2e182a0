// RUN: ds-opt %s --ds-graph-raise-attention --split-input-file | FileCheck %s

// CHECK-LABEL: @masked
// CHECK: ds.attention %arg0, %arg1, %arg2 mask %arg3 {scale = 2.500000e-01 : f64}
// CHECK-NEXT: return
func.func @masked(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>, %mask: tensor<1x1x4x4xf32>)
    -> tensor<1x2x4x8xf32> {
  %c = ds.constant dense<0.25> : tensor<f32>
  %kt = ds.transpose %k [0, 1, 3, 2] : (tensor<1x2x4x8xf32>) -> tensor<1x2x8x4xf32>
  %0 = ds.matmul %q, %kt : (tensor<1x2x4x8xf32>, tensor<1x2x8x4xf32>) -> tensor<1x2x4x4xf32>
  %1 = ds.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  %2 = ds.add %1, %mask : (tensor<1x2x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32>
  %3 = ds.softmax %2 axis 3 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %4 = ds.matmul %3, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return %4 : tensor<1x2x4x8xf32>
}

// -----
// Heads split and merged around it: layouts instead of transposes. Half of the scale on q, half on k.
// CHECK-LABEL: @heads
// CHECK-DAG: %[[Q:.*]] = ds.reshape %arg0 to [2, 5, 4, 16]
// CHECK-DAG: %[[K:.*]] = ds.reshape %arg1 to [2, 5, 4, 16]
// CHECK-DAG: %[[V:.*]] = ds.reshape %arg2 to [2, 5, 4, 16]
// CHECK: %[[A:.*]] = ds.attention %[[Q]], %[[K]], %[[V]] {k_layout = array<i64: 0, 2, 1, 3>, out_layout = array<i64: 0, 2, 1, 3>,
// CHECK-SAME: q_layout = array<i64: 0, 2, 1, 3>, scale = 2.500000e-01 : f64, v_layout = array<i64: 0, 2, 1, 3>}
// CHECK-NOT: ds.transpose
// CHECK: ds.reshape %[[A]] to [2, 5, 64]
func.func @heads(%x: tensor<2x5x64xf32>, %y: tensor<2x5x64xf32>, %z: tensor<2x5x64xf32>) -> tensor<2x5x64xf32> {
  %c = ds.constant dense<0.5> : tensor<f32>
  %q0 = ds.reshape %x to [2, 5, 4, 16] : (tensor<2x5x64xf32>) -> tensor<2x5x4x16xf32>
  %q1 = ds.transpose %q0 [0, 2, 1, 3] : (tensor<2x5x4x16xf32>) -> tensor<2x4x5x16xf32>
  %q = ds.mul %q1, %c : (tensor<2x4x5x16xf32>, tensor<f32>) -> tensor<2x4x5x16xf32>
  %k0 = ds.reshape %y to [2, 5, 4, 16] : (tensor<2x5x64xf32>) -> tensor<2x5x4x16xf32>
  %k1 = ds.transpose %k0 [0, 2, 3, 1] : (tensor<2x5x4x16xf32>) -> tensor<2x4x16x5xf32>
  %k = ds.mul %k1, %c : (tensor<2x4x16x5xf32>, tensor<f32>) -> tensor<2x4x16x5xf32>
  %v0 = ds.reshape %z to [2, 5, 4, 16] : (tensor<2x5x64xf32>) -> tensor<2x5x4x16xf32>
  %v = ds.transpose %v0 [0, 2, 1, 3] : (tensor<2x5x4x16xf32>) -> tensor<2x4x5x16xf32>
  %0 = ds.matmul %q, %k : (tensor<2x4x5x16xf32>, tensor<2x4x16x5xf32>) -> tensor<2x4x5x5xf32>
  %1 = ds.softmax %0 axis 3 : (tensor<2x4x5x5xf32>) -> tensor<2x4x5x5xf32>
  %2 = ds.matmul %1, %v : (tensor<2x4x5x5xf32>, tensor<2x4x5x16xf32>) -> tensor<2x4x5x16xf32>
  %3 = ds.transpose %2 [0, 2, 1, 3] : (tensor<2x4x5x16xf32>) -> tensor<2x5x4x16xf32>
  %4 = ds.reshape %3 to [2, 5, 64] : (tensor<2x5x4x16xf32>) -> tensor<2x5x64xf32>
  return %4 : tensor<2x5x64xf32>
}

// -----
// A selected mask, the guard against NaN, grouped heads, a cache.
// CHECK-LABEL: @grouped
// CHECK: %[[K:.*]] = ds.concat %arg1, %arg2 axis 2
// CHECK: %[[V:.*]] = ds.concat %arg3, %arg4 axis 2
// CHECK: %[[M:.*]] = ds.select %arg5, %{{.*}}, %{{.*}} : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
// CHECK: %[[A:.*]] = ds.attention %arg0, %[[K]], %[[V]] mask %[[M]] {scale = 1.250000e-01 : f64}
// CHECK-SAME: (tensor<1x4x1x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>, tensor<1x1x1x?xf32>)
// CHECK: %[[N:.*]] = ds.is_nan %[[A]]
// CHECK: ds.select %[[N]], %{{.*}}, %[[A]]
func.func @grouped(%q: tensor<1x4x1x16xf32>, %pk: tensor<1x2x?x16xf32>, %k: tensor<1x2x1x16xf32>, %pv: tensor<1x2x?x16xf32>,
    %v: tensor<1x2x1x16xf32>, %keep: tensor<1x1x1x?xi1>, %t: index) -> (tensor<1x4x1x16xf32>, tensor<1x2x?x16xf32>) {
  %c = ds.constant dense<0.125> : tensor<f32>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<0xFF800000> : tensor<f32>
  %k0 = ds.concat %pk, %k axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
  %v0 = ds.concat %pv, %v axis 2 : (tensor<1x2x?x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x?x16xf32>
  %k1 = ds.reshape %k0 to [1, 2, 1, %t, 16] : (tensor<1x2x?x16xf32>) -> tensor<1x2x1x?x16xf32>
  %k2 = ds.broadcast %k1 to [1, 2, 2, %t, 16] : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x2x?x16xf32>
  %k3 = ds.reshape %k2 to [1, 4, %t, 16] : (tensor<1x2x2x?x16xf32>) -> tensor<1x4x?x16xf32>
  %v1 = ds.reshape %v0 to [1, 2, 1, %t, 16] : (tensor<1x2x?x16xf32>) -> tensor<1x2x1x?x16xf32>
  %v2 = ds.broadcast %v1 to [1, 2, 2, %t, 16] : (tensor<1x2x1x?x16xf32>) -> tensor<1x2x2x?x16xf32>
  %v3 = ds.reshape %v2 to [1, 4, %t, 16] : (tensor<1x2x2x?x16xf32>) -> tensor<1x4x?x16xf32>
  %kt = ds.transpose %k3 [0, 1, 3, 2] : (tensor<1x4x?x16xf32>) -> tensor<1x4x16x?xf32>
  %0 = ds.matmul %q, %kt : (tensor<1x4x1x16xf32>, tensor<1x4x16x?xf32>) -> tensor<1x4x1x?xf32>
  %1 = ds.mul %0, %c : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %2 = ds.select %keep, %1, %low : (tensor<1x1x1x?xi1>, tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %3 = ds.softmax %2 axis 3 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %n = ds.is_nan %3 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %g = ds.select %n, %zero, %3 : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %4 = ds.matmul %g, %v3 : (tensor<1x4x1x?xf32>, tensor<1x4x?x16xf32>) -> tensor<1x4x1x16xf32>
  return %4, %k0 : tensor<1x4x1x16xf32>, tensor<1x2x?x16xf32>
}

// -----
// A scale above the mask would scale the mask too; a softmax over another axis is none over the keys.
// CHECK-LABEL: @not
// CHECK-NOT: ds.attention
func.func @not(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x8x4xf32>, %v: tensor<1x2x4x8xf32>, %mask: tensor<1x1x4x4xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) {
  %c = ds.constant dense<0.3> : tensor<f32>
  %0 = ds.matmul %q, %k : (tensor<1x2x4x8xf32>, tensor<1x2x8x4xf32>) -> tensor<1x2x4x4xf32>
  %1 = ds.add %0, %mask : (tensor<1x2x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = ds.mul %1, %c : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  %3 = ds.softmax %2 axis 3 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %4 = ds.matmul %3, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  %5 = ds.softmax %0 axis 2 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %6 = ds.matmul %5, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return %4, %6 : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>
}

// -----
// Batch and heads merged into one axis.
// CHECK-LABEL: @three_axes
// CHECK-DAG: %[[Q:.*]] = ds.reshape %arg0 to [1, 6, 4, 8]
// CHECK-DAG: %[[K:.*]] = ds.reshape %arg1 to [1, 6, 5, 8]
// CHECK-DAG: %[[V:.*]] = ds.reshape %arg2 to [1, 6, 5, 8]
// CHECK: %[[A:.*]] = ds.attention %[[Q]], %[[K]], %[[V]] mask %arg3
// CHECK: ds.reshape %[[A]] to [6, 4, 8]
func.func @three_axes(%q: tensor<6x4x8xf32>, %k: tensor<6x5x8xf32>, %v: tensor<6x5x8xf32>, %m: tensor<6x4x5xf32>) -> tensor<6x4x8xf32> {
  %kt = ds.transpose %k [0, 2, 1] : (tensor<6x5x8xf32>) -> tensor<6x8x5xf32>
  %0 = ds.matmul %q, %kt : (tensor<6x4x8xf32>, tensor<6x8x5xf32>) -> tensor<6x4x5xf32>
  %1 = ds.add %0, %m : (tensor<6x4x5xf32>, tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  %2 = ds.softmax %1 axis 2 : (tensor<6x4x5xf32>) -> tensor<6x4x5xf32>
  %3 = ds.matmul %2, %v : (tensor<6x4x5xf32>, tensor<6x5x8xf32>) -> tensor<6x4x8xf32>
  return %3 : tensor<6x4x8xf32>
}

// -----
// The weights are an output too: computing them twice would not pay.
// CHECK-LABEL: @weights_used
// CHECK-NOT: ds.attention
func.func @weights_used(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>) {
  %0 = ds.matmul %q, %k {transpose_b} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x4xf32>
  %1 = ds.softmax %0 axis 3 : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = ds.matmul %1, %v : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return %2, %1 : tensor<1x2x4x8xf32>, tensor<1x2x4x4xf32>
}

// -----
// In 16 bits each step rounds.
// CHECK-LABEL: @halves
// CHECK-NOT: ds.attention
func.func @halves(%q: tensor<1x2x4x8xf16>, %k: tensor<1x2x4x8xf16>, %v: tensor<1x2x4x8xf16>) -> tensor<1x2x4x8xf16> {
  %0 = ds.matmul %q, %k {transpose_b} : (tensor<1x2x4x8xf16>, tensor<1x2x4x8xf16>) -> tensor<1x2x4x4xf16>
  %1 = ds.softmax %0 axis 3 : (tensor<1x2x4x4xf16>) -> tensor<1x2x4x4xf16>
  %2 = ds.matmul %1, %v : (tensor<1x2x4x4xf16>, tensor<1x2x4x8xf16>) -> tensor<1x2x4x8xf16>
  return %2 : tensor<1x2x4x8xf16>
}
