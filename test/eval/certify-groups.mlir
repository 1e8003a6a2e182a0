// The lowering is certified down to groups: linalg, kernels, packed weights and launch lists are interpreted, too.
// RUN: %python -c "import random, struct; open(r'%t.bin', 'wb').write(struct.pack('1536f', *(random.gauss(0, 1) for i in range(1536))))"
// RUN: sed s@WEIGHTS@%t.bin@ %s | ds-opt - --ds-lowering --certify 2>&1 | FileCheck %s
// CHECK: certify: ds-lowering{{.*}}: output 0 'y': error {{[0-9.e-]+}}, in all
// CHECK-NOT: BROKEN
// CHECK: dsk.group

func.func @main(%x: tensor<?x32xf32> {ds.name = "x", ds.dims = ["n", ""]}, %ids: tensor<?xi64> {ds.name = "ids", ds.dims = ["n"]})
    -> (tensor<?x48xf32> {ds.name = "y"}, tensor<?x32xf32> {ds.name = "z"}) {
  %w = ds.weight "w" file "WEIGHTS" offset 0 length 6144 : tensor<32x48xf32>
  %s = ds.constant dense<0.5> : tensor<48xf32>
  %table = ds.constant dense<[0.25, 0.5, 1.0, 2.0]> : tensor<4xf32>
  %0 = ds.gather %table, %ids {axis = 0 : i64} : (tensor<4xf32>, tensor<?xi64>) -> tensor<?xf32>
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x32xf32>
  %1 = ds.reshape %0 to [%n, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %2 = ds.mul %x, %1 : (tensor<?x32xf32>, tensor<?x1xf32>) -> tensor<?x32xf32>
  %3 = ds.matmul %2, %w : (tensor<?x32xf32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  %4 = ds.add %3, %s : (tensor<?x48xf32>, tensor<48xf32>) -> tensor<?x48xf32>
  %5 = ds.gelu %4 : (tensor<?x48xf32>) -> tensor<?x48xf32>
  %6 = ds.softmax %2 axis 1 : (tensor<?x32xf32>) -> tensor<?x32xf32>
  return %5, %6 : tensor<?x48xf32>, tensor<?x32xf32>
}
