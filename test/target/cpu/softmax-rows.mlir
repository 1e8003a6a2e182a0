// RUN: ds-compile %s --compile-to=cpu | FileCheck %s
// Stages of a row: a maximum, the exponentials (needed twice, so kept in a row buffer), their sum, the quotients.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @softmax_rows
// CHECK: %[[EXPS:.*]] = llvm.alloca {{.*}} x i8 {alignment = 64
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.maximumf
// CHECK: scf.for
// CHECK: math.exp
// CHECK: llvm.store
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} fastmath<reassoc,contract>
// CHECK: scf.for
// CHECK-NOT: math.exp
// CHECK: arith.divf
// CHECK-LABEL: func.func @softmax_task
// CHECK: call @softmax_rows
// A few rows run at once; more are spread over threads.
// CHECK-LABEL: func.func @softmax_run
// CHECK: scf.if
// CHECK: call @softmax_rows
// CHECK: else
// CHECK: constant @softmax_task
func.func private @softmax(%x: tensor<?x48xf32>, %out: tensor<?x48xf32>) -> tensor<?x48xf32> attributes {dsk.group} {
  %c0 = arith.constant 0 : index
  %lowest = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x48xf32>
  %perRow = tensor.empty(%rows) : tensor<?xf32>
  %lows = linalg.fill ins(%lowest : f32) outs(%perRow : tensor<?xf32>) -> tensor<?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%perRow : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x48xf32>) outs(%lows : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.maximumf %a, %o : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %empty = tensor.empty(%rows) : tensor<?x48xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<?x48xf32>, tensor<?xf32>) outs(%empty : tensor<?x48xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %s = arith.subf %a, %m fastmath<contract> : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<?x48xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%exp : tensor<?x48xf32>) outs(%zeros : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o fastmath<contract,reassoc> : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<?x48xf32>, tensor<?xf32>) outs(%empty : tensor<?x48xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %t = arith.divf %a, %s fastmath<contract> : f32
    linalg.yield %t : f32
  } -> tensor<?x48xf32>
  return %r : tensor<?x48xf32>
}
func.func @main(%x: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x48xf32>
  %out = tensor.empty(%n) : tensor<?x48xf32>
  %r = func.call @softmax(%x, %out) : (tensor<?x48xf32>, tensor<?x48xf32>) -> tensor<?x48xf32>
  return %r : tensor<?x48xf32>
}
