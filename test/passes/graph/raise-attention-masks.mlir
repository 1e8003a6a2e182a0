// RUN: ds-opt %s --ds-graph-raise-attention-masks --split-input-file | FileCheck %s
// RUN: ds-opt %s --ds-graph-raise-attention-masks --split-input-file --certify -o /dev/null
// RUN: ds-opt %s --ds-graph-raise-attention-masks --split-input-file --remarks-filter=".*raise-attention-masks" --remark-policy=all \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Causal, and the padding stays: what transformers exports.
// REMARK: [Passed] raised{{.*}}a causal mask, the rest of it stays added
// CHECK-LABEL: @main
// CHECK: %[[M:.*]] = ds.select %arg1, %{{.*}}, %{{.*}} : (tensor<?x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x1x?xf32>
// CHECK: ds.attention %arg0, %arg0, %arg0 mask %[[M]] {causal, excluded = -3.4028234663852886E+38 : f64, scale = 1.000000e+00 : f64}
// CHECK-NEXT: return
func.func @main(%x: tensor<?x2x?x8xf32> {ds.dims = ["batch", "", "seq", ""]},
    %padding: tensor<?x1x1x?xi1> {ds.dims = ["batch", "", "", "seq"]}) -> tensor<?x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %x, %c2 : tensor<?x2x?x8xf32>
  %true = ds.constant dense<true> : tensor<i1>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<-3.40282347E+38> : tensor<f32>
  %s = ds.iota [%n] : tensor<?xi64>
  %q = ds.reshape %s to [%n, 1] : (tensor<?xi64>) -> tensor<?x1xi64>
  %0 = ds.less_equal %s, %q : (tensor<?xi64>, tensor<?x1xi64>) -> tensor<?x?xi1>
  %1 = ds.and %true, %0 : (tensor<i1>, tensor<?x?xi1>) -> tensor<?x?xi1>
  %2 = ds.and %1, %padding : (tensor<?x?xi1>, tensor<?x1x1x?xi1>) -> tensor<?x1x?x?xi1>
  %m = ds.select %2, %zero, %low : (tensor<?x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32>
  %3 = ds.attention %x, %x, %x mask %m {scale = 1.0 : f64}
     : (tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x1x?x?xf32>) -> tensor<?x2x?x8xf32>
  return %3 : tensor<?x2x?x8xf32>
}

// -----
// A sliding window over a cache: keys after s + past - 3, up to s + past. The masked-out side may be selected first.
// REMARK: [Passed] raised{{.*}}a causal mask of 3 keys up to each query's own:
// CHECK-LABEL: @main
// CHECK: ds.attention %arg0, %[[K:.*]], %[[K]] {causal, scale = 1.000000e+00 : f64, window_left = 2 : i64}
// CHECK-NEXT: return
func.func @main(%x: tensor<1x2x?x8xf32> {ds.dims = ["", "", "new", ""]}, %past: tensor<1x2x?x8xf32> {ds.dims = ["", "", "past", ""]})
    -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %p = tensor.dim %past, %c2 : tensor<1x2x?x8xf32>
  %t = arith.addi %n, %p : index
  %p64 = arith.index_cast %p : index to i64
  %offset = tensor.from_elements %p64 : tensor<1xi64>
  %three = ds.constant dense<3> : tensor<i64>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<0xFF800000> : tensor<f32>
  %k = ds.concat %past, %x axis 2 : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf32>
  %new = ds.iota [%n] : tensor<?xi64>
  %at = ds.add %new, %offset : (tensor<?xi64>, tensor<1xi64>) -> tensor<?xi64>
  %q = ds.reshape %at to [1, 1, %n, 1] : (tensor<?xi64>) -> tensor<1x1x?x1xi64>
  %all = ds.iota [%t] : tensor<?xi64>
  %0 = ds.less %q, %all : (tensor<1x1x?x1xi64>, tensor<?xi64>) -> tensor<1x1x?x?xi1>
  %1 = ds.sub %q, %three : (tensor<1x1x?x1xi64>, tensor<i64>) -> tensor<1x1x?x1xi64>
  %2 = ds.less_equal %all, %1 : (tensor<?xi64>, tensor<1x1x?x1xi64>) -> tensor<1x1x?x?xi1>
  %3 = ds.or %0, %2 : (tensor<1x1x?x?xi1>, tensor<1x1x?x?xi1>) -> tensor<1x1x?x?xi1>
  %m = ds.select %3, %low, %zero : (tensor<1x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x?x?xf32>
  %4 = ds.attention %x, %k, %k mask %m {scale = 1.0 : f64}
     : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x1x?x?xf32>) -> tensor<1x2x?x8xf32>
  return %4 : tensor<1x2x?x8xf32>
}

