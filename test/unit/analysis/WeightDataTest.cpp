// Weight data: queries on files and constants, and what is refused.
#include "lib/analysis/WeightData.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <fstream>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::ds;

namespace {
class Weights : public testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<DsDialect, func::FuncDialect>();
    dir = testing::TempDir();
    std::vector<float> floats{7, 7, 7, 7, 0, 1, 2, 3, 0, -1e9f, 0, 0, -3, 4, -5};
    std::ofstream(dir + "w.bin", std::ios::binary).write(reinterpret_cast<const char *>(floats.data()), floats.size() * 4);
  }
  // The value of one op.
  Value value(const std::string &op) {
    module = parseSourceString<ModuleOp>("func.func @f() {\n%w = " + op + "\nreturn }", &context);
    if (!module)
      return {};
    return (*module->getOps<func::FuncOp>().begin()).getBody().front().front().getResult(0);
  }
  std::string weight(const std::string &type, int64_t offset, int64_t length, const std::string &file = "w.bin") {
    return "ds.weight \"w\" file \"" + file + "\" offset " + std::to_string(offset) + " length " + std::to_string(length) + " : tensor<" + type + ">";
  }

  MLIRContext context;
  std::string dir;
  OwningOpRef<ModuleOp> module;
};

TEST_F(Weights, Queries) {
  WeightData data(dir);
  EXPECT_EQ(data.splat(value(weight("2x2xf32", 0, 16))), 7.0);
  EXPECT_EQ(data.splat(value(weight("4xf32", 4, 16))), std::nullopt);
  EXPECT_TRUE(data.isIota(value(weight("4xf32", 16, 16))));
  EXPECT_FALSE(data.isIota(value(weight("4xf32", 0, 16))));
  EXPECT_TRUE(data.isCausalMask(value(weight("1x2x2xf32", 32, 16))));
  EXPECT_FALSE(data.isCausalMask(value(weight("2x2xf32", 16, 16))));
  EXPECT_EQ(*data.absMax(value(weight("3xf32", 48, 12))), SmallVector<double>({5.0}));
  EXPECT_EQ(*data.absMax(value(weight("2x2xf32", 44, 16)), 0), SmallVector<double>({3.0, 5.0}));
  EXPECT_EQ(*data.absMax(value(weight("2x2xf32", 44, 16)), 1), SmallVector<double>({4.0, 5.0}));
  EXPECT_EQ(*data.readF32(value(weight("2xf32", 20, 8))), (std::vector<float>{1, 2}));
}

TEST_F(Weights, Constants) {
  WeightData data;
  EXPECT_EQ(data.splat(value("ds.constant dense<2.5> : tensor<3xf32>")), 2.5);
  EXPECT_TRUE(data.isIota(value("ds.constant dense<[0, 1, 2]> : tensor<3xi64>")));
  EXPECT_TRUE(data.isCausalMask(value("ds.constant dense<[[true, false], [true, true]]> : tensor<2x2xi1>")));
  EXPECT_FALSE(data.isCausalMask(value("ds.constant dense<true> : tensor<2x2xi1>")));
  EXPECT_EQ(*data.readF32(value("ds.constant dense<[1.0, -2.0]> : tensor<2xbf16>")), (std::vector<float>{1, -2}));
}

TEST_F(Weights, Refusals) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
    message = d.str();
    return success();
  });
  WeightData data(dir);
  EXPECT_TRUE(failed(data.tensor(value(weight("4xf32", 52, 16)))));
  EXPECT_NE(message.find("needs 16 bytes at 52"), std::string::npos) << message;
  EXPECT_TRUE(failed(data.tensor(value(weight("4xf32", INT64_MAX, 16)))));
  EXPECT_TRUE(failed(data.tensor(value(weight("4xf32", 0, 16, "none.bin")))));
  EXPECT_NE(message.find("there is no file"), std::string::npos) << message;
  EXPECT_TRUE(failed(data.tensor(value(weight("4xf32", 0, 16, "../../../../../../etc/passwd")))));
  EXPECT_NE(message.find("outside"), std::string::npos) << message;
  EXPECT_EQ(data.splat(value(weight("4xf32", 52, 16))), std::nullopt);
}
} // namespace
