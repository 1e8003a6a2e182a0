// RUN: ds-opt %s --ds-graph-raise-norms --split-input-file | FileCheck %s

// CHECK-LABEL: @layer
// CHECK-NEXT: ds.norm layer %arg0 axis 1 epsilon 9.99{{[0-9E-]+}}6 scale %arg1 bias %arg2
// CHECK-NEXT: return
func.func @layer(%x: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  %eighth = ds.constant dense<0.125> : tensor<f32>
  %two = ds.constant dense<2.0> : tensor<f32>
  %eps = ds.constant dense<1.0e-5> : tensor<f32>
  %0 = ds.reduce sum %x [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %1 = ds.mul %0, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %2 = ds.sub %x, %1 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %3 = ds.pow %2, %two : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %4 = ds.reduce sum %3 [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %5 = ds.mul %4, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %6 = ds.add %5, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %7 = ds.sqrt %6 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %8 = ds.div %2, %7 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %9 = ds.mul %8, %s : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %10 = ds.add %9, %b : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return %10 : tensor<2x8xf32>
}

// -----
// The mean by division, the square by a product, rsqrt as 1 / sqrt, the weight [1, 1, 8].
// CHECK-LABEL: @rms
// CHECK: %[[S:.*]] = ds.reshape %arg1 to [8]
// CHECK-NEXT: ds.norm rms %arg0 axis 2 epsilon {{.*}} scale %[[S]]
// CHECK-NEXT: return
func.func @rms(%x: tensor<?x?x8xf32>, %s: tensor<1x1x8xf32>) -> tensor<?x?x8xf32> {
  %n = ds.constant dense<8.0> : tensor<f32>
  %one = ds.constant dense<1.0> : tensor<f32>
  %eps = ds.constant dense<1.0e-6> : tensor<f32>
  %0 = ds.mul %x, %x : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %1 = ds.reduce sum %0 [2] {keepdims} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %2 = ds.div %1, %n : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %3 = ds.add %2, %eps : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %4 = ds.sqrt %3 : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %5 = ds.div %one, %4 : (tensor<f32>, tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %6 = ds.mul %x, %5 : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %7 = ds.mul %s, %6 : (tensor<1x1x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %7 : tensor<?x?x8xf32>
}

// -----
// Channels first: transposed to the end and back.
// CHECK-LABEL: @channels
// CHECK-NEXT: ds.transpose %arg0 [0, 2, 3, 1]
// CHECK-NEXT: ds.norm layer %{{.*}} axis 3
// CHECK-NEXT: ds.transpose %{{.*}} [0, 3, 1, 2]
func.func @channels(%x: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  %eighth = ds.constant dense<0.125> : tensor<f32>
  %eps = ds.constant dense<1.0e-6> : tensor<f32>
  %0 = ds.reduce sum %x [1] {keepdims} : (tensor<1x8x4x4xf32>) -> tensor<1x1x4x4xf32>
  %1 = ds.mul %0, %eighth : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %2 = ds.sub %x, %1 : (tensor<1x8x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x8x4x4xf32>
  %3 = ds.mul %2, %2 : (tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %4 = ds.reduce sum %3 [1] {keepdims} : (tensor<1x8x4x4xf32>) -> tensor<1x1x4x4xf32>
  %5 = ds.mul %4, %eighth : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %6 = ds.add %5, %eps : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %7 = ds.sqrt %6 : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  %8 = ds.div %2, %7 : (tensor<1x8x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x8x4x4xf32>
  return %8 : tensor<1x8x4x4xf32>
}

// -----
// 16-bit models normalise in f32 between casts.
// CHECK-LABEL: @half
// CHECK-NEXT: ds.norm rms %arg0 axis 1 {{.*}} scale %arg1 : (tensor<2x8xf16>, tensor<8xf16>) -> tensor<2x8xf16>
// CHECK-NEXT: return
func.func @half(%h: tensor<2x8xf16>, %s: tensor<8xf16>) -> tensor<2x8xf16> {
  %eighth = ds.constant dense<0.125> : tensor<f32>
  %eps = ds.constant dense<1.0e-6> : tensor<f32>
  %x = ds.cast %h : (tensor<2x8xf16>) -> tensor<2x8xf32>
  %0 = ds.mul %x, %x : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = ds.reduce sum %0 [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %2 = ds.mul %1, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %3 = ds.add %2, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %4 = ds.rsqrt %3 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %5 = ds.mul %x, %4 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %6 = ds.cast %5 : (tensor<2x8xf32>) -> tensor<2x8xf16>
  %7 = ds.mul %s, %6 : (tensor<8xf16>, tensor<2x8xf16>) -> tensor<2x8xf16>
  return %7 : tensor<2x8xf16>
}

// -----
// The scale first multiplied to the root.
// CHECK-LABEL: @folded
// CHECK-NEXT: ds.norm layer %arg0 axis 1 {{.*}} scale %arg1 bias %arg2
// CHECK-NEXT: return
func.func @folded(%x: tensor<2x8xf32>, %s: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  %eighth = ds.constant dense<0.125> : tensor<f32>
  %eps = ds.constant dense<1.0e-5> : tensor<f32>
  %0 = ds.reduce sum %x [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %1 = ds.mul %0, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %2 = ds.sub %x, %1 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %3 = ds.mul %2, %2 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = ds.reduce sum %3 [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %5 = ds.mul %4, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %6 = ds.add %5, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %7 = ds.rsqrt %6 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %k = ds.mul %7, %s : (tensor<2x1xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %8 = ds.mul %x, %k : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %9 = ds.mul %1, %k : (tensor<2x1xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %10 = ds.sub %b, %9 : (tensor<8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %11 = ds.add %8, %10 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %11 : tensor<2x8xf32>
}

// -----
// Half of the sum is no mean; a residual is no bias.
// CHECK-LABEL: @not
// CHECK: ds.norm rms %arg0
// CHECK-NEXT: ds.add
// CHECK-NOT: ds.norm
func.func @not(%x: tensor<2x8xf32>, %r: tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %eighth = ds.constant dense<0.125> : tensor<f32>
  %half = ds.constant dense<0.5> : tensor<f32>
  %eps = ds.constant dense<1.0e-6> : tensor<f32>
  %0 = ds.mul %x, %x : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = ds.reduce sum %0 [1] {keepdims} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %2 = ds.mul %1, %eighth : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %3 = ds.add %2, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %4 = ds.rsqrt %3 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %5 = ds.mul %x, %4 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %6 = ds.add %5, %r : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %7 = ds.mul %1, %half : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %8 = ds.add %7, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %9 = ds.sqrt %8 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %10 = ds.div %x, %9 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %6, %10 : tensor<2x8xf32>, tensor<2x8xf32>
}
