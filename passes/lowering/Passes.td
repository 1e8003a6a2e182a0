// Passes of the room passes/lowering, in their order.
#ifndef DS_LOWERING_PASSES
#define DS_LOWERING_PASSES
include "mlir/Pass/PassBase.td"

class LoweringPass<string name> : Pass<"ds-lowering-" # name, "::mlir::ModuleOp"> {
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::dsk::DskDialect",
                           "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def SelectKernels : LoweringPass<"select-kernels"> {
  let summary = "Turn products and convolutions in f32 into kernel ops, their constant operands packed";
  let description = [{
    Packing is written as ds ops, so that what packs a weight moves to the weight program with it. Axes that kernels need last are
    transposed there. Elementwise consumers move before the reshapes that kernels introduce, so that they fuse.
    ```mlir
    %c = ds.matmul %x, %w : (tensor<?x8xf32>, tensor<8x20xf32>) -> tensor<?x20xf32>
    // becomes (%p: %w padded to 32 columns, in panels of 16)
    %c = dsk.matmul %x, %p {packed_n = 20 : i64} : (tensor<?x8xf32>, tensor<2x8x16xf32>) -> tensor<?x20xf32>
    ```
    A `ds.experts` becomes two `dsk.grouped_matmul`, one that gathers the routed rows and one that scatters them, and a sum over the slots of a token.
    A product of few rows behind a gate that closes many features (its attribute `ds.sparsity`) keeps the rows of its weight, and skips those that
    meet zeros alone:
    ```mlir
    %g = ds.gate %x {ds.sparsity = 0.5 : f64, threshold = 0.1 : f64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
    %c = ds.matmul %g, %w : (tensor<1x512xf32>, tensor<512x256xf32>) -> tensor<1x256xf32>
    // becomes
    %c = dsk.matmul %g, %w {skip_zeros} : (tensor<1x512xf32>, tensor<512x256xf32>) -> tensor<1x256xf32>
    ```
  }];
  let options = [Option<"minGatedSparsity", "min-gated-sparsity", "double", "0.25", "Share of closed features from which a gated product pays">];
}
def OutlineWeights : LoweringPass<"outline-weights"> {
  let summary = "Move weights and what is computed from them alone to the weight program";
  let description = [{
    The function `@weights` returns every value that `@main` uses; `@main` names result i by `dsk.weight i`.
  }];
}
def ToLinalg : LoweringPass<"to-linalg"> {
  let summary = "Replace each ds op by loops (linalg.generic) or by a call of a group with one dsk op";
  let description = [{
    Unsigned tensors become signless ones; entry arguments and results keep `ds.type` ("u8", ...).
  }];
}
def FormGroups : LoweringPass<"form-groups"> {
  let summary = "Fuse loops and kernels into groups and outline them; main becomes a launch list";
  let description = [{
    A kernel takes the elementwise loops over exactly its result. Loops join when they share their outer (row) loops; loops
    that only one other loop reads, element by element, join without sharing rows.
  }];
}
def DeduplicateGroups : LoweringPass<"deduplicate-groups"> {
  let summary = "Make groups that are equal up to locations one";
}
def VerifyGroups : LoweringPass<"verify-groups"> {
  let summary = "Check that a module is what a target takes: the stop `groups`";
}
#endif
