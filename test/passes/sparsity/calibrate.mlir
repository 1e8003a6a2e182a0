// RUN: rm -rf %t && mkdir -p %t/samples/c %t/none && %python %S/Inputs/write-samples.py %t/samples
// RUN: ds-opt %s --ds-sparsity-calibrate="inputs=%t/samples target=0.44 thresholds-out=%t/gates.json" | FileCheck %s
// RUN: FileCheck %s --check-prefix=JSON < %t/gates.json
// RUN: ds-opt %s --ds-sparsity-calibrate="inputs=%t/samples max-drop=0.2" --remarks-filter=".*" 2>&1 | FileCheck %s --check-prefix=DROP
// RUN: not ds-opt %s --ds-sparsity-calibrate="inputs=%t/none" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not ds-opt %s --ds-sparsity-calibrate="inputs=%t/samples target=1.5" 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: %python -c "open('%t/none/bad.npz', 'w').write('PK')"
// RUN: not ds-opt %s --ds-sparsity-calibrate="inputs=%t/none" 2>&1 | FileCheck %s --check-prefix=BAD

// NONE: no samples in
// TARGET: target from 0 to below 1
// BAD: bad.npz: not a ZIP archive

// x has |x| from 1 to 20 in every sample, and y a few large features: closing the others of y removes least, so y's gate closes most.
// The gate of z has no site, and stays.
// CHECK: ds.gate %arg0 {ds.site = "a", ds.sparsity = 1.000000e-01 : f64, threshold = 2.500000e+00 : f64}
// CHECK: ds.gate %arg1 {ds.site = "b", ds.sparsity = 8.000000e-01 : f64, threshold = 4.062500e+00 : f64}
// CHECK: ds.gate %{{.*}} {threshold = 1.000000e-01 : f64}
// JSON: "format": "ds-gates-1"
// JSON: "samples": 3
// JSON: "features": 20
// JSON: "name": "a"
// JSON: "weights": 40
// JSON-COUNT-11: "target"
// JSON-NOT: "target"

// DROP: sparsity 0.70: outputs change by {{.*}} (95%), within max-drop
// DROP: beyond max-drop
// DROP: of the weights behind gates stay unread
func.func @main(%x: tensor<1x20xf32> {ds.name = "x"}, %y: tensor<1x20xf32> {ds.name = "y"}) -> tensor<1x2xf32> {
  %w = ds.constant dense<0.5> : tensor<20x2xf32>
  %0 = ds.gate %x {ds.site = "a", threshold = 0.0 : f64} : (tensor<1x20xf32>) -> tensor<1x20xf32>
  %1 = ds.gate %y {ds.site = "b", threshold = 0.0 : f64} : (tensor<1x20xf32>) -> tensor<1x20xf32>
  %2 = ds.matmul %0, %w : (tensor<1x20xf32>, tensor<20x2xf32>) -> tensor<1x2xf32>
  %3 = ds.matmul %1, %w : (tensor<1x20xf32>, tensor<20x2xf32>) -> tensor<1x2xf32>
  %z = ds.add %2, %3 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %4 = ds.gate %z {threshold = 0.1 : f64} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}
