// RUN: ds-compile %s --compile-to=cpu | FileCheck %s
// Scalar code goes to the outermost loop that has its operands: the checked index of a gathered row is read once a row.
// Elementwise ops whose accesses agree are one loop over all elements.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @gather_rows
// CHECK: scf.for
// CHECK: %[[ID:.*]] = llvm.load {{.*}} -> i64
// CHECK: scf.if
// CHECK: llvm.call
// CHECK: scf.for
// CHECK-NOT: -> i64
// CHECK: llvm.load {{.*}} -> f32
// CHECK: llvm.store
func.func private @gather(%table: tensor<9x4xf32>, %ids: tensor<?xi64>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {dsk.group} {
  %c0 = arith.constant 0 : index
  %c9 = arith.constant 9 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi64>
  %empty = tensor.empty(%n) : tensor<?x4xf32>
  %r = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<?xi64>) outs(%empty : tensor<?x4xf32>) {
  ^bb0(%id: i64, %o: f32):
    %i = arith.index_cast %id : i64 to index
    %ok = arith.cmpi ult, %i, %c9 : index
    dsk.check %ok, index, %i, %c9
    %safe = arith.select %ok, %i, %c0 : index
    %j = linalg.index 1 : index
    %v = tensor.extract %table[%safe, %j] : tensor<9x4xf32>
    linalg.yield %v : f32
  } -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
// CHECK-LABEL: func.func @double_rows
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: arith.addf
// CHECK: return
func.func private @double(%x: tensor<?x4xf32>, %out: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {dsk.group} {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xf32>) outs(%out : tensor<?x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
func.func @main(%table: tensor<9x4xf32>, %ids: tensor<?xi64>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi64>
  %a = tensor.empty(%n) : tensor<?x4xf32>
  %g = func.call @gather(%table, %ids, %a) : (tensor<9x4xf32>, tensor<?xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = tensor.empty(%n) : tensor<?x4xf32>
  %d = func.call @double(%g, %b) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}
