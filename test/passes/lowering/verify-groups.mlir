// RUN: ds-opt %s --split-input-file --ds-lowering-verify-groups --verify-diagnostics

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{not supported by the CPU target yet: ds.relu}}
  %a = ds.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %a : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{returns what is not a destination of its own}}
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{does not end its arguments with one destination per result}}
func.func private @group(%x: tensor<4xf32>) -> tensor<8xf32> attributes {dsk.group} {
  %e = tensor.empty() : tensor<8xf32>
  return %e : tensor<8xf32>
}

// -----

// expected-error @+1 {{is neither a group nor a launch list}}
func.func private @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
