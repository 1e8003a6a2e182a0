// RUN: ds-opt %s --ds-graph-bind-dims=dims=batch=1,seq=2..64,y.1=5 | FileCheck %s
// RUN: not ds-opt %s --ds-graph-bind-dims=dims=heads=1 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not ds-opt %s --ds-graph-bind-dims=dims=seq=9999 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not ds-opt %s --ds-graph-bind-dims=dims=seq 2>&1 | FileCheck %s --check-prefix=SYNTAX

// Every axis called "batch" becomes static; a range and an axis called by position are kept apart; static axes stay.
// CHECK: func.func @main(
// CHECK-SAME: tensor<1x?xi64> {ds.dims = ["", "seq:2..64"], ds.name = "x"}
// CHECK-SAME: tensor<1x5x8xi64> {ds.dims = ["", "", ""], ds.name = "y"}
// UNKNOWN: error: no dimension is called 'heads'; the model has batch, seq, y.1
// RANGE: error: dimension 'seq' is declared as 1..512, which does not hold the size asked for
// SYNTAX: error: dimension 'seq' is neither name=value nor name=lo..hi
func.func @main(%x: tensor<?x?xi64> {ds.name = "x", ds.dims = ["batch", "seq:1..512"]},
                %y: tensor<?x?x8xi64> {ds.name = "y", ds.dims = ["batch", "", ""]}) -> tensor<?x?xi64> {
  return %x : tensor<?x?xi64>
}
