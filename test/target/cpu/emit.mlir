// RUN: ds-compile %s --emit=llvm --cpu=avx2 | FileCheck %s --check-prefix=AVX2
// RUN: ds-compile %s --emit=llvm --cpu=avx512 | FileCheck %s --check-prefix=AVX512
// RUN: ds-compile %s --emit=asm --cpu=avx512 | FileCheck %s --check-prefix=ASM
// RUN: ds-compile %s --quiet --cpu=avx2,avx512 -o %t.dsm
// RUN: ds-run %t.dsm --describe | FileCheck %s --check-prefix=FILE
// RUN: not ds-compile %s --cpu=z80 -o %t.none 2>&1 | FileCheck %s --check-prefix=BAD
// One image per ISA in one file; loops are as wide as the ISA.
// AVX2: @ds_model = {{.*}}constant
// AVX2: <8 x float>
// AVX512: <16 x float>
// ASM: %zmm
// FILE-DAG: avx2
// FILE-DAG: avx512
// BAD: error: --cpu: no code for 'z80'; there is: avx2, avx512
#id = affine_map<(d0) -> (d0)>
func.func private @double(%x: tensor<?xf32>, %out: tensor<?xf32>) -> tensor<?xf32> attributes {dsk.group} {
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%out : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}
func.func @main(%x: tensor<?xf32> {ds.name = "x", ds.dims = ["n"]}) -> (tensor<?xf32> {ds.name = "y"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %o = tensor.empty(%n) : tensor<?xf32>
  %r = func.call @double(%x, %o) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
