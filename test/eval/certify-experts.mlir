// Routing and experts are certified down to groups: packed panels, grouped products, the sum over slots; a load that goes in and out.
// RUN: %python -c "import random, struct; open(r'%t.bin', 'wb').write(struct.pack('2352f', *(random.gauss(0, 1) for i in range(2352))))"
// RUN: sed s@WEIGHTS@%t.bin@ %s | ds-opt - --ds-lowering --certify 2>&1 | FileCheck %s
// CHECK: certify: ds-lowering{{.*}}: output 0 'y': error {{[0-9.e-]+}}, in all
// CHECK-NOT: BROKEN
// CHECK: dsk.group

func.func @main(%x: tensor<?x8xf32> {ds.name = "x", ds.dims = ["n", ""]}, %s: tensor<?x6xf32> {ds.name = "s", ds.dims = ["n", ""]},
                %load: tensor<6xf32> {ds.name = "load"}) -> (tensor<?x8xf32> {ds.name = "y"}, tensor<6xf32> {ds.name = "next"}) {
  %g = ds.weight "g" file "WEIGHTS" offset 0 length 3840 : tensor<6x20x8xf32>
  %u = ds.weight "u" file "WEIGHTS" offset 3840 length 3840 : tensor<6x8x20xf32>
  %d0 = ds.weight "d0" file "WEIGHTS" offset 7680 length 1280 : tensor<2x20x8xf32>
  %d1 = ds.weight "d1" file "WEIGHTS" offset 6848 length 2560 : tensor<4x20x8xf32>
  %gt = ds.transpose %g [0, 2, 1] : (tensor<6x20x8xf32>) -> tensor<6x8x20xf32>
  %d = ds.concat %d0, %d1 axis 0 : (tensor<2x20x8xf32>, tensor<4x20x8xf32>) -> tensor<6x20x8xf32>
  %b = ds.constant dense<[0.1, -0.2, 0.3, 0.0, 0.25, -0.1]> : tensor<6xf32>
  %w, %e, %p, %o, %next = ds.route %s mixing %s bias %b load %load {k = 2 : i64, score = #ds.score_kind<sigmoid>, groups = 3 : i64, top_groups = 2 : i64,
     group_best = 2 : i64, scale = 0.5 : f64, balance = #ds.balance_kind<bias>, rate = 0.01 : f64}
     : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<6xf32>, tensor<6xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<7xi64>, tensor<6xf32>)
  %y = ds.experts %x weights %w permutation %p offsets %o gate %gt up %u down %d {activation = #ds.activation<gelu>}
     : (tensor<?x8xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<7xi64>, tensor<6x8x20xf32>, tensor<6x8x20xf32>, tensor<6x20x8xf32>) -> tensor<?x8xf32>
  return %y, %next : tensor<?x8xf32>, tensor<6xf32>
}
