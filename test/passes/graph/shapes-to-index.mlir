// RUN: ds-opt %s --ds-graph-shapes-to-index | FileCheck %s

// Shape -> Gather -> Concat -> Reshape: only the sizes of the entry arguments are left, each computed once.
// CHECK-LABEL: func.func @gathered
// CHECK-NOT: ds.gather
// CHECK-NOT: tensor.extract
// CHECK-DAG: %[[B:.*]] = tensor.dim %arg0, %c0
// CHECK-DAG: %[[S:.*]] = tensor.dim %arg0, %c1
// CHECK-DAG: %[[BS:.*]] = arith.muli %[[B]], %[[S]]
// CHECK: %[[N:.*]] = ds.neg %arg0
// CHECK: ds.reshape %[[N]] to [%[[B]], %[[S]], 12, %c32]
// CHECK: ds.reshape %[[N]] to [%[[BS]], 384]
func.func @gathered(%x: tensor<?x?x384xf32> {ds.dims = ["b", "s", ""]}) -> (tensor<?x?x12x32xf32>, tensor<?x384xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %h = ds.neg %x : (tensor<?x?x384xf32>) -> tensor<?x?x384xf32>
  %n0 = tensor.dim %h, %c0 : tensor<?x?x384xf32>
  %n1 = tensor.dim %h, %c1 : tensor<?x?x384xf32>
  %i0 = arith.index_cast %n0 : index to i64
  %i1 = arith.index_cast %n1 : index to i64
  %i2 = arith.constant 384 : i64
  %shape = tensor.from_elements %i0, %i1, %i2 : tensor<3xi64>
  %z = ds.constant dense<0> : tensor<i64>
  %o = ds.constant dense<[-2]> : tensor<1xi64>
  %b = ds.gather %shape, %z {axis = 0 : i64} : (tensor<3xi64>, tensor<i64>) -> tensor<i64>
  %b1 = ds.reshape %b to [1] : (tensor<i64>) -> tensor<1xi64>
  %s1 = ds.gather %shape, %o {axis = 0 : i64} : (tensor<3xi64>, tensor<1xi64>) -> tensor<1xi64>
  %heads = ds.constant dense<[12, 32]> : tensor<2xi64>
  %to = ds.concat %b1, %s1, %heads axis 0 : (tensor<1xi64>, tensor<1xi64>, tensor<2xi64>) -> tensor<4xi64>
  %e0 = tensor.extract %to[%c0] : tensor<4xi64>
  %e1 = tensor.extract %to[%c1] : tensor<4xi64>
  %e3 = tensor.extract %to[%c3] : tensor<4xi64>
  %d0 = arith.index_cast %e0 : i64 to index
  %d1 = arith.index_cast %e1 : i64 to index
  %d3 = arith.index_cast %e3 : i64 to index
  %r = ds.reshape %h to [%d0, %d1, 12, %d3] : (tensor<?x?x384xf32>) -> tensor<?x?x12x?xf32>
  %c = ds.cast %r : (tensor<?x?x12x?xf32>) -> tensor<?x?x12x32xf32>
  %all = ds.reduce prod %shape [0] : (tensor<3xi64>) -> tensor<i64>
  %w = ds.constant dense<384> : tensor<i64>
  %rows = ds.div %all, %w : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %rowsi = tensor.extract %rows[] : tensor<i64>
  %rowsn = arith.index_cast %rowsi : i64 to index
  %flat = ds.reshape %h to [%rowsn, 384] : (tensor<?x?x384xf32>) -> tensor<?x384xf32>
  return %c, %flat : tensor<?x?x12x32xf32>, tensor<?x384xf32>
}

