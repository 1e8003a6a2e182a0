// RUN: ds-compile %s --compile-to=cpu | FileCheck %s
// Axes that move as two blocks are a batch of matrix transposes: the kernel's. Others are loops.
#nhwc = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#nchw = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>
#heads = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1, d3)>
// CHECK-LABEL: func.func @to_last_run
// CHECK-SAME: %[[N:.*]]: index, %{{.*}}: index)
// CHECK: call @dsk_transpose
func.func private @to_last(%x: tensor<?x3x8x9xf32>, %out: tensor<?x8x9x3xf32>) -> tensor<?x8x9x3xf32> attributes {dsk.group} {
  %r = linalg.generic {indexing_maps = [#nchw, #nhwc], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x3x8x9xf32>) outs(%out : tensor<?x8x9x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<?x8x9x3xf32>
  return %r : tensor<?x8x9x3xf32>
}
// CHECK-LABEL: func.func @heads_rows
// CHECK: scf.for
func.func private @heads(%x: tensor<?x8x9x3xf32>, %out: tensor<?x9x8x3xf32>) -> tensor<?x9x8x3xf32> attributes {dsk.group} {
  %r = linalg.generic {indexing_maps = [#heads, #nhwc], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x8x9x3xf32>) outs(%out : tensor<?x9x8x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<?x9x8x3xf32>
  return %r : tensor<?x9x8x3xf32>
}
func.func @main(%x: tensor<?x3x8x9xf32>) -> tensor<?x9x8x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x8x9xf32>
  %a = tensor.empty(%n) : tensor<?x8x9x3xf32>
  %0 = func.call @to_last(%x, %a) : (tensor<?x3x8x9xf32>, tensor<?x8x9x3xf32>) -> tensor<?x8x9x3xf32>
  %b = tensor.empty(%n) : tensor<?x9x8x3xf32>
  %1 = func.call @heads(%0, %b) : (tensor<?x8x9x3xf32>, tensor<?x9x8x3xf32>) -> tensor<?x9x8x3xf32>
  return %1 : tensor<?x9x8x3xf32>
}
