// A mixture of experts, executed: no token, one (decode), a few, many; the counters of the runtime.
// RUN: %python %S/Inputs/experts.py %t.0 0 40 24 8 2
// RUN: %python %S/Inputs/experts.py %t.1 1 40 24 8 2
// RUN: %python %S/Inputs/experts.py %t.5 5 40 24 8 2
// RUN: %python %S/Inputs/experts.py %t.300 300 40 24 8 2
// RUN: ds-compile %s --weights-dir=%t.1 --quiet --cpu=avx2 -o %t.dsm
// RUN: ds-run %t.dsm --inputs %t.0/in --expect %t.0/expected --quiet
// RUN: ds-run %t.dsm --inputs %t.1/in --expect %t.1/expected --rtol 1e-4 --atol 1e-5 --quiet
// RUN: ds-run %t.dsm --inputs %t.5/in --expect %t.5/expected --rtol 1e-4 --atol 1e-5 --quiet --threads 2
// RUN: ds-run %t.dsm --inputs %t.300/in --expect %t.300/expected --rtol 1e-4 --atol 1e-5 --threads 2 --stats | FileCheck %s
// CHECK: equal
// CHECK: moe{{.*}}: 8 experts, 300 tokens in 1 runs; rows per expert {{[0-9]+}} / 75.0 / {{[0-9]+}} (min, mean, max), balance 0.{{[0-9]+}}, MaxVio {{[0-9.]+}}, entropy 0.{{[0-9]+}}; 0.003456 GFLOP, 25.0% of the dense 0.01382
// RUN: ds-run %t.dsm --inputs %t.5/in --stats --json | FileCheck %s --check-prefix=JSON
// JSON: "experts": [{"node": "{{.*}}moe{{.*}}", "runs": 1, "tokens": 5, "rows": [{{[0-9, ]+}}], "mean_rows": 1.25, "balance": {{[0-9.]+}}, "max_violation": {{[0-9.]+}}, "entropy": 0.{{[0-9]+}}, "flops": 57600, "dense_flops": 230400}]
func.func @main(%x: tensor<?x40xf32> {ds.name = "x", ds.dims = ["tokens", ""]}) -> (tensor<?x40xf32> {ds.name = "y"}) {
  %router = ds.weight "router" file "weights.bin" offset 0 length 1280 : tensor<40x8xf32>
  %w1 = ds.weight "gate_up" file "weights.bin" offset 1280 length 61440 : tensor<8x48x40xf32>
  %down = ds.weight "down" file "weights.bin" offset 62720 length 30720 : tensor<8x24x40xf32>
  %gu = ds.transpose %w1 [0, 2, 1] : (tensor<8x48x40xf32>) -> tensor<8x40x48xf32>
  %gate = ds.slice %gu offsets [0, 0, 0] sizes [8, 40, 24] strides [1, 1, 1] : (tensor<8x40x48xf32>) -> tensor<8x40x24xf32>
  %up = ds.slice %gu offsets [0, 0, 24] sizes [8, 40, 24] strides [1, 1, 1] : (tensor<8x40x48xf32>) -> tensor<8x40x24xf32>
  %logits = ds.matmul %x, %router : (tensor<?x40xf32>, tensor<40x8xf32>) -> tensor<?x8xf32>
  %w, %e, %p, %o = ds.route %logits {k = 2 : i64, score = #ds.score_kind<softmax>, normalize}
     : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>, tensor<?xi64>, tensor<9xi64>)
  %y = ds.experts %x weights %w permutation %p offsets %o gate %gate up %up down %down {activation = #ds.activation<silu>}
     : (tensor<?x40xf32>, tensor<?x2xf32>, tensor<?xi64>, tensor<9xi64>, tensor<8x40x24xf32>, tensor<8x40x24xf32>, tensor<8x24x40xf32>) -> tensor<?x40xf32> loc("moe")
  %s = ds.add %y, %x : (tensor<?x40xf32>, tensor<?x40xf32>) -> tensor<?x40xf32>
  return %s : tensor<?x40xf32>
}
