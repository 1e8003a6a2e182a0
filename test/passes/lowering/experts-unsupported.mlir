// RUN: ds-opt %s --ds-lowering -verify-diagnostics
// Experts in 16 bits have no kernel.
func.func @main(%x: tensor<4x8xbf16>, %w: tensor<4x2xbf16>, %p: tensor<8xi64>, %o: tensor<3xi64>, %u: tensor<2x8x24xbf16>, %d: tensor<2x24x8xbf16>) -> tensor<4x8xbf16> {
  // expected-error @+1 {{not supported by the CPU target yet: ds.experts}}
  %y = ds.experts %x weights %w permutation %p offsets %o up %u down %d {activation = #ds.activation<silu>}
     : (tensor<4x8xbf16>, tensor<4x2xbf16>, tensor<8xi64>, tensor<3xi64>, tensor<2x8x24xbf16>, tensor<2x24x8xbf16>) -> tensor<4x8xbf16>
  return %y : tensor<4x8xbf16>
}
