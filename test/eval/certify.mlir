// --certify names the pass that changes what @main computes, and fails.

// RUN: ds-opt %s --canonicalize --ds-graph-canonicalize --certify 2>&1 | FileCheck %s --check-prefix=GOOD
// GOOD: certify: canonicalize{{.*}}: output 0 'y': error 0, in all 0
// GOOD: certify: ds-graph-canonicalize: output 0 'y': error
// GOOD-NOT: BROKEN
// GOOD: func.func @main

// RUN: not ds-opt %s --certify --pass-pipeline='builtin.module(canonicalize,func.func(test-ds-break,cse),ds-graph-canonicalize)' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BROKEN
// BROKEN: certify: canonicalize{{.*}}: output 0 'y': error 0
// BROKEN: certify: test-ds-break: output 0 'y': error {{.*}} BROKEN: element {{[0-9]+}} is
// BROKEN: error: --certify: broken by test-ds-break
// BROKEN-NOT: certify: cse

// A bound of its own lets the pass through.
// RUN: ds-opt %s --test-ds-break --certify --certify-bound-of=test-ds-break=100 2>&1 | FileCheck %s --check-prefix=ALLOWED
// ALLOWED: certify: test-ds-break: output 0 'y': error
// ALLOWED-NOT: BROKEN

func.func @main(%x: tensor<?x4xf32> {ds.name = "x", ds.dims = ["batch", ""]},
                %ids: tensor<?xi64> {ds.name = "ids", ds.dims = ["batch"]}) -> (tensor<?x4xf32> {ds.name = "y"}) {
  %table = ds.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %0 = ds.gather %table, %ids {axis = 0 : i64} : (tensor<2x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  %1 = ds.add %x, %0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
