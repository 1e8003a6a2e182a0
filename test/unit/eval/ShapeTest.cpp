// Ops that move elements, also by sizes that are data, and the errors of indices.
#include "Harness.h"

using namespace mlir::ds;

namespace {
using Shape = EvalTest;
const char *grid = "dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>";

TEST_F(Shape, TransposeSliceConcat) {
  expect("ds.transpose %x0 [1, 0] : (tensor<2x3xi32>) -> tensor<3x2xi32>", {grid}, "tensor<3x2xi32>",
         {1, 4, 2, 5, 3, 6});
  expect("ds.slice %x0 offsets [1, 2] sizes [1, 2] strides [1, -2] : (tensor<2x3xi32>) -> tensor<1x2xi32>", {grid},
         "tensor<1x2xi32>", {6, 4});
  expect("ds.concat %x0, %x0 axis 1 : (tensor<2x3xi32>, tensor<2x3xi32>) -> tensor<2x6xi32>", {grid}, "tensor<2x6xi32>",
         {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  expect("ds.broadcast %x0 to [2, 2] : (tensor<2x1xi32>) -> tensor<2x2xi32>", {"dense<[[1], [2]]> : tensor<2x1xi32>"},
         "tensor<2x2xi32>", {1, 1, 2, 2});
  expect("ds.iota [3] : tensor<3xf32>", {}, "tensor<3xf32>", {0, 1, 2});
}

TEST_F(Shape, SizesThatAreData) {
  auto results = run(R"(
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = tensor.dim %x0, %c1 : tensor<2x3xi32>
    %k = tensor.extract %x1[%c0] : tensor<1xi64>
    %i = arith.index_cast %k : i64 to index
    %m = affine.apply affine_map<(d0)[s0] -> (d0 * s0 floordiv 2)>(%n)[%i]
    %r = ds.reshape %x0 to [%m, 2] : (tensor<2x3xi32>) -> tensor<?x2xi32>
    return %r, %m : tensor<?x2xi32>, index)",
                     {grid, "dense<2> : tensor<1xi64>"}, "tensor<?x2xi32>, index");
  ASSERT_TRUE(mlir::succeeded(results)) << message;
  EXPECT_EQ((*results)[0].shape(), llvm::ArrayRef<int64_t>({3, 2}));
  EXPECT_EQ((*results)[1].getI64(0), 3);
}

TEST_F(Shape, PadModes) {
  auto pad = [&](std::string mode, int low, int high, std::initializer_list<double> expected) {
    std::string type = "tensor<" + std::to_string(3 + low + high) + "xi32>";
    expect("ds.pad %x0, %x1 " + mode + " low [" + std::to_string(low) + "] high [" + std::to_string(high) +
               "] : (tensor<3xi32>, tensor<i32>) -> " + type,
           {"dense<[1, 2, 3]> : tensor<3xi32>", "dense<9> : tensor<i32>"}, type, expected);
  };
  pad("constant", 1, 2, {9, 1, 2, 3, 9, 9});
  pad("constant", -1, 1, {2, 3, 9});
  pad("reflect", 2, 1, {3, 2, 1, 2, 3, 2});
  pad("edge", 2, 1, {1, 1, 1, 2, 3, 3});
  pad("wrap", 2, 1, {2, 3, 1, 2, 3, 1});
}

TEST_F(Shape, GatherAndScatter) {
  expect("ds.gather %x0, %x1 {axis = 1 : i64} : (tensor<2x3xi32>, tensor<2xi64>) -> tensor<2x2xi32>",
         {grid, "dense<[-1, 0]> : tensor<2xi64>"}, "tensor<2x2xi32>", {3, 1, 6, 4});
  expect("ds.gather_elements %x0, %x1 {axis = 0 : i64} : (tensor<2x3xi32>, tensor<1x3xi64>) -> tensor<1x3xi32>",
         {grid, "dense<[[1, 0, -1]]> : tensor<1x3xi64>"}, "tensor<1x3xi32>", {4, 2, 6});
  expect("ds.gather_nd %x0, %x1 {batch_dims = 0 : i64} : (tensor<2x3xi32>, tensor<2x2xi64>) -> tensor<2xi32>",
         {grid, "dense<[[0, 1], [1, -1]]> : tensor<2x2xi64>"}, "tensor<2xi32>", {2, 6});
  expect("ds.scatter_elements %x0, %x1, %x2 {axis = 1 : i64, kind = #ds.scatter_kind<add>} : (tensor<2x3xi32>, "
         "tensor<1x2xi64>, tensor<1x2xi32>) -> tensor<2x3xi32>",
         {grid, "dense<[[1, 1]]> : tensor<1x2xi64>", "dense<[[10, 20]]> : tensor<1x2xi32>"}, "tensor<2x3xi32>",
         {1, 32, 3, 4, 5, 6});
  expect("ds.scatter_nd %x0, %x1, %x2 {kind = #ds.scatter_kind<set>} : (tensor<2x3xi32>, tensor<1x1xi64>, "
         "tensor<1x3xi32>) -> tensor<2x3xi32>",
         {grid, "dense<[[-1]]> : tensor<1x1xi64>", "dense<[[7, 8, 9]]> : tensor<1x3xi32>"}, "tensor<2x3xi32>",
         {1, 2, 3, 7, 8, 9});
  expect("ds.non_zero %x0 : (tensor<2x2xi32>) -> tensor<2x?xi64>", {"dense<[[0, 1], [2, 0]]> : tensor<2x2xi32>"},
         "tensor<2x?xi64>", {0, 1, 1, 0});
}

TEST_F(Shape, ErrorsName) {
  expectError("ds.gather %x0, %x1 {axis = 1 : i64} : (tensor<2x3xi32>, tensor<1xi64>) -> tensor<2x1xi32>",
              {grid, "dense<3> : tensor<1xi64>"}, "tensor<2x1xi32>", "index 3 into an axis of size 3");
  auto results = run(R"(
    %c0 = arith.constant 0 : index
    %k = tensor.extract %x1[%c0] : tensor<1xi64>
    %i = arith.index_cast %k : i64 to index
    %r = ds.slice %x0 offsets [%i, 0] sizes [2, 1] strides [1, 1] : (tensor<2x3xi32>) -> tensor<2x1xi32>
    return %r : tensor<2x1xi32>)",
                     {grid, "dense<1> : tensor<1xi64>"}, "tensor<2x1xi32>");
  EXPECT_TRUE(mlir::failed(results));
  EXPECT_NE(message.find("elements 1 to 2 of axis 0, which has size 2"), std::string::npos) << message;
}
} // namespace
