// RUN: ds-compile %s --compile-to=cpu | FileCheck %s
// A kernel's epilogue: the elementwise ops that follow it, over one finished tile.
#id = affine_map<(d0, d1) -> (d0, d1)>
#col = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @bias_relu_tile
// CHECK-SAME: %[[OUT:arg4]]: !llvm.ptr {llvm.noalias}
// CHECK: scf.for %[[I:.*]] =
// CHECK-NOT: llvm.load
// CHECK: scf.for %[[J:.*]] =
// CHECK: %[[C:.*]] = llvm.load
// CHECK: %[[B:.*]] = llvm.load
// CHECK: %[[S:.*]] = arith.addf %[[C]], %[[B]] fastmath<contract>
// CHECK: %[[R:.*]] = arith.maximumf %[[S]]
// CHECK: llvm.store %[[R]]
// CHECK-LABEL: func.func @bias_relu_epilogue
// CHECK: call @bias_relu_tile
// CHECK-LABEL: func.func @bias_relu_run
// CHECK: call @dsk_matmul_f32
func.func private @bias_relu(%x: tensor<?x64xf32>, %w: tensor<3x64x16xf32>, %bias: tensor<48xf32>, %out: tensor<?x48xf32>) -> tensor<?x48xf32> attributes {dsk.group} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %product = dsk.matmul %x, %w {packed_n = 48 : i64} : (tensor<?x64xf32>, tensor<3x64x16xf32>) -> tensor<?x48xf32>
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %empty = tensor.empty(%rows) : tensor<?x48xf32>
  %r = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%product, %bias : tensor<?x48xf32>, tensor<48xf32>) outs(%empty : tensor<?x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b fastmath<contract> : f32
    %t = arith.maximumf %s, %zero : f32
    linalg.yield %t : f32
  } -> tensor<?x48xf32>
  return %r : tensor<?x48xf32>
}
// CHECK-LABEL: func.func @ds_plan
// CHECK-LABEL: func.func @ds_run
// CHECK: call @bias_relu_run
func.func @main(%x: tensor<?x64xf32>) -> tensor<?x48xf32> {
  %c0 = arith.constant 0 : index
  %w = dsk.weight 0 : tensor<3x64x16xf32>
  %b = dsk.weight 1 : tensor<48xf32>
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %out = tensor.empty(%n) : tensor<?x48xf32>
  %r = func.call @bias_relu(%x, %w, %b, %out) : (tensor<?x64xf32>, tensor<3x64x16xf32>, tensor<48xf32>, tensor<?x48xf32>) -> tensor<?x48xf32>
  return %r : tensor<?x48xf32>
}
