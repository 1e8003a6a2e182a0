// Matrix products, windows, norms, reductions, resampling.
#include "Harness.h"

using namespace mlir::ds;

namespace {
using Linear = EvalTest;
const char *two = "dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>";

TEST_F(Linear, Matmul) {
  expect("ds.matmul %x0, %x0 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>", {two}, "tensor<2x2xf32>",
         {7, 10, 15, 22});
  expect("ds.matmul %x0, %x0 {transpose_a} : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>", {two},
         "tensor<2x2xf32>", {10, 14, 14, 20});
  expect("ds.matmul %x0, %x1 {transpose_b} : (tensor<2x1x2xf32>, tensor<2x2xf32>) -> tensor<2x1x2xf32>",
         {"dense<[[[1.0, 0.0]], [[0.0, 1.0]]]> : tensor<2x1x2xf32>", two}, "tensor<2x1x2xf32>", {1, 3, 2, 4});
  expect("ds.matmul %x0, %x0 : (tensor<1x1xi8>, tensor<1x1xi8>) -> tensor<1x1xi8>", {"dense<16> : tensor<1x1xi8>"},
         "tensor<1x1xi8>", {0});
}

TEST_F(Linear, Conv) {
  const char *image = "dense<[[[1.0, 2.0, 3.0, 4.0]]]> : tensor<1x1x4xf32>",
             *filter = "dense<[[[1.0, 10.0, 100.0]]]> : tensor<1x1x3xf32>";
  const char *attrs =
      " {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 1 : i64}";
  expect("ds.conv %x0, %x1" + std::string(attrs) + " : (tensor<1x1x4xf32>, tensor<1x1x3xf32>) -> tensor<1x1x2xf32>",
         {image, filter}, "tensor<1x1x2xf32>", {210, 432});
  expect("ds.conv %x0, %x1 {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2 : "
         "i64, channels_last} : "
         "(tensor<1x2x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x2xf32>",
         {"dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>", "dense<[[[10.0]], [[100.0]]]> : tensor<2x1x1xf32>"},
         "tensor<1x2x2xf32>", {10, 200, 30, 400});
  expect("ds.conv_transpose %x0, %x1 {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, "
         "output_padding = array<i64: 1>, groups = 1 : i64} : "
         "(tensor<1x1x2xf32>, tensor<1x1x3xf32>) -> tensor<1x1x6xf32>",
         {"dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf32>", filter}, "tensor<1x1x6xf32>", {1, 10, 102, 20, 200, 0});
}

TEST_F(Linear, Pool) {
  auto pool = [&](std::string kind, std::string more, int size, std::initializer_list<double> expected) {
    std::string type = "tensor<1x1x" + std::to_string(size) + "xf32>";
    expect(
        "ds.pool %x0 {kind = #ds.pool_kind<" + kind +
            ">, kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 1, 0>, dilations = array<i64: 1>" +
            more + "} : (tensor<1x1x4xf32>) -> " + type,
        {"dense<[[[-1.0, -2.0, -3.0, -4.0]]]> : tensor<1x1x4xf32>"}, type, expected);
  };
  pool("max", "", 2, {-1, -2});
  pool("avg", "", 2, {-1, -2.5});
  pool("avg", ", count_include_pad", 2, {-0.5, -2.5});
  pool("avg", ", ceil_mode, count_include_pad", 3, {-0.5, -2.5, -4});
  pool("lp", "", 2, {1, std::sqrt(13.0)});
}

TEST_F(Linear, SoftmaxNormAttention) {
  double e = std::exp(1.0), a = 1 / (1 + e), b = e / (1 + e);
  expect("ds.softmax %x0 axis 1 : (tensor<2x2xf32>) -> tensor<2x2xf32>", {two}, "tensor<2x2xf32>", {a, b, a, b});
  expect("ds.softmax %x0 axis 1 {log} : (tensor<2x2xf32>) -> tensor<2x2xf32>", {two}, "tensor<2x2xf32>",
         {std::log(a), std::log(b), std::log(a), std::log(b)});
  expect("ds.norm layer %x0 axis 1 epsilon 0.0 scale %x1 : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>",
         {two, "dense<[1.0, 2.0]> : tensor<2xf32>"}, "tensor<2x2xf32>", {-1, 2, -1, 2});
  expect("ds.norm rms %x0 axis 1 epsilon 0.0 : (tensor<2x2xf32>) -> tensor<2x2xf32>", {two}, "tensor<2x2xf32>",
         {1 / std::sqrt(2.5), 2 / std::sqrt(2.5), 3 / std::sqrt(12.5), 4 / std::sqrt(12.5)});
  // One head, two queries; causal leaves the first query only the first key.
  expect("ds.attention %x0, %x0, %x0 {scale = 1.0 : f64, causal} : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, "
         "tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>",
         {"dense<[[[[1.0, 0.0], [0.0, 1.0]]]]> : tensor<1x1x2x2xf32>"}, "tensor<1x1x2x2xf32>", {1, 0, a, b});
  // Only the key before its own: the first query has none, and weighs both excluded ones alike.
  expect("ds.attention %x0, %x0, %x0 {scale = 1.0 : f64, excluded = -1.0e30 : f64, window_left = 1 : i64, window_right = -1 : i64} : "
         "(tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>",
         {"dense<[[[[1.0, 0.0], [0.0, 1.0]]]]> : tensor<1x1x2x2xf32>"}, "tensor<1x1x2x2xf32>", {0.5, 0.5, 1, 0});
  expect("ds.rope %x0, %x1, %x2 : (tensor<1x4xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>",
         {"dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>", "dense<[[0.0, 1.0]]> : tensor<1x2xf32>",
          "dense<[[1.0, 0.0]]> : tensor<1x2xf32>"},
         "tensor<1x4xf32>", {-3, 2, 1, 4});
}

TEST_F(Linear, Reductions) {
  expect("ds.reduce sum %x0 [0] : (tensor<2x2xf32>) -> tensor<2xf32>", {two}, "tensor<2xf32>", {4, 6});
  expect("ds.reduce max %x0 [0, 1] {keepdims} : (tensor<2x2xf32>) -> tensor<1x1xf32>", {two}, "tensor<1x1xf32>", {4});
  expect("ds.reduce min %x0 [0] : (tensor<0x2xi8>) -> tensor<2xi8>", {"dense<> : tensor<0x2xi8>"}, "tensor<2xi8>",
         {127, 127});
  expect("ds.reduce max %x0 [0] : (tensor<2xf32>) -> tensor<f32>", {"dense<[0x7FC00000, 1.0]> : tensor<2xf32>"},
         "tensor<f32>", {NAN});
  expect("ds.arg_reduce max %x0 axis 0 {last} : (tensor<3xf32>) -> tensor<i64>",
         {"dense<[2.0, 1.0, 2.0]> : tensor<3xf32>"}, "tensor<i64>", {2});
  expect("ds.scan sum %x0 axis 0 {exclusive, reverse} : (tensor<2x2xf32>) -> tensor<2x2xf32>", {two}, "tensor<2x2xf32>",
         {3, 4, 0, 0});
  auto results = run("%v, %i = ds.top_k %x0 [2] axis 0 {largest} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xi64>)\n "
                     "return %v, %i : tensor<2xf32>, tensor<2xi64>",
                     {"dense<[1.0, 3.0, 3.0, 2.0]> : tensor<4xf32>"}, "tensor<2xf32>, tensor<2xi64>");
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ((*results)[1].as<int64_t>(), llvm::ArrayRef<int64_t>({1, 2}));
}

TEST_F(Linear, Resize) {
  auto resize = [&](std::string mode, std::string coordinates, std::initializer_list<double> expected) {
    expect("ds.resize " + mode + " %x0 to [1, 4] scales [1.0, 2.0] {coordinates = #ds.coordinates<" + coordinates +
               ">, nearest_mode = #ds.nearest_mode<floor>, cubic_a = -0.75 : f64, exclude_outside = false} : "
               "(tensor<1x2xf32>) -> tensor<1x4xf32>",
           {"dense<[[1.0, 2.0]]> : tensor<1x2xf32>"}, "tensor<1x4xf32>", expected);
  };
  resize("nearest", "asymmetric", {1, 1, 2, 2});
  resize("linear", "half_pixel", {1, 1.25, 1.75, 2});
  resize("linear", "align_corners", {1, 4 / 3.0, 5 / 3.0, 2});
}
} // namespace
