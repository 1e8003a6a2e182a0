// What --certify is made of: comparison, pipelines as text, files of inputs.
#include "Harness.h"
#include "lib/eval/Compare.h"
#include "lib/eval/Npy.h"
#include "lib/eval/PipelineText.h"
#include "lib/eval/Samples.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir::ds;

namespace {
using Certify = EvalTest;

TEST(Pipeline, Splits) {
  auto elements = splitPipeline("a{x=1 y={2,3}},func.func(b,c{p=q(r,s)}), any(d)");
  ASSERT_TRUE(mlir::succeeded(elements));
  ASSERT_EQ(elements->size(), 3u);
  EXPECT_EQ((*elements)[0].name, "a{x=1 y={2,3}}");
  EXPECT_EQ((*elements)[1].name, "func.func");
  ASSERT_EQ((*elements)[1].nested.size(), 2u);
  EXPECT_EQ((*elements)[1].nested[1].name, "c{p=q(r,s)}");
  EXPECT_TRUE((*elements)[2].isOpPipeline);
  EXPECT_TRUE(mlir::failed(splitPipeline("a(b")));
}

TEST_F(Certify, Compares) {
  auto values = run("return %x0, %x1, %x2, %x3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi8>",
                    {"dense<[1.0, -4.0]> : tensor<2xf32>", "dense<[1.0, -4.5]> : tensor<2xf32>", "dense<[1.0, 0x7FC00000]> : tensor<2xf32>",
                     "dense<[1, 2]> : tensor<2xi8>"},
                    "tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi8>");
  ASSERT_TRUE(mlir::succeeded(values));
  EXPECT_EQ(compare((*values)[0], (*values)[0]).error, 0);
  EXPECT_NEAR(compare((*values)[0], (*values)[1]).error, 0.5 / 4.5, 1e-12);
  EXPECT_TRUE(std::isinf(compare((*values)[0], (*values)[2]).error));
  EXPECT_EQ(compare((*values)[2], (*values)[2]).error, 0);
  EXPECT_TRUE(std::isinf(compare((*values)[0], (*values)[3]).error));
}

TEST_F(Certify, NpyRoundTrip) {
  auto values = run("return %x0, %x1 : tensor<2x1xbf16>, tensor<i1>", {"dense<[[1.0], [2.0]]> : tensor<2x1xbf16>", "dense<true> : tensor<i1>"},
                    "tensor<2x1xbf16>, tensor<i1>");
  ASSERT_TRUE(mlir::succeeded(values));
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("tensor", "npy", path));
  std::string why;
  for (const Tensor &tensor : *values) {
    ASSERT_TRUE(mlir::succeeded(writeNpy(path, tensor, why))) << why;
    auto read = readNpy(path, tensor.elementType(), why);
    ASSERT_TRUE(mlir::succeeded(read)) << why;
    EXPECT_EQ(compare(*read, tensor).error, 0);
  }
  EXPECT_TRUE(mlir::failed(readNpy(path, mlir::Float32Type::get(&context), why)));
  EXPECT_NE(why.find("not <f4"), std::string::npos) << why;
  llvm::sys::fs::remove(path);
}

TEST_F(Certify, SamplesAgreeBySymbol) {
  module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    func.func @main(%a: tensor<?x?xf32> {ds.dims = ["b", "s:3..4"]}, %b: tensor<?x?xi64> {ds.dims = ["b", "s + 1"], ds.range = [5, 6]}) {
      return
    })",
                                                   &context);
  ASSERT_TRUE(module);
  auto samples = sampleInputs(*module->getOps<mlir::func::FuncOp>().begin(), {});
  ASSERT_TRUE(mlir::succeeded(samples));
  auto a = (*samples)[0].shape(), b = (*samples)[1].shape();
  EXPECT_EQ(a[0], b[0]);
  EXPECT_EQ(a[1] + 1, b[1]);
  EXPECT_TRUE(a[1] == 3 || a[1] == 4);
  for (int64_t value : (*samples)[1].as<int64_t>())
    EXPECT_TRUE(value == 5 || value == 6);
}
} // namespace
