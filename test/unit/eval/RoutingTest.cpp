// Routing, experts and gates against numbers worked out by hand.
#include "Harness.h"

using namespace mlir::ds;

namespace {
class Routing : public EvalTest {
protected:
  struct Expected {
    std::vector<double> weights;
    std::vector<int64_t> experts, permutation, offsets;
    std::vector<double> load;
  };
  // ds.route of `scores` [tokens, experts] (%x0), with the other operands (%x1, ...) as `operands` names them.
  void route(int tokens, int experts, int k, llvm::StringRef operands, llvm::StringRef attrs, llvm::ArrayRef<llvm::StringRef> constants,
             const Expected &want) {
    auto text = [](auto... parts) { return ("tensor<" + ... + llvm::Twine(parts)).str() + ">"; };
    std::string scores = text(tokens, "x", experts, "xf32"), perExpert = text(experts, "xf32");
    std::string types = text(tokens, "x", k, "xf32") + ", " + text(tokens, "x", k, "xi64") + ", " + text(tokens * k, "xi64") + ", " +
                        text(experts + 1, "xi64");
    std::string values = "%w, %e, %p, %o", ins = scores;
    for (size_t i = 1; i < constants.size(); ++i)
      ins += ", " + perExpert;
    if (!want.load.empty()) {
      types += ", " + perExpert;
      values += ", %n";
    }
    auto results = run(values + " = ds.route %x0 " + operands.str() + " {k = " + std::to_string(k) + " : i64" + attrs.str() + "} : (" + ins +
                           ") -> (" + types + ")\n return " + values + " : " + types,
                       constants, types);
    ASSERT_TRUE(mlir::succeeded(results)) << message;
    near((*results)[0], want.weights);
    EXPECT_EQ((*results)[1].as<int64_t>(), llvm::ArrayRef(want.experts));
    EXPECT_EQ((*results)[2].as<int64_t>(), llvm::ArrayRef(want.permutation));
    EXPECT_EQ((*results)[3].as<int64_t>(), llvm::ArrayRef(want.offsets));
    if (!want.load.empty())
      near((*results)[4], want.load);
  }
  void near(const mlir::ds::Tensor &tensor, const std::vector<double> &want) {
    ASSERT_EQ(tensor.numElements(), static_cast<int64_t>(want.size()));
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(tensor.getF64(i), want[i], 2e-6) << "element " << i;
  }
};

TEST_F(Routing, SoftmaxTopTwo) {
  // Logits are logarithms: p = (1, 2, 5) / 8 and (5, 1, 2) / 8.
  route(2, 3, 2, "", ", score = #ds.score_kind<softmax>, normalize",
        {"dense<[[0.0, 0.69314718, 1.60943791], [1.60943791, 0.0, 0.69314718]]> : tensor<2x3xf32>"},
        {{5 / 7.0, 2 / 7.0, 5 / 7.0, 2 / 7.0}, {2, 1, 0, 2}, {2, 1, 0, 3}, {0, 1, 2, 4}, {}});
  route(1, 2, 1, "", ", score = #ds.score_kind<sigmoid>, scale = 3.0 : f64", {"dense<[[0.0, 1.09861229]]> : tensor<1x2xf32>"},
        {{2.25}, {1}, {0}, {0, 0, 1}, {}});
}

TEST_F(Routing, TiesAndNan) {
  route(1, 4, 3, "", "", {"dense<[[1.0, 3.0, 3.0, 5.0]]> : tensor<1x4xf32>"}, {{5, 3, 3}, {3, 1, 2}, {1, 2, 0}, {0, 0, 1, 2, 3}, {}});
  auto results = run("%w, %e, %p, %o = ds.route %x0 {k = 2 : i64} : (tensor<1x3xf32>) -> (tensor<1x2xf32>, tensor<1x2xi64>, tensor<2xi64>, "
                     "tensor<4xi64>)\n return %e : tensor<1x2xi64>",
                     {"dense<[[9.0, 1.0, 0x7FC00000]]> : tensor<1x3xf32>"}, "tensor<1x2xi64>");
  ASSERT_TRUE(mlir::succeeded(results));
  EXPECT_EQ(results->front().as<int64_t>(), llvm::ArrayRef<int64_t>({2, 0}));
}

TEST_F(Routing, BiasSelectsAndGroupsLimit) {
  // Selection scores 6 2 | 3 4: the first group is the best, the weights are the scores without the bias.
  route(1, 4, 2, "bias %x1", ", groups = 2 : i64, normalize, scale = 2.0 : f64",
        {"dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>", "dense<[5.0, 0.0, 0.0, 0.0]> : tensor<4xf32>"},
        {{2 / 3.0, 4 / 3.0}, {0, 1}, {0, 1}, {0, 1, 2, 2, 2}, {}});
  // By the sum of its two best the second group wins.
  route(1, 4, 1, "", ", groups = 2 : i64, group_best = 2 : i64", {"dense<[[6.0, 0.0, 4.0, 3.0]]> : tensor<1x4xf32>"},
        {{4}, {2}, {0}, {0, 0, 0, 1, 1}, {}});
}

TEST_F(Routing, Load) {
  auto kind = [](std::string name) { return ", rate = 0.5 : f64, balance = #ds.balance_kind<" + name + ">"; };
  const char *scores = "dense<[[1.0, 2.0]]> : tensor<1x2xf32>";
  route(1, 2, 1, "load %x1", kind("bias"), {scores, "dense<[2.0, 0.0]> : tensor<2xf32>"}, {{1}, {0}, {0}, {0, 1, 1}, {1.5, 0.5}});
  route(1, 2, 1, "load %x1", kind("select_by_load"), {scores, "dense<[1.0, 3.0]> : tensor<2xf32>"}, {{1}, {0}, {0}, {0, 1, 1}, {1, 1.5}});
  route(1, 2, 2, "load %x1", kind("mix_by_load") + ", normalize", {scores, "dense<[0.5, 1.0]> : tensor<2xf32>"},
        {{0.5, 0.5}, {1, 0}, {1, 0}, {0, 1, 2}, {0.5, 0.75}});
}

TEST_F(Routing, Experts) {
  auto experts = [](std::string gate) {
    return "ds.experts %x0 weights %x1 permutation %x2 offsets %x3 " + gate + "up %x5 down %x6 {activation = #ds.activation<relu>} : "
           "(tensor<2x2xf32>, tensor<2x1xf32>, tensor<2xi64>, tensor<3xi64>" + (gate.empty() ? "" : ", tensor<2x2x1xf32>") +
           ", tensor<2x2x1xf32>, tensor<2x1x1xf32>) -> tensor<2x1xf32>";
  };
  // Token 0 chose expert 1, token 1 expert 0.
  llvm::StringRef constants[] = {"dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>", "dense<[[0.5], [10.0]]> : tensor<2x1xf32>",
                                 "dense<[1, 0]> : tensor<2xi64>", "dense<[0, 1, 2]> : tensor<3xi64>",
                                 "dense<[[[1.0], [0.0]], [[0.0], [1.0]]]> : tensor<2x2x1xf32>",
                                 "dense<[[[1.0], [1.0]], [[1.0], [-1.0]]]> : tensor<2x2x1xf32>",
                                 "dense<[[[2.0]], [[3.0]]]> : tensor<2x1x1xf32>"};
  expect(experts("gate %x4 "), constants, "tensor<2x1xf32>", {-3, 420});
  expect(experts(""), constants, "tensor<2x1xf32>", {0, 140});
  constants[2] = "dense<[1, 7]> : tensor<2xi64>";
  expectError(experts(""), constants, "tensor<2x1xf32>", "routed row 7 of 2");
}

TEST_F(Routing, Gate) {
  expect("ds.gate %x0 {threshold = 0.5 : f64} : (tensor<5xf32>) -> tensor<5xf32>",
         {"dense<[0.5, -0.5, 0.625, -2.0, 0x7FC00000]> : tensor<5xf32>"}, "tensor<5xf32>", {0, 0, 0.625, -2, NAN});
  expect("ds.gate %x0 by %x1 {threshold = 0.5 : f64} : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>",
         {"dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>", "dense<[0.0, 0.125]> : tensor<2xf32>"}, "tensor<2x2xf32>", {0, 2, 0, 4});
}
} // namespace
