// RUN: ds-opt %s --ds-moe-raise | FileCheck %s

// One expert after the other: its rows, its MLP on them, added to their tokens (form A).
// CHECK-LABEL: @main
// CHECK-DAG: %[[W:.*]], %[[E:.*]], %[[P:.*]], %[[O:.*]] = ds.route %arg1 {k = 2 : i64, normalize, score = #ds.score_kind<softmax>}
// CHECK-DAG: %[[A:.*]] = ds.concat %{{.*}}, %{{.*}} axis 0 : (tensor<1x6x4xf32>, tensor<1x6x4xf32>) -> tensor<2x6x4xf32>
// CHECK-DAG: %[[UP:.*]] = ds.transpose %[[A]] [0, 2, 1]
// CHECK-DAG: %[[B:.*]] = ds.concat %{{.*}}, %{{.*}} axis 0 : (tensor<1x4x6xf32>, tensor<1x4x6xf32>) -> tensor<2x4x6xf32>
// CHECK-DAG: %[[DOWN:.*]] = ds.transpose %[[B]] [0, 2, 1]
// CHECK: %[[Y:.*]] = ds.experts %arg0 weights %[[W]] permutation %[[P]] offsets %[[O]] up %[[UP]] down %[[DOWN]] {activation = #ds.activation<relu>}
// CHECK-NOT: ds.non_zero
// CHECK: return %[[Y]]

// What is different in one place stays as it is, and the remark says why.
// RUN: sed '/hit 1/s/\[0, 0, 1\]/[0, 0, 0]/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: expert 0 is added twice
// RUN: sed '/sum 1/s/<add>/<set>/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=SET
// SET: mixture-of-experts layer left as it is
// RUN: sed '/place 1/s/slot1 axis/tok1 axis/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOT
// SLOT: the mixing weight is not that of the row's token and slot
// RUN: sed '/rows 1/s/tok1/tok0/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKEN
// TOKEN: the rows that it adds to are not those where a mask is set
// RUN: sed 's/= tensor.dim .*z1, .*/= arith.constant 1 : index/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=FEWER
// FEWER: the rows that it adds to are not those where a mask is set
// RUN: sed '/zeros/s/0.0/1.0/' %s | ds-opt --ds-moe-raise -o - | FileCheck %s --check-prefix=ONES
// ONES-NOT: ds.experts
// RUN: sed '/down 1/s/ {transpose_b}//; /down 1/s/b1/a1/; /down 1/s/4x6/6x4/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=FLIPPED
// FLIPPED: expert 1's matrix is not used as the others are