// -----
// Up to two positions to both sides; one further to the right would be another band, and is not taken for the causal one.
// REMARK: [Passed] raised{{.*}}a window's mask of 3 keys up to each query's own:
// CHECK-LABEL: @main
// CHECK: ds.attention %arg0, %arg0, %arg0 {scale = 1.000000e+00 : f64, window_left = 2 : i64, window_right = 2 : i64}
// CHECK: ds.attention %arg0, %arg0, %arg0 {scale = 1.000000e+00 : f64, window_right = 1 : i64}
func.func @main(%x: tensor<1x2x7x8xf32>) -> (tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>) {
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<0xFF800000> : tensor<f32>
  %two = ds.constant dense<2> : tensor<i64>
  %s = ds.iota [7] : tensor<7xi64>
  %q = ds.reshape %s to [7, 1] : (tensor<7xi64>) -> tensor<7x1xi64>
  %0 = ds.sub %q, %s : (tensor<7x1xi64>, tensor<7xi64>) -> tensor<7x7xi64>
  %1 = ds.abs %0 : (tensor<7x7xi64>) -> tensor<7x7xi64>
  %2 = ds.less_equal %1, %two : (tensor<7x7xi64>, tensor<i64>) -> tensor<7x7xi1>
  %m = ds.select %2, %zero, %low : (tensor<7x7xi1>, tensor<f32>, tensor<f32>) -> tensor<7x7xf32>
  %3 = ds.attention %x, %x, %x mask %m {scale = 1.0 : f64}
     : (tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<7x7xf32>) -> tensor<1x2x7x8xf32>
  %4 = ds.sub %s, %two : (tensor<7xi64>, tensor<i64>) -> tensor<7xi64>
  %5 = ds.less %4, %q : (tensor<7xi64>, tensor<7x1xi64>) -> tensor<7x7xi1>
  %m2 = ds.select %5, %zero, %low : (tensor<7x7xi1>, tensor<f32>, tensor<f32>) -> tensor<7x7xf32>
  %6 = ds.attention %x, %x, %x mask %m2 {scale = 1.0 : f64}
     : (tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<7x7xf32>) -> tensor<1x2x7x8xf32>
  return %3, %6 : tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>
}

// -----
// A buffer of bools, cut to the sizes at hand (GPT-2), and a constant mask to add.
// CHECK-LABEL: @main
// CHECK: ds.attention %arg0, %arg1, %arg1 {causal, excluded = -3.4028234663852886E+38 : f64, scale = 1.000000e+00 : f64}
// CHECK: ds.attention %arg2, %arg2, %arg2 {causal, scale = 1.000000e+00 : f64, window_left = 1 : i64}
func.func @main(%x: tensor<1x2x?x8xf32> {ds.dims = ["", "", "new:1..3", ""]}, %k: tensor<1x2x?x8xf32> {ds.dims = ["", "", "total:3..4", ""]},
    %y: tensor<1x2x3x8xf32>) -> (tensor<1x2x?x8xf32>, tensor<1x2x3x8xf32>) {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %t = tensor.dim %k, %c2 : tensor<1x2x?x8xf32>
  %first = arith.subi %t, %n : index
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<-3.40282347E+38> : tensor<f32>
  %bias = ds.constant dense<[[[[true, false, false, false], [true, true, false, false], [true, true, true, false], [true, true, true, true]]]]>
        : tensor<1x1x4x4xi1>
  %0 = ds.slice %bias offsets [0, 0, %first, 0] sizes [1, 1, %n, %t] strides [1, 1, 1, 1] : (tensor<1x1x4x4xi1>) -> tensor<1x1x?x?xi1>
  %m = ds.select %0, %zero, %low : (tensor<1x1x?x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x?x?xf32>
  %1 = ds.attention %x, %k, %k mask %m {scale = 1.0 : f64}
     : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x1x?x?xf32>) -> tensor<1x2x?x8xf32>
  %band = ds.constant dense<[[0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000], [0xFF800000, 0.0, 0.0]]> : tensor<3x3xf32>
  %2 = ds.attention %y, %y, %y mask %band {scale = 1.0 : f64}
     : (tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>, tensor<3x3xf32>) -> tensor<1x2x3x8xf32>
  return %1, %2 : tensor<1x2x?x8xf32>, tensor<1x2x3x8xf32>
}

