// RUN: ds-opt %s -split-input-file --ds-moe-balance="mode=bias rate=0.003" --remarks-filter="ds-moe-balance" --remark-policy=all 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file %t
// RUN: ds-opt %s -split-input-file --ds-moe-balance="mode=mix-by-load rate=0.1" | FileCheck %s --check-prefix=MIX
// RUN: not ds-opt %s -split-input-file --ds-moe-balance=rate=2 2>&1 | FileCheck %s --check-prefix=RATE
// RUN: not ds-opt %s -split-input-file --ds-moe-balance=mode=none 2>&1 | FileCheck %s --check-prefix=NONE
// RATE: the rate is {{.*}}, it must be from 0 to 1
// NONE: Cannot find option named 'none'!

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:[a-z0-9]*]]: tensor<?x4xf32> {{.*}}, %[[L:[a-z0-9]*]]: tensor<4xf32> {ds.dims = [""], ds.name = "/layers.0/gate.load"})
// CHECK-SAME: -> (tensor<?x2xf32> {ds.name = "w"}, tensor<4xf32> {ds.may_alias = "/layers.0/gate.load", ds.name = "/layers.0/gate.load.next"})
// CHECK: %[[W:.*]], %{{.*}}, %{{.*}}, %{{.*}}, %[[N:.*]] = ds.route %[[X]] load %[[L]] {balance = #ds.balance_kind<bias>, k = 2 : i64, normalize, rate = 3.000000e-03 : f64
// CHECK: return %[[W]], %[[N]]
// REMARK: results change; bias, rate 0.003, feed '/layers.0/gate.load.next' back as '/layers.0/gate.load'
// MIX-LABEL: func.func @main
// MIX: balance = #ds.balance_kind<mix_by_load>
#softmax = loc("/layers.0/gate/Softmax")
#top = loc("/layers.0/gate/TopK")
func.func @main(%x: tensor<?x4xf32> {ds.dims = ["t", ""], ds.name = "x"}) -> (tensor<?x2xf32> {ds.name = "w"}) {
  %w, %e, %p, %o = ds.route %x {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
     : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>) loc(fused[#softmax, #top])
  return %w : tensor<?x2xf32>
}

// -----
// Two routers have two states; names are not taken twice.
// CHECK-LABEL: func.func @main
// CHECK-SAME: {ds.name = "route0.load"}
// CHECK-SAME: ds.name = "route0.route0.load"
// CHECK-SAME: ds.name = "route1.load"
// CHECK-COUNT-2: ds.balance_kind<bias>
// MIX-LABEL: func.func @main
// MIX: ds.route %{{[a-z0-9]*}} {
// MIX: ds.route %{{[a-z0-9]*}} {
func.func @main(%x: tensor<?x4xf32> {ds.name = "route0.load"}) -> (tensor<?x2xf32>, tensor<?x1xf32>) {
  %w, %e, %p, %o = ds.route %x {k = 2 : i64} : (tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>)
  %v, %f, %q, %n = ds.route %x {k = 1 : i64} : (tensor<?x4xf32>) -> (tensor<?x1xf32>, tensor<?x1xi64>, tensor<?xi64>, tensor<5xi64>)
  return %w, %v : tensor<?x2xf32>, tensor<?x1xf32>
}

// -----
// Nothing to do: a router with a load, and none at all.
// CHECK-LABEL: func.func @main
// CHECK-NOT: ds.name
// CHECK: ds.route %{{.*}} load %{{.*}} {balance = #ds.balance_kind<select_by_load>
// REMARK: router left as it is: it looks at a load already
func.func @main(%x: tensor<?x4xf32>, %l: tensor<4xf32>) -> (tensor<?x2xf32>, tensor<4xf32>) {
  %w, %e, %p, %o, %n = ds.route %x load %l {k = 2 : i64, balance = #ds.balance_kind<select_by_load>, rate = 0.1 : f64}
     : (tensor<?x4xf32>, tensor<4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<5xi64>, tensor<4xf32>)
  return %w, %n : tensor<?x2xf32>, tensor<4xf32>
}

// -----
// CHECK-LABEL: func.func @main(%arg0: tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK-NEXT: return %arg0
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}
