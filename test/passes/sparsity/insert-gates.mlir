// RUN: ds-opt %s --ds-sparsity-insert-gates="min-elements=64" --split-input-file | FileCheck %s
// RUN: ds-opt %s --ds-sparsity-insert-gates="min-elements=64 sites=attention threshold=0.25" --split-input-file | FileCheck %s --check-prefix=ATTENTION
// RUN: ds-opt %s --ds-sparsity-insert-gates="min-elements=100 sites=all" --split-input-file | FileCheck %s --check-prefix=LARGE
// RUN: ds-opt %s --ds-sparsity-insert-gates="min-elements=64" --remarks-filter=".*" --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: ds-opt %s --ds-sparsity-insert-gates="min-elements=64" --split-input-file --certify --certify-bound=0 -o /dev/null
// RUN: not ds-opt %s --ds-sparsity-insert-gates="sites=some" --split-input-file 2>&1 | FileCheck %s --check-prefix=SITES
// RUN: not ds-opt %s --ds-sparsity-insert-gates="thresholds=%s" --split-input-file 2>&1 | FileCheck %s --check-prefix=FILE

// SITES: sites=some: expected ffn, attention or all
// FILE: insert-gates.mlir:

// q, k and v share a gate; the output projection, up and down have their own; the head has none.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<1x4x8xf32>
// CHECK: %[[G:.*]] = ds.gate %[[X]] {ds.site = "q", threshold = 0.000000e+00 : f64}
// CHECK-COUNT-3: ds.matmul %[[G]]
// CHECK: ds.attention
// CHECK: ds.gate %{{.*}} {ds.site = "o",
// CHECK: ds.norm
// CHECK: ds.gate %{{.*}} {ds.site = "up",
// CHECK: ds.gate %{{.*}} {ds.site = "down",
// CHECK-NOT: ds.gate
// ATTENTION-COUNT-2: threshold = 2.500000e-01
// ATTENTION-NOT: ds.site
// LARGE: ds.site = "up"
// LARGE: ds.site = "down"
// LARGE-NOT: ds.site
// REMARK: a gate (attention) before 3 product(s), threshold 0.0{{.*}}node 'q' (MatMul)
// REMARK: of kind other, which `sites` leaves out: node 'head' (MatMul)
func.func @main(%x: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %wq = ds.constant dense<0.1> : tensor<8x8xf32>
  %wk = ds.constant dense<0.2> : tensor<8x8xf32>
  %wv = ds.constant dense<0.3> : tensor<8x8xf32>
  %wu = ds.constant dense<0.3> : tensor<8x16xf32>
  %wd = ds.constant dense<0.3> : tensor<16x8xf32>
  %one = ds.constant dense<1.0> : tensor<8xf32>
  %q = ds.matmul %x, %wq : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32> loc(#q)
  %k = ds.matmul %x, %wk : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %v = ds.matmul %x, %wv : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32>
  %qh = ds.reshape %q to [1, 4, 2, 4] : (tensor<1x4x8xf32>) -> tensor<1x4x2x4xf32>
  %kh = ds.reshape %k to [1, 4, 2, 4] : (tensor<1x4x8xf32>) -> tensor<1x4x2x4xf32>
  %vh = ds.reshape %v to [1, 4, 2, 4] : (tensor<1x4x8xf32>) -> tensor<1x4x2x4xf32>
  %a = ds.attention %qh, %kh, %vh {scale = 0.5 : f64, q_layout = array<i64: 0, 2, 1, 3>, k_layout = array<i64: 0, 2, 1, 3>, v_layout = array<i64: 0, 2, 1, 3>,
     out_layout = array<i64: 0, 2, 1, 3>} : (tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>, tensor<1x4x2x4xf32>) -> tensor<1x4x2x4xf32>
  %ar = ds.reshape %a to [1, 4, 8] : (tensor<1x4x2x4xf32>) -> tensor<1x4x8xf32>
  %o = ds.matmul %ar, %wk : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32> loc(#o)
  %r = ds.add %o, %x : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %n = ds.norm rms %r axis 2 epsilon 1.0e-5 scale %one : (tensor<1x4x8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %u = ds.matmul %n, %wu : (tensor<1x4x8xf32>, tensor<8x16xf32>) -> tensor<1x4x16xf32> loc(#up)
  %act = ds.relu %u : (tensor<1x4x16xf32>) -> tensor<1x4x16xf32>
  %d = ds.matmul %act, %wd : (tensor<1x4x16xf32>, tensor<16x8xf32>) -> tensor<1x4x8xf32> loc(#down)
  %r2 = ds.add %d, %r : (tensor<1x4x8xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %n2 = ds.norm rms %r2 axis 2 epsilon 1.0e-5 scale %one : (tensor<1x4x8xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
  %h = ds.matmul %n2, %wq : (tensor<1x4x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8xf32> loc(#head)
  return %h : tensor<1x4x8xf32>
}
#q = loc(fused<"MatMul">["q", "m.onnx":0:0])
#o = loc(fused<"MatMul">["o", "m.onnx":0:0])
#up = loc(fused<"MatMul">["up", "m.onnx":0:0])
#down = loc(fused<"MatMul">["down", "m.onnx":0:0])
#head = loc(fused<"MatMul">["head", "m.onnx":0:0])

// -----

// Products of two activations, with transposed rows, and with what has a gate already.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: ds.gate
// CHECK-NOT: ds.gate
func.func @main(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  %w = ds.constant dense<0.5> : tensor<8x8xf32>
  %0 = ds.matmul %x, %y : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = ds.matmul %0, %w {transpose_a} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %g = ds.gate %y {threshold = 0.5 : f64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = ds.matmul %g, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0, %1, %2 : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}
