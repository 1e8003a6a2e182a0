// RUN: ds-compile %s --moe-balance="mode=select-by-load rate=0.25" --compile-to=graph -o - | FileCheck %s
// RUN: ds-compile %s --compile-to=graph -o - | FileCheck %s --check-prefix=PLAIN
// RUN: not ds-compile %s --moe-balance=mode=none --compile-to=graph -o - 2>&1 | FileCheck %s --check-prefix=NONE

// CHECK: ds.name = "route0.load"
// CHECK: ds.route %{{.*}} load %{{.*}} {balance = #ds.balance_kind<select_by_load>, {{.*}} rate = 2.500000e-01
// PLAIN-NOT: load
// NONE: error: --moe-balance: 'mode=none' are no options of ds-moe-balance
module attributes {ds.model = "router"} {
  func.func @main(%x: tensor<?x4xf32> {ds.dims = ["t", ""], ds.name = "x"}) -> (tensor<?x2xf32> {ds.name = "w"}) {
    %w, %e, %p, %o = ds.route %x {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
       : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>)
    return %w : tensor<?x2xf32>
  }
}
