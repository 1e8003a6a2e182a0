// RUN: ds-opt %s --split-input-file --ds-lowering-to-linalg | FileCheck %s

// Unsigned tensors become signless ones; integer division by zero is 0.
// CHECK: func.func @main(%{{.*}}: tensor<4xi8> {ds.type = "u8"}, %{{.*}}: tensor<4xi8> {ds.type = "u8"}) -> (tensor<4xi8> {ds.type = "u8"})
// CHECK:   %[[ZERO:.*]] = arith.cmpi eq, %[[Y:.*]], %{{.*}} : i8
// CHECK:   %[[SAFE:.*]] = arith.select %[[ZERO]], %{{.*}}, %[[Y]]
// CHECK:   %[[Q:.*]] = arith.divui %{{.*}}, %[[SAFE]]
// CHECK:   arith.select %[[ZERO]], %{{.*}}, %[[Q]]
func.func @main(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> {
  %d = ds.div %x, %y : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %d : tensor<4xui8>
}

// -----

// Halves are computed in f32; a constant with equal elements is a scalar of the body.
// CHECK: func.func @main
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4xbf16>) outs
// CHECK:   arith.extf {{.*}} : bf16 to f32
// CHECK:   arith.mulf {{.*}} : f32
// CHECK:   arith.truncf {{.*}} : f32 to bf16
func.func @main(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %c = ds.constant dense<2.0> : tensor<bf16>
  %d = ds.mul %x, %c : (tensor<4xbf16>, tensor<bf16>) -> tensor<4xbf16>
  return %d : tensor<4xbf16>
}

// -----

// Indices are checked and clamped before they are used.
// CHECK: func.func @main
// CHECK: dsk.check %[[OK:.*]], index, %[[I:.*]], %[[N:.*]]
// CHECK: arith.select %[[OK]], %[[I]]
// CHECK: linalg.generic
// CHECK: tensor.extract
func.func @main(%t: tensor<?x4xf32>, %i: tensor<3xi64>) -> tensor<3x4xf32> {
  %g = ds.gather %t, %i {axis = 0 : i64} : (tensor<?x4xf32>, tensor<3xi64>) -> tensor<3x4xf32>
  return %g : tensor<3x4xf32>
}

// -----

// A size that the run computes: one group counts, another writes.
// CHECK: func.func private @count_non_zero(%{{.*}}: tensor<?xf32>) -> index attributes {dsk.group}
// CHECK: func.func private @non_zero(
// CHECK: func.func @main
// CHECK: %[[COUNT:.*]] = call @count_non_zero
// CHECK: %[[OUT:.*]] = tensor.empty(%[[COUNT]]) : tensor<1x?xi64>
// CHECK: call @non_zero(%{{.*}}, %[[OUT]])
func.func @main(%x: tensor<?xf32>) -> tensor<1x?xi64> {
  %n = ds.non_zero %x : (tensor<?xf32>) -> tensor<1x?xi64>
  return %n : tensor<1x?xi64>
}

// -----

// A gate is a loop: NaN passes a threshold; a learnt gate opens where its sigmoid is above it.
// CHECK: func.func @main
// CHECK:   %[[ABS:.*]] = math.absf %[[X:.*]] fastmath<contract> : f32
// CHECK:   %[[SHUT:.*]] = arith.cmpf ole, %[[ABS]], %{{.*}}
// CHECK:   arith.select %[[SHUT]], %{{.*}}, %[[X]]
// CHECK:   %[[S:.*]] = arith.divf
// CHECK:   %[[OPEN:.*]] = arith.cmpf ogt, %[[S]], %{{.*}}
// CHECK:   arith.select %[[OPEN]], %{{.*}}, %{{.*}} : f32
func.func @main(%x: tensor<?x4xf32>, %g: tensor<4xf32>) -> tensor<?x4xf32> {
  %0 = ds.gate %x {threshold = 0.1 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = ds.gate %0 by %g {threshold = 0.5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