// -----
// One query sees all keys up to its own: nothing is left to exclude.
// REMARK: [Passed] raised{{.*}}a mask that excludes nothing:
// CHECK-LABEL: @main
// CHECK: ds.attention %arg0, %{{.*}}, %{{.*}} {scale = 1.000000e+00 : f64}
func.func @main(%x: tensor<1x2x1x8xf32>, %past: tensor<1x2x?x8xf32> {ds.dims = ["", "", "past", ""]}) -> tensor<1x2x1x8xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %p = tensor.dim %past, %c2 : tensor<1x2x?x8xf32>
  %t = arith.addi %p, %c1 : index
  %p64 = arith.index_cast %p : index to i64
  %at = tensor.from_elements %p64 : tensor<1x1xi64>
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<-3.40282347E+38> : tensor<f32>
  %k = ds.concat %past, %x axis 2 : (tensor<1x2x?x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x?x8xf32>
  %all = ds.iota [%t] : tensor<?xi64>
  %0 = ds.less_equal %all, %at : (tensor<?xi64>, tensor<1x1xi64>) -> tensor<1x?xi1>
  %m = ds.select %0, %zero, %low : (tensor<1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x?xf32>
  %1 = ds.attention %x, %k, %k mask %m {scale = 1.0 : f64}
     : (tensor<1x2x1x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x?xf32>) -> tensor<1x2x1x8xf32>
  return %1 : tensor<1x2x1x8xf32>
}

// -----
// Something else needs the mask, too: it stays for that.
// CHECK-LABEL: @main
// CHECK: %[[M:.*]] = ds.select
// CHECK: %[[A:.*]] = ds.attention %arg0, %arg0, %arg0 {causal, scale = 1.000000e+00 : f64}
// CHECK: return %[[A]], %[[M]]
func.func @main(%x: tensor<1x2x5x8xf32>) -> (tensor<1x2x5x8xf32>, tensor<5x5xf32>) {
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<0xFF800000> : tensor<f32>
  %s = ds.iota [5] : tensor<5xi64>
  %q = ds.reshape %s to [5, 1] : (tensor<5xi64>) -> tensor<5x1xi64>
  %0 = ds.less %q, %s : (tensor<5x1xi64>, tensor<5xi64>) -> tensor<5x5xi1>
  %m = ds.select %0, %low, %zero : (tensor<5x5xi1>, tensor<f32>, tensor<f32>) -> tensor<5x5xf32>
  %1 = ds.attention %x, %x, %x mask %m {scale = 1.0 : f64}
     : (tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<5x5xf32>) -> tensor<1x2x5x8xf32>
  return %1, %m : tensor<1x2x5x8xf32>, tensor<5x5xf32>
}

// -----
// No bands: an offset that is data, positions along the heads, a constant with a hole, numbers that leave some weight, a
// bound on the keys alone, strides, positions that wrap.
// REMARK: [Missed] mask{{.*}}no condition of the mask is proved to be a band around the diagonal of queries and keys
// REMARK: [Missed] mask{{.*}}no condition of the mask is proved
// REMARK: [Missed] mask{{.*}}the mask is neither a constant band nor selected by a condition
// REMARK: [Missed] mask{{.*}}what the mask excludes keeps some weight: its number is above -1e30
// REMARK-COUNT-3: [Missed] mask{{.*}}no condition of the mask is proved
// CHECK-LABEL: @main
// CHECK-COUNT-7: ds.attention %arg0, %arg0, %arg0 mask %{{.*}} {scale = 1.000000e+00 : f64}
func.func @main(%x: tensor<1x4x4x8xf32>, %offset: tensor<1xi64>, %count: tensor<i64>) -> (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>,
    tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>) {
  %zero = ds.constant dense<0.0> : tensor<f32>
  %low = ds.constant dense<0xFF800000> : tensor<f32>
  %some = ds.constant dense<-1.0e4> : tensor<f32>
  %s = ds.iota [4] : tensor<4xi64>
  %q = ds.reshape %s to [4, 1] : (tensor<4xi64>) -> tensor<4x1xi64>
  %moved = ds.add %q, %offset : (tensor<4x1xi64>, tensor<1xi64>) -> tensor<4x1xi64>
  %0 = ds.less_equal %s, %moved : (tensor<4xi64>, tensor<4x1xi64>) -> tensor<4x4xi1>
  %m0 = ds.select %0, %zero, %low : (tensor<4x4xi1>, tensor<f32>, tensor<f32>) -> tensor<4x4xf32>
  %r0 = ds.attention %x, %x, %x mask %m0 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x4xf32>) -> tensor<1x4x4x8xf32>
  %h = ds.reshape %s to [4, 1, 1] : (tensor<4xi64>) -> tensor<4x1x1xi64>
  %1 = ds.less_equal %s, %h : (tensor<4xi64>, tensor<4x1x1xi64>) -> tensor<4x1x4xi1>
  %m1 = ds.select %1, %zero, %low : (tensor<4x1x4xi1>, tensor<f32>, tensor<f32>) -> tensor<4x1x4xf32>
  %r1 = ds.attention %x, %x, %x mask %m1 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x1x4xf32>) -> tensor<1x4x4x8xf32>
  %hole = ds.constant dense<[[0.0, 0xFF800000, 0xFF800000, 0xFF800000], [0xFF800000, 0.0, 0xFF800000, 0xFF800000],
      [0.0, 0xFF800000, 0.0, 0xFF800000], [0.0, 0.0, 0.0, 0.0]]> : tensor<4x4xf32>
  %r2 = ds.attention %x, %x, %x mask %hole {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x4xf32>) -> tensor<1x4x4x8xf32>
  %3 = ds.less_equal %s, %q : (tensor<4xi64>, tensor<4x1xi64>) -> tensor<4x4xi1>
  %m3 = ds.select %3, %zero, %some : (tensor<4x4xi1>, tensor<f32>, tensor<f32>) -> tensor<4x4xf32>
  %r3 = ds.attention %x, %x, %x mask %m3 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x4xf32>) -> tensor<1x4x4x8xf32>
  %4 = ds.less %s, %count : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %m4 = ds.select %4, %zero, %low : (tensor<4xi1>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %r4 = ds.attention %x, %x, %x mask %m4 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4xf32>) -> tensor<1x4x4x8xf32>
  %twice = ds.add %q, %q : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x1xi64>
  %5 = ds.less_equal %s, %twice : (tensor<4xi64>, tensor<4x1xi64>) -> tensor<4x4xi1>
  %m5 = ds.select %5, %zero, %low : (tensor<4x4xi1>, tensor<f32>, tensor<f32>) -> tensor<4x4xf32>
  %r5 = ds.attention %x, %x, %x mask %m5 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x4xf32>) -> tensor<1x4x4x8xf32>
  %far = ds.constant dense<2147483647> : tensor<i32>
  %s32 = ds.iota [4] : tensor<4xi32>
  %q32 = ds.reshape %s32 to [4, 1] : (tensor<4xi32>) -> tensor<4x1xi32>
  %beyond = ds.add %q32, %far : (tensor<4x1xi32>, tensor<i32>) -> tensor<4x1xi32>
  %6 = ds.less_equal %s32, %beyond : (tensor<4xi32>, tensor<4x1xi32>) -> tensor<4x4xi1>
  %m6 = ds.select %6, %zero, %low : (tensor<4x4xi1>, tensor<f32>, tensor<f32>) -> tensor<4x4xf32>
  %r6 = ds.attention %x, %x, %x mask %m6 {scale = 1.0 : f64}
     : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<4x4xf32>) -> tensor<1x4x4x8xf32>
  return %r0, %r1, %r2, %r3, %r4, %r5, %r6 : tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>,
      tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>
}
