// RUN: ds-opt %s --ds-lowering | FileCheck %s
// Rounding to 16 bits stays where ONNX has it: casts carry no `contract`, which would let a narrowing and a widening cancel.
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.addf {{.*}} fastmath<contract>
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.mulf {{.*}} fastmath<contract>
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @main(%a: tensor<4xf16> {ds.name = "a"}, %b: tensor<4xf16> {ds.name = "b"}) -> (tensor<4xf16> {ds.name = "y"}) {
  %0 = ds.add %a, %b : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  %1 = ds.mul %0, %b : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  return %1 : tensor<4xf16>
}