// An exporter that kept only the experts that its sample hit.
// RUN: sed '/sum 1/d; s/return %y1/return %y0/' %s | ds-opt --ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=BAKED
// BAKED: warning: {{.*}}routing of the sample baked in: nothing runs experts 1
func.func @main(%x: tensor<?x4xf32> {ds.name = "x", ds.dims = ["T", ""]}, %logits: tensor<?x2xf32> {ds.name = "logits", ds.dims = ["T", ""]})
    -> (tensor<?x4xf32> {ds.name = "y"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %tok = tensor.dim %x, %c0 : tensor<?x4xf32>
  %a0 = ds.weight "a0" file "w.bin" offset 0 length 96 : tensor<6x4xf32>
  %b0 = ds.weight "b0" file "w.bin" offset 96 length 96 : tensor<4x6xf32>
  %a1 = ds.weight "a1" file "w.bin" offset 192 length 96 : tensor<6x4xf32>
  %b1 = ds.weight "b1" file "w.bin" offset 288 length 96 : tensor<4x6xf32>
  %experts = ds.constant dense<[0, 1]> : tensor<2xi64>
  %zero = ds.constant dense<0.0> : tensor<f32> // zeros
  %zeros = ds.broadcast %zero to [%tok, 4] : (tensor<f32>) -> tensor<?x4xf32>
  %p = ds.softmax %logits axis 1 : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %v, %i = ds.top_k %p [2] axis 1 {largest} : (tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %total = ds.reduce sum %v [1] {keepdims} : (tensor<?x2xf32>) -> tensor<?x1xf32>
  %w = ds.div %v, %total : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %i3 = ds.reshape %i to [%tok, 2, 1] : (tensor<?x2xi64>) -> tensor<?x2x1xi64>
  %mask = ds.equal %i3, %experts : (tensor<?x2x1xi64>, tensor<2xi64>) -> tensor<?x2x2xi1>

  %m0 = ds.slice %mask offsets [0, 0, 0] sizes [%tok, 2, 1] strides [1, 1, 1] : (tensor<?x2x2xi1>) -> tensor<?x2x1xi1> // hit 0
  %h0 = ds.transpose %m0 [2, 1, 0] : (tensor<?x2x1xi1>) -> tensor<1x2x?xi1>
  %g0 = ds.reshape %h0 to [2, %tok] : (tensor<1x2x?xi1>) -> tensor<2x?xi1>
  %z0 = ds.non_zero %g0 : (tensor<2x?xi1>) -> tensor<2x?xi64>
  %n0 = tensor.dim %z0, %c1 : tensor<2x?xi64>
  %slot0r = ds.slice %z0 offsets [0, 0] sizes [1, %n0] strides [1, 1] : (tensor<2x?xi64>) -> tensor<1x?xi64>
  %slot0 = ds.reshape %slot0r to [%n0, 1] : (tensor<1x?xi64>) -> tensor<?x1xi64>
  %tok0r = ds.slice %z0 offsets [1, 0] sizes [1, %n0] strides [1, 1] : (tensor<2x?xi64>) -> tensor<1x?xi64>
  %tok0 = ds.reshape %tok0r to [%n0, 1] : (tensor<1x?xi64>) -> tensor<?x1xi64>
  %x0 = ds.gather_nd %x, %tok0 {batch_dims = 0 : i64} : (tensor<?x4xf32>, tensor<?x1xi64>) -> tensor<?x4xf32> // rows 0
  %u0 = ds.matmul %x0, %a0 {transpose_b} : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
  %r0 = ds.relu %u0 : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %d0 = ds.matmul %r0, %b0 {transpose_b} : (tensor<?x6xf32>, tensor<4x6xf32>) -> tensor<?x4xf32> // down 0
  %p0 = ds.concat %tok0, %slot0 axis 1 : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64> // place 0
  %w0 = ds.gather_nd %w, %p0 {batch_dims = 0 : i64} : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %w0r = ds.reshape %w0 to [%n0, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %e0 = ds.mul %d0, %w0r : (tensor<?x4xf32>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %y0 = ds.scatter_nd %zeros, %tok0, %e0 {kind = #ds.scatter_kind<add>} : (tensor<?x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>

  %m1 = ds.slice %mask offsets [0, 0, 1] sizes [%tok, 2, 1] strides [1, 1, 1] : (tensor<?x2x2xi1>) -> tensor<?x2x1xi1> // hit 1
  %h1 = ds.transpose %m1 [2, 1, 0] : (tensor<?x2x1xi1>) -> tensor<1x2x?xi1>
  %g1 = ds.reshape %h1 to [2, %tok] : (tensor<1x2x?xi1>) -> tensor<2x?xi1>
  %z1 = ds.non_zero %g1 : (tensor<2x?xi1>) -> tensor<2x?xi64>
  %n1 = tensor.dim %z1, %c1 : tensor<2x?xi64>
  %slot1r = ds.slice %z1 offsets [0, 0] sizes [1, %n1] strides [1, 1] : (tensor<2x?xi64>) -> tensor<1x?xi64>
  %slot1 = ds.reshape %slot1r to [%n1, 1] : (tensor<1x?xi64>) -> tensor<?x1xi64>
  %tok1r = ds.slice %z1 offsets [1, 0] sizes [1, %n1] strides [1, 1] : (tensor<2x?xi64>) -> tensor<1x?xi64>
  %tok1 = ds.reshape %tok1r to [%n1, 1] : (tensor<1x?xi64>) -> tensor<?x1xi64>
  %x1 = ds.gather_nd %x, %tok1 {batch_dims = 0 : i64} : (tensor<?x4xf32>, tensor<?x1xi64>) -> tensor<?x4xf32> // rows 1
  %u1 = ds.matmul %x1, %a1 {transpose_b} : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
  %r1 = ds.relu %u1 : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %d1 = ds.matmul %r1, %b1 {transpose_b} : (tensor<?x6xf32>, tensor<4x6xf32>) -> tensor<?x4xf32> // down 1
  %p1 = ds.concat %tok1, %slot1 axis 1 : (tensor<?x1xi64>, tensor<?x1xi64>) -> tensor<?x2xi64> // place 1
  %w1 = ds.gather_nd %w, %p1 {batch_dims = 0 : i64} : (tensor<?x2xf32>, tensor<?x2xi64>) -> tensor<?xf32>
  %w1r = ds.reshape %w1 to [%n1, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %e1 = ds.mul %d1, %w1r : (tensor<?x4xf32>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %y1 = ds.scatter_nd %y0, %tok1, %e1 {kind = #ds.scatter_kind<add>} : (tensor<?x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32> // sum 1
  return %y1 : tensor<?x4xf32>
}
