// RUN: ds-opt %s --ds-moe-raise | FileCheck %s

// Rows sorted by expert, a product for each segment, the order of the tokens restored (form C). The stacks are used as they are.
// CHECK-LABEL: @main
// CHECK-DAG: %[[BOTH:.*]] = ds.weight "gate_up"
// CHECK-DAG: %[[DOWN:.*]] = ds.weight "down"
// CHECK-DAG: %[[W:.*]], %[[E:.*]], %[[P:.*]], %[[O:.*]] = ds.route %arg1 {k = 2 : i64, normalize, score = #ds.score_kind<softmax>}
// CHECK-DAG: %[[GATE:.*]] = ds.slice %[[BOTH]] offsets [0, 0, 0] sizes [2, 4, 3]
// CHECK-DAG: %[[UP:.*]] = ds.slice %[[BOTH]] offsets [0, 0, 3] sizes [2, 4, 3]
// CHECK: %[[Y:.*]] = ds.experts %arg0 weights %[[W]] permutation %[[P]] offsets %[[O]] gate %[[GATE]] up %[[UP]] down %[[DOWN]]
// CHECK-SAME: {activation = #ds.activation<relu>}
// CHECK-NOT: ds.top_k
// CHECK: return %[[Y]]

// What is different in one place stays as it is, and the remark says why.
// RUN: sed '/ sort$/s/axis 0/axis 0 {largest}/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=LARGEST
// LARGEST: what is counted is not every row's expert, sorted, smallest first
// RUN: sed '/ histogram$/s/<add>/<set>/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: segment 0 does not end at the running sum of the rows per expert
// RUN: sed '/ quotient$/s/two/one/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=FLOOR
// FLOOR: the experts' rows go back to other tokens than they came from
// RUN: sed '/ scale$/s/2.0/0.9/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=BINS
// BINS: what is counted is not every row's expert
// RUN: sed '/ range 1$/s/begin1/one/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: segment 1 does not multiply the rows that it holds
// RUN: sed '/ put together$/s/y0, %y1/y1, %y0/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: segment 0 does not end at the running sum of the rows per expert
// RUN: sed '/ inverse$/s/<set>/<add>/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=INVERSE
// INVERSE: what this top-k chooses reaches experts in no form that is known
// RUN: sed '/ weights$/s/place/source2/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: the mixing weight is not that of the row's token and slot
// RUN: sed '/ matrix 1$/s/b1v/b0v/' %s | ds-opt --ds-moe-raise --remark-policy=all --remarks-filter=ds-moe-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=MATRIX
// MATRIX: expert 1's matrix is not used as the others are
#map = affine_map<(d0) -> (d0 * 2)>
#map1 = affine_map<(d0, d1) -> (-d0 + d1)>
#map2 = affine_map<(d0, d1) -> (d0 + d1)>
func.func @main(%x: tensor<?x4xf32> {ds.name = "x", ds.dims = ["T", ""]}, %logits: tensor<?x2xf32> {ds.name = "logits", ds.dims = ["T", ""]})
    -> (tensor<?x4xf32> {ds.name = "y"}) {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x4xf32>
  %rows = affine.apply #map(%tokens)
  %zero = ds.constant dense<0> : tensor<i64>
  %true = ds.constant dense<true> : tensor<i1>
  %two = ds.constant dense<2> : tensor<i64>
  %one = ds.constant dense<1> : tensor<i64>
  %onef = ds.constant dense<1.000000e+00> : tensor<f32>
  %zeros = ds.constant dense<0.000000e+00> : tensor<2xf32>
  %gate_up = ds.weight "gate_up" file "w.bin" offset 0 length 192 : tensor<2x4x6xf32>
  %down = ds.weight "down" file "w.bin" offset 192 length 96 : tensor<2x3x4xf32>
  %scale = ds.constant dense<2.0> : tensor<f32> // scale
  %p = ds.softmax %logits axis 1 : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %v, %i = ds.top_k %p [2] axis 1 {largest} : (tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  %total = ds.reduce sum %v [1] {keepdims} : (tensor<?x2xf32>) -> tensor<?x1xf32>
  %w = ds.div %v, %total : (tensor<?x2xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
  %flat = ds.reshape %i to [%rows] : (tensor<?x2xi64>) -> tensor<?xi64>
  %sorted, %perm = ds.top_k %flat [%rows] axis 0 : (tensor<?xi64>) -> (tensor<?xi64>, tensor<?xi64>) // sort
  %negative = ds.less %perm, %zero : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %differs = ds.equal %negative, %true : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %rest = ds.mod %perm, %two : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  %uneven = ds.cast %rest : (tensor<?xi64>) -> tensor<?xi1>
  %below = ds.and %differs, %uneven : (tensor<?xi1>, tensor<?xi1>) -> tensor<?xi1>
  %less1 = ds.cast %below : (tensor<?xi1>) -> tensor<?xi64>
  %quotient = ds.div %perm, %two : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64> // quotient
  %source = ds.sub %quotient, %less1 : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64> // source
  %place = ds.reshape %perm to [%rows, 1] : (tensor<?xi64>) -> tensor<?x1xi64>
  %source2 = ds.reshape %source to [%rows, 1] : (tensor<?xi64>) -> tensor<?x1xi64>
  %xs = ds.gather_nd %x, %source2 {batch_dims = 0 : i64} : (tensor<?x4xf32>, tensor<?x1xi64>) -> tensor<?x4xf32>
  %wflat = ds.reshape %w to [%rows] : (tensor<?x2xf32>) -> tensor<?xf32>
  %ws = ds.gather_nd %wflat, %place {batch_dims = 0 : i64} : (tensor<?xf32>, tensor<?x1xi64>) -> tensor<?xf32> // weights
  %sortedf = ds.cast %sorted : (tensor<?xi64>) -> tensor<?xf32>
  %scaled = ds.mul %sortedf, %scale : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %bin = ds.cast %scaled : (tensor<?xf32>) -> tensor<?xi64>
  %bin0 = ds.relu %bin : (tensor<?xi64>) -> tensor<?xi64>
  %bins = ds.min %bin0, %one : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64> // bins
  %ones = ds.broadcast %onef to [%rows] : (tensor<f32>) -> tensor<?xf32>
  %histogram = ds.scatter_elements %zeros, %bins, %ones {axis = 0 : i64, kind = #ds.scatter_kind<add>} : (tensor<2xf32>, tensor<?xi64>, tensor<?xf32>) -> tensor<2xf32> // histogram
  %counts = ds.cast %histogram : (tensor<2xf32>) -> tensor<2xi32>
  %ends = ds.scan sum %counts axis 0 : (tensor<2xi32>) -> tensor<2xi32> // ends
  %end1v = tensor.extract %ends[%c1] : tensor<2xi32>
  %end1 = arith.index_cast %end1v : i32 to index
  %end0v = tensor.extract %ends[%c0] : tensor<2xi32>
  %end0 = arith.index_cast %end0v : i32 to index
  %size1 = affine.apply #map1(%end0, %end1)
  %n1 = arith.maxsi %c0, %size1 : index
  %n0 = arith.maxsi %c0, %end0 : index
  %n = affine.apply #map2(%n1, %n0)
  %ends64 = ds.cast %ends : (tensor<2xi32>) -> tensor<2xi64>
  %begin1v = ds.slice %ends64 offsets [0] sizes [1] strides [1] : (tensor<2xi64>) -> tensor<1xi64>
  %begin1 = ds.reshape %begin1v to [] : (tensor<1xi64>) -> tensor<i64>
  %range0 = ds.iota [%n0] : tensor<?xi64>
  %iota1 = ds.iota [%n1] : tensor<?xi64>
  %range1 = ds.add %iota1, %begin1 : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64> // range 1
  %a0v = ds.slice %gate_up offsets [0, 0, 0] sizes [1, 4, 6] strides [1, 1, 1] : (tensor<2x4x6xf32>) -> tensor<1x4x6xf32>
  %a1v = ds.slice %gate_up offsets [1, 0, 0] sizes [1, 4, 6] strides [1, 1, 1] : (tensor<2x4x6xf32>) -> tensor<1x4x6xf32>
  %x0 = ds.gather %xs, %range0 {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  %a0 = ds.reshape %a0v to [4, 6] : (tensor<1x4x6xf32>) -> tensor<4x6xf32>
  %h0 = ds.matmul %x0, %a0 : (tensor<?x4xf32>, tensor<4x6xf32>) -> tensor<?x6xf32>
  %x1 = ds.gather %xs, %range1 {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?xi64>) -> tensor<?x4xf32> // rows 1
  %a1 = ds.reshape %a1v to [4, 6] : (tensor<1x4x6xf32>) -> tensor<4x6xf32>
  %h1 = ds.matmul %x1, %a1 : (tensor<?x4xf32>, tensor<4x6xf32>) -> tensor<?x6xf32>
  %h = ds.concat %h0, %h1 axis 0 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  %g = ds.slice %h offsets [0, 0] sizes [%n, 3] strides [1, 1] : (tensor<?x6xf32>) -> tensor<?x3xf32>
  %u = ds.slice %h offsets [0, 3] sizes [%n, 3] strides [1, 1] : (tensor<?x6xf32>) -> tensor<?x3xf32>
  %r = ds.relu %g : (tensor<?x3xf32>) -> tensor<?x3xf32>
  %a = ds.mul %r, %u : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %b0v = ds.slice %down offsets [0, 0, 0] sizes [1, 3, 4] strides [1, 1, 1] : (tensor<2x3x4xf32>) -> tensor<1x3x4xf32>
  %b1v = ds.slice %down offsets [1, 0, 0] sizes [1, 3, 4] strides [1, 1, 1] : (tensor<2x3x4xf32>) -> tensor<1x3x4xf32>
  %r0 = ds.gather %a, %range0 {axis = 0 : i64} : (tensor<?x3xf32>, tensor<?xi64>) -> tensor<?x3xf32>
  %b0 = ds.reshape %b0v to [3, 4] : (tensor<1x3x4xf32>) -> tensor<3x4xf32>
  %y0 = ds.matmul %r0, %b0 : (tensor<?x3xf32>, tensor<3x4xf32>) -> tensor<?x4xf32>
  %r1 = ds.gather %a, %range1 {axis = 0 : i64} : (tensor<?x3xf32>, tensor<?xi64>) -> tensor<?x3xf32> // hidden 1
  %b1 = ds.reshape %b1v to [3, 4] : (tensor<1x3x4xf32>) -> tensor<3x4xf32> // matrix 1
  %y1 = ds.matmul %r1, %b1 : (tensor<?x3xf32>, tensor<3x4xf32>) -> tensor<?x4xf32>
  %y = ds.concat %y0, %y1 axis 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> // put together
  %wcolumn = ds.reshape %ws to [%rows, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %wy = ds.mul %y, %wcolumn : (tensor<?x4xf32>, tensor<?x1xf32>) -> tensor<?x4xf32> // weighted
  %iota = ds.iota [%rows] : tensor<?xi64>
  %empty = ds.broadcast %zero to [%rows] : (tensor<i64>) -> tensor<?xi64>
  %inverse = ds.scatter_nd %empty, %place, %iota {kind = #ds.scatter_kind<set>} : (tensor<?xi64>, tensor<?x1xi64>, tensor<?xi64>) -> tensor<?xi64> // inverse
  %inverse2 = ds.reshape %inverse to [%rows, 1] : (tensor<?xi64>) -> tensor<?x1xi64>
  %back = ds.gather_nd %wy, %inverse2 {batch_dims = 0 : i64} : (tensor<?x4xf32>, tensor<?x1xi64>) -> tensor<?x4xf32>
  %slots = ds.reshape %back to [%tokens, 2, 4] : (tensor<?x4xf32>) -> tensor<?x2x4xf32> // slots
  %out = ds.reduce sum %slots [1] : (tensor<?x2x4xf32>) -> tensor<?x4xf32> // sum
  return %out : tensor<?x4xf32>
}

