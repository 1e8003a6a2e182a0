// Elementwise semantics at their edges: NaN, wrapping, division by zero, saturating casts.
#include "Harness.h"

using namespace mlir::ds;

namespace {
using Elementwise = EvalTest;
const char *floats = "dense<[-2.5, 0.0, 0.5, 0x7FC00000]> : tensor<4xf32>";
const char *unary = " %x0 : (tensor<4xf32>) -> tensor<4xf32>";

TEST_F(Elementwise, Unary) {
  struct {
    const char *op;
    double at[3];
  } rows[] = {
      {"ds.abs", {2.5, 0, 0.5}},
      {"ds.neg", {2.5, -0.0, -0.5}},
      {"ds.sign", {-1, 0, 1}},
      {"ds.floor", {-3, 0, 0}},
      {"ds.ceil", {-2, 0, 1}},
      {"ds.round", {-2, 0, 0}},
      {"ds.sqrt", {NAN, 0, std::sqrt(.5)}},
      {"ds.exp", {std::exp(-2.5), 1, std::exp(.5)}},
      {"ds.relu", {0, 0, 0.5}},
      {"ds.erf", {std::erf(-2.5), 0, std::erf(.5)}},
      {"ds.sigmoid", {1 / (1 + std::exp(2.5)), .5, 1 / (1 + std::exp(-.5))}},
      {"ds.softplus", {std::log1p(std::exp(-2.5)), std::log(2.0), std::log1p(std::exp(.5))}},
      {"ds.silu", {-2.5 / (1 + std::exp(2.5)), 0, .5 / (1 + std::exp(-.5))}},
      {"ds.gelu",
       {-2.5 * .5 * (1 + std::erf(-2.5 / std::sqrt(2.0))), 0, .5 * .5 * (1 + std::erf(.5 / std::sqrt(2.0)))}},
      {"ds.rsqrt", {NAN, INFINITY, 1 / std::sqrt(.5)}},
      {"ds.tanh", {std::tanh(-2.5), 0, std::tanh(.5)}},
  };
  for (auto &row : rows)
    expect(std::string(row.op) + unary, {floats}, "tensor<4xf32>", {row.at[0], row.at[1], row.at[2], NAN});
  expect("ds.gelu %x0 {tanh} : (tensor<1xf32>) -> tensor<1xf32>", {"dense<1.0> : tensor<1xf32>"}, "tensor<1xf32>",
         {0.841191990608});
}

TEST_F(Elementwise, IntegersWrap) {
  expect("ds.add %x0, %x0 : (tensor<2xi8>, tensor<2xi8>) -> tensor<2xi8>", {"dense<[100, -100]> : tensor<2xi8>"},
         "tensor<2xi8>", {-56, 56});
  expect("ds.sub %x0, %x1 : (tensor<1xui8>, tensor<1xui8>) -> tensor<1xui8>",
         {"dense<3> : tensor<1xui8>", "dense<5> : tensor<1xui8>"}, "tensor<1xui8>", {254});
  expect("ds.neg %x0 : (tensor<1xi8>) -> tensor<1xi8>", {"dense<-128> : tensor<1xi8>"}, "tensor<1xi8>", {-128});
  expect("ds.mul %x0, %x0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>", {"dense<65537> : tensor<1xi32>"},
         "tensor<1xi32>", {131073});
}

TEST_F(Elementwise, Division) {
  const char *a = "dense<[7, -7, 7, -7, 5]> : tensor<5xi32>", *b = "dense<[2, 2, -2, -2, 0]> : tensor<5xi32>";
  const char *type = " : (tensor<5xi32>, tensor<5xi32>) -> tensor<5xi32>";
  expect(std::string("ds.div %x0, %x1") + type, {a, b}, "tensor<5xi32>", {3, -3, -3, 3, 0});
  expect(std::string("ds.mod %x0, %x1") + type, {a, b}, "tensor<5xi32>", {1, 1, -1, -1, 0});
  expect(std::string("ds.mod %x0, %x1 {fmod}") + type, {a, b}, "tensor<5xi32>", {1, -1, 1, -1, 0});
  expect("ds.mod %x0, %x1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>",
         {"dense<[-1.5, 1.5]> : tensor<2xf32>", "dense<[1.0, -1.0]> : tensor<2xf32>"}, "tensor<2xf32>", {0.5, -0.5});
  expect("ds.div %x0, %x1 : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>",
         {"dense<-2147483648> : tensor<1xi32>", "dense<-1> : tensor<1xi32>"}, "tensor<1xi32>", {-2147483648.0});
}

TEST_F(Elementwise, NanWinsMaxAndMin) {
  const char *a = "dense<[1.0, 0x7FC00000, 3.0]> : tensor<3xf32>", *b = "dense<[2.0, 2.0, 0x7FC00000]> : tensor<3xf32>";
  expect("ds.max %x0, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>", {a, b}, "tensor<3xf32>", {2, NAN, NAN});
  expect("ds.min %x0, %x1 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>", {a, b}, "tensor<3xf32>", {1, NAN, NAN});
}

TEST_F(Elementwise, Broadcast) {
  expect("ds.add %x0, %x1 : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
         {"dense<[[10.0], [20.0]]> : tensor<2x1xf32>", "dense<[1.0, 2.0, 3.0]> : tensor<3xf32>"}, "tensor<2x3xf32>",
         {11, 12, 13, 21, 22, 23});
  expect("ds.select %x0, %x1, %x2 : (tensor<2x1xi1>, tensor<2xi16>, tensor<i16>) -> tensor<2x2xi16>",
         {"dense<[[true], [false]]> : tensor<2x1xi1>", "dense<[1, 2]> : tensor<2xi16>", "dense<9> : tensor<i16>"},
         "tensor<2x2xi16>", {1, 2, 9, 9});
}

TEST_F(Elementwise, Casts) {
  const char *x = "dense<[300.7, -300.7, 0x7FC00000, 0x7F800000, -0.5]> : tensor<5xf32>";
  expect("ds.cast %x0 : (tensor<5xf32>) -> tensor<5xi8>", {x}, "tensor<5xi8>", {127, -128, 0, 127, 0});
  expect("ds.cast %x0 : (tensor<5xf32>) -> tensor<5xui8>", {x}, "tensor<5xui8>", {255, 0, 0, 255, 0});
  expect("ds.cast %x0 : (tensor<5xf32>) -> tensor<5xi64>", {x}, "tensor<5xi64>",
         {300, -300, 0, 9223372036854775807.0, 0});
  expect("ds.cast %x0 : (tensor<5xf32>) -> tensor<5xi1>", {x}, "tensor<5xi1>", {1, 1, 1, 1, 1});
  expect("ds.cast %x0 : (tensor<2xi32>) -> tensor<2xi8>", {"dense<[511, -129]> : tensor<2xi32>"}, "tensor<2xi8>",
         {-1, 127});
  expect("ds.cast %x0 : (tensor<2xi64>) -> tensor<2xi1>", {"dense<[256, 0]> : tensor<2xi64>"}, "tensor<2xi1>", {1, 0});
  // Ties to even: 2049 and 2051 lie between halves, 1 + 2^-8 between bf16 numbers.
  expect("ds.cast %x0 : (tensor<4xf32>) -> tensor<4xf16>", {"dense<[2049.0, 2051.0, 65520.0, 1.0e-8]> : tensor<4xf32>"},
         "tensor<4xf16>", {2048, 2052, INFINITY, 0});
  expect("ds.cast %x0 : (tensor<2xf64>) -> tensor<2xbf16>",
         {"dense<[1.00390625, 1.00390625000000022]> : tensor<2xf64>"}, "tensor<2xbf16>", {1, 1.0078125}, 0);
}

TEST_F(Elementwise, CompareShiftsAndPower) {
  expect("ds.less %x0, %x1 : (tensor<1xui64>, tensor<1xui64>) -> tensor<1xi1>",
         {"dense<1> : tensor<1xui64>", "dense<18446744073709551615> : tensor<1xui64>"}, "tensor<1xi1>", {1});
  expect("ds.equal %x0, %x0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>", {floats}, "tensor<4xi1>", {1, 1, 1, 0});
  const char *a = "dense<[128, 1]> : tensor<2xui8>", *b = "dense<[1, 8]> : tensor<2xui8>";
  expect("ds.shift_left %x0, %x1 : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>", {a, b}, "tensor<2xui8>", {0, 0});
  expect("ds.shift_right %x0, %x1 : (tensor<2xui8>, tensor<2xui8>) -> tensor<2xui8>", {a, b}, "tensor<2xui8>", {64, 0});
  expect("ds.shift_right %x0, %x1 : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi8>",
         {"dense<[-8, 8, -8]> : tensor<3xi8>", "dense<[1, 8, -1]> : tensor<3xi8>"}, "tensor<3xi8>", {-4, 0, -1});
  expect("ds.pow %x0, %x1 : (tensor<3xi32>, tensor<3xi64>) -> tensor<3xi32>",
         {"dense<[3, -2, 2]> : tensor<3xi32>", "dense<[4, 3, -1]> : tensor<3xi64>"}, "tensor<3xi32>", {81, -8, 0});
  expect("ds.is_inf %x0 {positive = true, negative = false} : (tensor<2xf32>) -> tensor<2xi1>",
         {"dense<[0x7F800000, 0xFF800000]> : tensor<2xf32>"}, "tensor<2xi1>", {1, 0});
}
} // namespace
