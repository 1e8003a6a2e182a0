// The stop `groups`: loops with bodies, reads by computed index, kernels on packed operands.
#include "Harness.h"
#include "dialects/dsk/ir/DskOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir::ds;

namespace {
class Groups : public EvalTest {
protected:
  Groups() {
    context.loadDialect<mlir::dsk::DskDialect, mlir::linalg::LinalgDialect, mlir::scf::SCFDialect, mlir::math::MathDialect>();
  }
  void expectAll(llvm::StringRef body, llvm::ArrayRef<llvm::StringRef> constants, llvm::StringRef type, llvm::ArrayRef<double> expected) {
    auto results = run(body, constants, type);
    ASSERT_TRUE(mlir::succeeded(results)) << message;
    ASSERT_EQ((*results)[0].numElements(), static_cast<int64_t>(expected.size()));
    for (int64_t i = 0; i < (*results)[0].numElements(); ++i)
      EXPECT_NEAR((*results)[0].getF64(i), expected[i], 1e-6) << "element " << i;
  }
};
const char *grid = "dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>";

TEST_F(Groups, Reduction) {
  expectAll(R"(
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<2xf32>
    %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%x0 : tensor<2x3xf32>) outs(%init : tensor<2xf32>) {
      ^bb0(%a: f32, %s: f32):
        %q = arith.mulf %a, %a : f32
        %t = arith.addf %s, %q : f32
        linalg.yield %t : f32
      } -> tensor<2xf32>
    return %r : tensor<2xf32>)",
            {grid}, "tensor<2xf32>", {14, 77});
}

TEST_F(Groups, ReadsByComputedIndex) {
  // Columns backwards, with a border of -1 in front.
  const char *body = R"(
    %border = arith.constant -1.0 : f32
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %e = tensor.empty() : tensor<2x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<2x4xf32>) {
      ^bb0(%o: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %in = arith.cmpi sge, %j, %c1 : index
        %v = scf.if %in -> f32 {
          %k = arith.subi %c3, %j : index
          %x = tensor.extract %x0[%i, %k] : tensor<2x3xf32>
          scf.yield %x : f32
        } else {
          scf.yield %border : f32
        }
        linalg.yield %v : f32
      } -> tensor<2x4xf32>
    return %r : tensor<2x4xf32>)";
  expectAll(body, {grid}, "tensor<2x4xf32>", {-1, 3, 2, 1, -1, 6, 5, 4});
  std::string outside = std::string(body).replace(std::string(body).find("constant 1 : index"), 18, "constant 0 : index");
  EXPECT_TRUE(mlir::failed(run(outside, {grid}, "tensor<2x4xf32>")));
  EXPECT_NE(message.find("reads element 3 of axis 1, which has size 3"), std::string::npos) << message;
}

TEST_F(Groups, PackedMatmul) {
  std::string panels = "dense<[[[1.0, 2.0";
  for (int row = 0; row < 2; ++row)
    for (int i = row ? 0 : 2; i < 16; ++i)
      panels += i == 0 && row ? "], [3.0" : i == 1 && row ? ", 4.0" : ", 0.0";
  panels += "]]]> : tensor<1x2x16xf32>";
  expectAll("%r = dsk.matmul %x0, %x1 {packed_n = 2 : i64} : (tensor<2x2xf32>, tensor<1x2x16xf32>) -> tensor<2x2xf32>\n return %r : tensor<2x2xf32>",
            {"dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>", panels}, "tensor<2x2xf32>", {7, 10, 15, 22});
}

TEST_F(Groups, SlicesAndScatter) {
  expectAll("%r = tensor.extract_slice %x0[1, 0] [1, 2] [1, 2] : tensor<2x3xf32> to tensor<2xf32>\n return %r : tensor<2xf32>", {grid},
            "tensor<2xf32>", {4, 6});
  expectAll("%r = dsk.scatter add %x0, %x1, %x2 : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x3xf32>) -> tensor<2x3xf32>\n return %r : tensor<2x3xf32>",
            {grid, "dense<[[-1]]> : tensor<1x1xi64>", "dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>"}, "tensor<2x3xf32>", {1, 2, 3, 5, 7, 9});
}
} // namespace
