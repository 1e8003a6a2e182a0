// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{'ds.add' op C1: sizes 3 and 4 of axis 1 do not broadcast}}
  %0 = ds.add %a, %b : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return
}

// -----
func.func @result(%a: tensor<2x1xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{'ds.mul' op result type 'tensor<2x1xf32>' does not fit the inferred 'tensor<2x3xf32>'}}
  %0 = ds.mul %a, %b : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x1xf32>
  return
}

// -----
func.func @element_types(%a: tensor<2xf32>, %b: tensor<2xf16>) {
  // expected-error @+1 {{'ds.add' op requires the same element type for all operands and results}}
  %0 = ds.add %a, %b : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----
func.func @compared_types(%a: tensor<2xf32>, %b: tensor<2xi32>) {
  // expected-error @+1 {{'ds.less' op failed to verify that operands have one element type}}
  %0 = ds.less %a, %b : (tensor<2xf32>, tensor<2xi32>) -> tensor<2xi1>
  return
}

// -----
func.func @floats_only(%a: tensor<2xi32>) {
  // expected-error @+1 {{'ds.exp' op operand #0 must be ranked tensor of floating-point values}}
  %0 = ds.exp %a : (tensor<2xi32>) -> tensor<2xi32>
  return
}

// -----
func.func @bools_only(%a: tensor<2xi8>) {
  // expected-error @+1 {{'ds.not' op operand #0 must be ranked tensor of 1-bit signless integer values}}
  %0 = ds.not %a : (tensor<2xi8>) -> tensor<2xi8>
  return
}

// -----
func.func @select(%c: tensor<2xi1>, %a: tensor<3xf32>, %b: tensor<1xf32>) {
  // expected-error @+1 {{'ds.select' op C1: sizes 2 and 3 of axis 0 do not broadcast}}
  %0 = ds.select %c, %a, %b : (tensor<2xi1>, tensor<3xf32>, tensor<1xf32>) -> tensor<3xf32>
  return
}

// -----
func.func @cast(%a: tensor<2xf32>) {
  // expected-error @+1 {{'ds.cast' op result type 'tensor<3xi32>' does not fit the inferred 'tensor<2xi32>'}}
  %0 = ds.cast %a : (tensor<2xf32>) -> tensor<3xi32>
  return
}

// -----
func.func @select_types(%c: tensor<2xi1>, %a: tensor<2xf32>, %b: tensor<2xf16>) {
  // expected-error @+1 {{'ds.select' op failed to verify that all of {lhs, rhs, result} have same element type}}
  %0 = ds.select %c, %a, %b : (tensor<2xi1>, tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----
func.func @pow(%a: tensor<2xf32>, %b: tensor<2xi64>) {
  // expected-error @+1 {{'ds.pow' op failed to verify that all of {lhs, result} have same element type}}
  %0 = ds.pow %a, %b : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----
func.func @bitcast(%a: tensor<2xf32>) {
  // expected-error @+1 {{'ds.bitcast' op failed to verify that operand and result elements have one width}}
  %0 = ds.bitcast %a : (tensor<2xf32>) -> tensor<2xi16>
  return
}
