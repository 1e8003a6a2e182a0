// RUN: ds-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @experts
func.func @experts(%x: tensor<?x8xf32>, %p: tensor<?xi64>, %o: tensor<5xi64>, %w: tensor<?x2xf32>, %gu: tensor<4x4x8x16xf32>, %d: tensor<4x1x24x16xf32>) {
  // CHECK: dsk.grouped_matmul %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {activation = #dsk.activation<silu>, gated, packed_n = 24 : i64, slots = 2 : i64} :
  %h = dsk.grouped_matmul %x, %p, %o, %gu {packed_n = 24 : i64, slots = 2 : i64, gated, activation = #dsk.activation<silu>}
     : (tensor<?x8xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x4x8x16xf32>) -> tensor<?x24xf32>
  // CHECK: dsk.grouped_matmul %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale %{{.*}} {activation = #dsk.activation<identity>, packed_n = 8 : i64, row_flops = 10 : i64, slots = 2 : i64} :
  %y = dsk.grouped_matmul %h, %p, %o, %d scale %w {packed_n = 8 : i64, slots = 2 : i64, activation = #dsk.activation<identity>, row_flops = 10 : i64}
     : (tensor<?x24xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x1x24x16xf32>, tensor<?x2xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func @pack
func.func @pack(%w: tensor<2x20x8xf32>) {
  // CHECK: dsk.pack_panels %{{.*}} {column_strides = array<i64: 8, 8>, columns = 20 : i64, offsets = array<i64: 0, 160>, row_strides = array<i64: 1, 1>, sources = array<i64: 0, 0>} :
  %p = dsk.pack_panels %w {columns = 20 : i64, sources = array<i64: 0, 0>, offsets = array<i64: 0, 160>, row_strides = array<i64: 1, 1>,
                           column_strides = array<i64: 8, 8>} : (tensor<2x20x8xf32>) -> tensor<2x2x8x16xf32>
  return
}

// -----
func.func @rank(%x: tensor<?x8xf32>, %p: tensor<?xi64>, %o: tensor<5xi64>, %d: tensor<4x8x16xf32>) {
  // expected-error @+1 {{'dsk.grouped_matmul' op C1: ranks}}
  %h = dsk.grouped_matmul %x, %p, %o, %d {packed_n = 16 : i64, slots = 2 : i64, activation = #dsk.activation<silu>}
     : (tensor<?x8xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x8x16xf32>) -> tensor<?x16xf32>
  return
}

// -----
func.func @panels(%x: tensor<?x8xf32>, %p: tensor<?xi64>, %o: tensor<5xi64>, %d: tensor<4x2x8x16xf32>) {
  // expected-error @+1 {{'dsk.grouped_matmul' op C2: the panels do not hold 32 columns of gate and up}}
  %h = dsk.grouped_matmul %x, %p, %o, %d {packed_n = 32 : i64, slots = 2 : i64, gated, activation = #dsk.activation<silu>}
     : (tensor<?x8xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x2x8x16xf32>) -> tensor<?x32xf32>
  return
}

// -----
func.func @experts_differ(%x: tensor<?x8xf32>, %p: tensor<?xi64>, %o: tensor<4xi64>, %d: tensor<4x2x8x16xf32>) {
  // expected-error @+1 {{'dsk.grouped_matmul' op C3: experts or inner sizes differ}}
  %h = dsk.grouped_matmul %x, %p, %o, %d {packed_n = 32 : i64, slots = 2 : i64, activation = #dsk.activation<silu>}
     : (tensor<?x8xf32>, tensor<?xi64>, tensor<4xi64>, tensor<4x2x8x16xf32>) -> tensor<?x32xf32>
  return
}

// -----
func.func @scatters_with_activation(%x: tensor<?x8xf32>, %p: tensor<?xi64>, %o: tensor<5xi64>, %d: tensor<4x2x8x16xf32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{'dsk.grouped_matmul' op C4: what scatters has neither gate nor activation}}
  %h = dsk.grouped_matmul %x, %p, %o, %d scale %w {packed_n = 32 : i64, slots = 2 : i64, activation = #dsk.activation<silu>}
     : (tensor<?x8xf32>, tensor<?xi64>, tensor<5xi64>, tensor<4x2x8x16xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return
}

// -----
func.func @pack_lists(%w: tensor<2x20x8xf32>) {
  // expected-error @+1 {{'dsk.pack_panels' op C1: sources, offsets and strides name different numbers of matrices}}
  %p = dsk.pack_panels %w {columns = 20 : i64, sources = array<i64: 0, 0>, offsets = array<i64: 0>, row_strides = array<i64: 1, 1>,
                           column_strides = array<i64: 8, 8>} : (tensor<2x20x8xf32>) -> tensor<2x2x8x16xf32>
  return
}

// -----
func.func @pack_result(%w: tensor<2x20x8xf32>) {
  // expected-error @+1 {{'dsk.pack_panels' op C2: the result does not hold 2 matrices of 20 columns}}
  %p = dsk.pack_panels %w {columns = 20 : i64, sources = array<i64: 0, 0>, offsets = array<i64: 0, 160>, row_strides = array<i64: 1, 1>,
                           column_strides = array<i64: 8, 8>} : (tensor<2x20x8xf32>) -> tensor<2x1x8x16xf32>
  return
}

// -----
func.func @pack_outside(%w: tensor<2x20x8xf32>) {
  // expected-error @+1 {{'dsk.pack_panels' op C3: a matrix of operand 0 is not inside it}}
  %p = dsk.pack_panels %w {columns = 20 : i64, sources = array<i64: 0, 0>, offsets = array<i64: 0, 161>, row_strides = array<i64: 1, 1>,
                           column_strides = array<i64: 8, 8>} : (tensor<2x20x8xf32>) -> tensor<2x2x8x16xf32>
  return
}
