// Inputs that cannot be run are an error before any pass.
// RUN: not ds-opt %s --canonicalize --certify 2>&1 | FileCheck %s
// RUN: ds-opt %s --canonicalize --certify --certify-dim=n=4 2>&1 | FileCheck %s --check-prefix=GOOD

// CHECK: error: {{.*}}C1: the numbers of elements before and after
// CHECK: error: --certify: the function cannot be evaluated before any pass; declare inputs
// GOOD: certify: canonicalize
func.func @main(%x: tensor<?xf32> {ds.name = "x", ds.dims = ["n:9..9"]}) -> tensor<2x2xf32> {
  %0 = ds.reshape %x to [2, 2] : (tensor<?xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
