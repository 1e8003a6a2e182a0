// RUN: ds-opt %s --ds-lowering | FileCheck %s

// A kernel takes the elementwise ops over its result; softmax is loops that share rows; packing is the weight program's.

// CHECK: func.func private @[[PACK:transpose_fc1]](%{{.*}}: tensor<384x96x16xf32>, %{{.*}}: tensor<96x384x16xf32>) -> tensor<96x384x16xf32> attributes {dsk.group}
// CHECK: func.func @weights() -> (tensor<1536xf32>, tensor<96x384x16xf32>, tensor<24x1536x16xf32>)
// CHECK:   %[[RAW:.*]] = dsk.raw_weight "w1" file "m.onnx"
// CHECK:   dsk.reshape %[[RAW]] : tensor<384x1536xf32> -> tensor<384x96x16xf32>
// CHECK:   call @[[PACK]]
// CHECK: func.func private @[[FC1:matmul_add_gelu_fc1]](%[[X:.*]]: tensor<?x384xf32>, %{{.*}}: tensor<96x384x16xf32>, %{{.*}}: tensor<1536xf32>, %{{.*}}: tensor<?x1536xf32>)
// CHECK:   dsk.matmul %[[X]], %{{.*}} {packed_n = 1536 : i64}
// CHECK:   linalg.generic
// CHECK:     arith.addf {{.*}} fastmath<contract>
// CHECK:   linalg.generic
// CHECK:     math.erf
// CHECK:   return
// CHECK: func.func private @matmul_add(
// CHECK: func.func private @softmax(
// CHECK-COUNT-5: linalg.generic
// CHECK: func.func @main(%[[IN:.*]]: tensor<?x384xf32> {ds.dims = ["n", ""], ds.name = "x"})
// CHECK:   %[[N:.*]] = tensor.dim %[[IN]]
// CHECK:   %[[B:.*]] = dsk.weight 0 : tensor<1536xf32>
// CHECK:   %[[W:.*]] = dsk.weight 1 : tensor<96x384x16xf32>
// CHECK:   %[[OUT:.*]] = tensor.empty(%[[N]]) : tensor<?x1536xf32>
// CHECK:   %[[H:.*]] = call @[[FC1]](%[[IN]], %[[W]], %[[B]], %[[OUT]])
// CHECK:   call @matmul_add(%[[H]], %{{.*}}, %[[IN]], %{{.*}})
// CHECK:   call @softmax
func.func @main(%x: tensor<?x384xf32> {ds.name = "x", ds.dims = ["n", ""]}) -> (tensor<?x384xf32> {ds.name = "y"}) {
  %w = ds.weight "w1" file "m.onnx" offset 0 length 2359296 : tensor<384x1536xf32>
  %b = ds.weight "b1" file "m.onnx" offset 2359296 length 6144 : tensor<1536xf32>
  %w2 = ds.weight "w2" file "m.onnx" offset 2365440 length 2359296 : tensor<1536x384xf32>
  %h = ds.matmul %x, %w : (tensor<?x384xf32>, tensor<384x1536xf32>) -> tensor<?x1536xf32> loc("fc1")
  %hb = ds.add %h, %b : (tensor<?x1536xf32>, tensor<1536xf32>) -> tensor<?x1536xf32>
  %g = ds.gelu %hb : (tensor<?x1536xf32>) -> tensor<?x1536xf32>
  %o = ds.matmul %g, %w2 : (tensor<?x1536xf32>, tensor<1536x384xf32>) -> tensor<?x384xf32>
  %s = ds.add %o, %x : (tensor<?x384xf32>, tensor<?x384xf32>) -> tensor<?x384xf32>
  %n = ds.softmax %s axis 1 : (tensor<?x384xf32>) -> tensor<?x384xf32>
  return %n : tensor<?x384xf32>
}
