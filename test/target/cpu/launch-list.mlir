// RUN: ds-compile %s --compile-to=cpu | FileCheck %s
// Sizes that data decide: the plan says -1, the run takes memory when the size is known.
// CHECK-LABEL: func.func @ds_plan
// CHECK: %[[UNKNOWN:.*]] = arith.constant -1 : i64
// CHECK: llvm.store %[[UNKNOWN]]
// CHECK-LABEL: func.func @ds_run
// CHECK: %[[COUNT:.*]] = call @count_run
// CHECK: arith.mului_extended
// CHECK: llvm.call
// CHECK: cf.cond_br
// CHECK: call @find_run({{.*}}%[[COUNT]]
func.func private @count(%x: tensor<8xf32>) -> index attributes {dsk.group} {
  %n = dsk.count_non_zero %x : tensor<8xf32>
  return %n : index
}
func.func private @find(%x: tensor<8xf32>, %out: tensor<1x?xi64>) -> tensor<1x?xi64> attributes {dsk.group} {
  %r = dsk.non_zero %x : (tensor<8xf32>) -> tensor<1x?xi64>
  return %r : tensor<1x?xi64>
}
func.func @main(%x: tensor<8xf32>) -> tensor<1x?xi64> {
  %n = func.call @count(%x) : (tensor<8xf32>) -> index
  %out = tensor.empty(%n) : tensor<1x?xi64>
  %r = func.call @find(%x, %out) : (tensor<8xf32>, tensor<1x?xi64>) -> tensor<1x?xi64>
  return %r : tensor<1x?xi64>
}
