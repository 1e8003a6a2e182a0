// RUN: ds-opt %s -split-input-file -verify-diagnostics

func.func @weight_dynamic() {
  // expected-error @+1 {{'ds.weight' op C1: a weight has a static shape}}
  %0 = ds.weight "w" file "m.onnx" offset 0 length 16 : tensor<?x2xf32>
  return
}

// -----
func.func @weight_length() {
  // expected-error @+1 {{'ds.weight' op C2: length 12 is not the 16 bytes of 'tensor<2x2xf32>'}}
  %0 = ds.weight "w" file "m.onnx" offset 0 length 12 : tensor<2x2xf32>
  return
}

// -----
func.func @weight_overflow() {
  // expected-error @+1 {{'ds.weight' op C2: the byte size overflows 64 bits}}
  %0 = ds.weight "w" file "m.onnx" offset 0 length 0 : tensor<4611686018427387904x4xf32>
  return
}

// -----
func.func @weight_offset() {
  // expected-error @+1 {{'ds.weight' op C3: the offset is negative}}
  %0 = ds.weight "w" file "m.onnx" offset -4 length 16 : tensor<2x2xf32>
  return
}
