// Runs ds functions written as text.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "lib/eval/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>

namespace mlir::ds {

class EvalTest : public ::testing::Test {
protected:
  EvalTest() : handler(&context, [this](Diagnostic &d) { message += d.str(); }) {
    context
        .loadDialect<DsDialect, func::FuncDialect, arith::ArithDialect, tensor::TensorDialect, affine::AffineDialect>();
  }

  // `body` is the body of @main() -> (types), in which %x0, %x1, ... are constants with the given attributes.
  FailureOr<SmallVector<Tensor>> run(StringRef body, ArrayRef<StringRef> constants, StringRef types) {
    std::string text = "func.func @main() -> (" + types.str() + ") {\n";
    for (auto [i, constant] : llvm::enumerate(constants))
      text += ("%x" + Twine(i) + " = ds.constant " + constant + "\n").str();
    text += body.str() + "\n}";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text << message;
    if (!module)
      return failure();
    return evaluate(*module->getOps<func::FuncOp>().begin(), {});
  }

  // One result, compared as numbers (NaN equals NaN), within a relative `tolerance`.
  void expect(StringRef op, ArrayRef<StringRef> constants, StringRef type, ArrayRef<double> expected,
              double tolerance = 1e-6) {
    auto results = run(("%r = " + op + "\n return %r : " + type).str(), constants, type);
    ASSERT_TRUE(succeeded(results)) << op.str() << ": " << message;
    const Tensor &result = results->front();
    ASSERT_EQ(result.numElements(), static_cast<int64_t>(expected.size())) << op.str();
    for (int64_t i = 0; i < result.numElements(); ++i) {
      double value = result.getF64(i), want = expected[i];
      if (std::isnan(want))
        EXPECT_TRUE(std::isnan(value)) << op.str() << " element " << i << ": " << value;
      else if (value != want)
        EXPECT_LE(std::fabs(value - want), tolerance * std::max(1.0, std::fabs(want)))
            << op.str() << " element " << i << ": " << value;
    }
  }

  void expectError(StringRef op, ArrayRef<StringRef> constants, StringRef type, StringRef part) {
    message.clear();
    EXPECT_TRUE(failed(run(("%r = " + op + "\n return %r : " + type).str(), constants, type))) << op.str();
    EXPECT_NE(message.find(part.str()), std::string::npos) << message;
  }

  MLIRContext context;
  std::string message;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
};

} // namespace mlir::ds
