// Every op of one result element from one element of each operand.
// RUN: ds-opt %s | ds-opt | FileCheck %s

// CHECK-LABEL: func @unary
func.func @unary(%x: tensor<4x?xf32>) {
  // CHECK: ds.abs %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %0 = ds.abs %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.neg %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %1 = ds.neg %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sign %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %2 = ds.sign %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.floor %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %3 = ds.floor %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.ceil %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %4 = ds.ceil %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.round %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %5 = ds.round %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sqrt %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %6 = ds.sqrt %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.rsqrt %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %7 = ds.rsqrt %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.exp %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %8 = ds.exp %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.log %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %9 = ds.log %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sin %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %10 = ds.sin %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.cos %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %11 = ds.cos %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.tan %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %12 = ds.tan %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.asin %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %13 = ds.asin %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.acos %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %14 = ds.acos %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.atan %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %15 = ds.atan %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sinh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %16 = ds.sinh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.cosh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %17 = ds.cosh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.asinh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %18 = ds.asinh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.acosh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %19 = ds.acosh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.atanh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %20 = ds.atanh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.tanh %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %21 = ds.tanh %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sigmoid %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %22 = ds.sigmoid %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.erf %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %23 = ds.erf %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.softplus %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %24 = ds.softplus %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.silu %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %25 = ds.silu %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.gelu %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %26 = ds.gelu %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.relu %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %27 = ds.relu %x : (tensor<4x?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.gelu %{{.*}} {tanh} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  %tanh_gelu = ds.gelu %x {tanh} : (tensor<4x?xf32>) -> tensor<4x?xf32>
  return
}

// CHECK-LABEL: func @binary
func.func @binary(%a: tensor<4x1xf32>, %b: tensor<?xf32>) {
  // CHECK: ds.add %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %0 = ds.add %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.sub %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %1 = ds.sub %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.mul %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %2 = ds.mul %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.div %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %3 = ds.div %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.max %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %4 = ds.max %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.min %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %5 = ds.min %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.mod %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %6 = ds.mod %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.pow %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  %7 = ds.pow %a, %b : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  // CHECK: ds.mod %{{.*}}, %{{.*}} {fmod}
  %fmod = ds.mod %a, %b {fmod} : (tensor<4x1xf32>, tensor<?xf32>) -> tensor<4x?xf32>
  return
}

// CHECK-LABEL: func @integers
func.func @integers(%a: tensor<4xui8>, %b: tensor<4xui8>, %p: tensor<4xi1>) {
  // CHECK: ds.bit_and %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %0 = ds.bit_and %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.bit_or %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %1 = ds.bit_or %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.bit_xor %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %2 = ds.bit_xor %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.shift_left %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %3 = ds.shift_left %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.shift_right %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %4 = ds.shift_right %a, %b : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.bit_not %{{.*}} : (tensor<4xui8>) -> tensor<4xui8>
  %inverted = ds.bit_not %a : (tensor<4xui8>) -> tensor<4xui8>
  // CHECK: ds.and %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %5 = ds.and %p, %p : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: ds.or %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %6 = ds.or %p, %p : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: ds.xor %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  %7 = ds.xor %p, %p : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: ds.not %{{.*}} : (tensor<4xi1>) -> tensor<4xi1>
  %not = ds.not %p : (tensor<4xi1>) -> tensor<4xi1>
  return
}

// CHECK-LABEL: func @tests
func.func @tests(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<f32>) {
  // CHECK: ds.equal %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %0 = ds.equal %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: ds.less %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = ds.less %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: ds.less_equal %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %2 = ds.less_equal %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: ds.is_nan %{{.*}} : (tensor<4xf32>) -> tensor<4xi1>
  %nan = ds.is_nan %a : (tensor<4xf32>) -> tensor<4xi1>
  // CHECK: ds.is_inf %{{.*}} {negative = false, positive = true} : (tensor<4xf32>) -> tensor<4xi1>
  %inf = ds.is_inf %a {positive = true, negative = false} : (tensor<4xf32>) -> tensor<4xi1>
  // CHECK: ds.select %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %select = ds.select %nan, %a, %c : (tensor<4xi1>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  // CHECK: ds.cast %{{.*}} : (tensor<4xf32>) -> tensor<4xui8>
  %cast = ds.cast %a : (tensor<4xf32>) -> tensor<4xui8>
  // CHECK: ds.bitcast %{{.*}} : (tensor<4xf32>) -> tensor<4xi32>
  %bits = ds.bitcast %a : (tensor<4xf32>) -> tensor<4xi32>
  return
}