// Clamps that ranges decide go; a past and a new length add up; a tensor of sizes that is data becomes from_elements.
// CHECK-LABEL: func.func @cache
// CHECK-DAG: %[[S:.*]] = tensor.dim %arg0, %c1
// CHECK-DAG: %[[P:.*]] = tensor.dim %arg1, %c2
// CHECK-DAG: %[[T:.*]] = affine.apply {{.*}}(%[[S]], %[[P]])
// CHECK-NOT: arith.m
// CHECK: ds.slice {{.*}} offsets [0, 0, %[[P]], 0] sizes [1, 2, %[[S]], 8]
// CHECK: %[[I:.*]] = arith.index_cast %[[T]] : index to i64
// CHECK: %[[E:.*]] = tensor.from_elements %[[I]] : tensor<1xi64>
// CHECK: return {{.*}}, %[[E]]
func.func @cache(%x: tensor<1x?x2x8xf32> {ds.dims = ["", "seq", "", ""]}, %past: tensor<1x2x?x8xf32> {ds.dims = ["", "", "past", ""]})
    -> (tensor<1x2x?x8xf32>, tensor<1xi64>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %end = arith.constant 9223372036854775807 : index
  %k = ds.transpose %x [0, 2, 1, 3] : (tensor<1x?x2x8xf32>) -> tensor<1x2x?x8xf32>
  %all = ds.concat %past, %k axis 2 : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf32>
  %total = tensor.dim %all, %c2 : tensor<1x2x?x8xf32>
  %seq = tensor.dim %x, %c1 : tensor<1x?x2x8xf32>
  %start = arith.subi %total, %seq : index
  %from = arith.minsi %start, %total : index
  %to = arith.minsi %end, %total : index
  %len = arith.subi %to, %from : index
  %zero = arith.constant 0 : index
  %size = arith.maxsi %len, %zero : index
  %new = ds.slice %all offsets [0, 0, %from, 0] sizes [1, 2, %size, 8] strides [1, 1, 1, 1] : (tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf32>
  %t = arith.index_cast %total : index to i64
  %e = tensor.from_elements %t : tensor<1xi64>
  %one = ds.constant dense<1> : tensor<i64>
  %m = ds.mul %e, %one : (tensor<1xi64>, tensor<i64>) -> tensor<1xi64>
  return %new, %m : tensor<1x2x?x8xf32>, tensor<1xi64>
}

// A table of 512 positions: longer sequences could not be added, so the range is declared, and the clamp goes.
// CHECK-LABEL: func.func @table(
// CHECK-SAME: ds.dims = ["seq:0..512", ""]
// CHECK: %[[S:.*]] = tensor.dim %arg0, %c0
// CHECK-NOT: arith.minsi
// CHECK: ds.slice %arg1 offsets [0, 0] sizes [%[[S]], 8]
func.func @table(%x: tensor<?x8xf32> {ds.dims = ["seq", ""]}, %w: tensor<512x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %m = arith.minsi %n, %c512 : index
  %p = ds.slice %w offsets [0, 0] sizes [%m, 8] strides [1, 1] : (tensor<512x8xf32>) -> tensor<?x8xf32>
  %r = ds.add %x, %p : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// An image at least as large as the kernel; a size that follows from the number of elements.
// CHECK-LABEL: func.func @image(
// CHECK-SAME: ds.dims = ["n", "", ":3..2147483647"]
// CHECK: ds.reshape {{.*}} to [%{{.*}}, %[[D:.*]]]
// CHECK-NOT: arith.select
func.func @image(%x: tensor<?x2x?xf32> {ds.dims = ["n", "", "?"]}, %f: tensor<4x2x3xf32>, %i: tensor<i64>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %e = tensor.extract %i[] : tensor<i64>
  %d = arith.index_cast %e : i64 to index
  %n = tensor.dim %x, %c0 : tensor<?x2x?xf32>
  %c = ds.conv %x, %f {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 1 : i64}
    : (tensor<?x2x?xf32>, tensor<4x2x3xf32>) -> tensor<?x4x?xf32>
  %r = ds.reshape %c to [%n, %d] : (tensor<?x4x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// Sizes that are data stay data.
// CHECK-LABEL: func.func @data
// CHECK: %[[E:.*]] = tensor.extract %arg0[]
// CHECK: %[[N:.*]] = arith.index_cast %[[E]]
// CHECK: ds.iota [%[[N]]]
func.func @data(%n: tensor<i64>) -> tensor<?xi64> {
  %e = tensor.extract %n[] : tensor<i64>
  %i = arith.index_cast %e : i64 to index
  %r = ds.iota [%i] : tensor<?xi64>
  return %r : tensor<?xi64>
}

// Nothing to do: static, no sizes; an element type that holds no sizes.
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: ds.add
// CHECK-NEXT: return
func.func @nothing(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = ds.add %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
