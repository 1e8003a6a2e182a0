// Shapes as expressions: what broadcasting knows about symbols.
#include "dialects/ds/ir/DsShape.h"
#include "dialects/ds/ir/DsOps.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
struct ShapeTest : testing::Test {
  ShapeTest() : shapes(&context) {
    context.loadDialect<DsDialect>();
    OpBuilder b(&context);
    module = ModuleOp::create(b.getUnknownLoc());
    // Diagnostics of expected failures stay quiet.
    context.getDiagEngine().registerHandler([](Diagnostic &) { return success(); });
  }
  ~ShapeTest() override { module.erase(); }
  AffineExpr c(int64_t value) { return shapes.constant(value); }
  FailureOr<Dims> broadcast(ArrayRef<Dims> operands) { return broadcastDims(module, shapes, operands, "C1"); }

  MLIRContext context;
  TypeShapeContext shapes;
  ModuleOp module;
};
} // namespace

TEST_F(ShapeTest, OnesRepeat) {
  FailureOr<Dims> dims = broadcast({{c(4), c(1)}, {c(3)}});
  ASSERT_TRUE(succeeded(dims));
  EXPECT_EQ(*dims, (Dims{c(4), c(3)}));
}

TEST_F(ShapeTest, ASymbolMeetsItself) {
  AffineExpr n = shapes.unknown(nullptr, 0);
  FailureOr<Dims> dims = broadcast({{n}, {n}});
  ASSERT_TRUE(succeeded(dims));
  EXPECT_EQ(dims->front(), n);
}

TEST_F(ShapeTest, AConstantAboveOneDecides) {
  FailureOr<Dims> dims = broadcast({{shapes.unknown(nullptr, 0)}, {c(8)}});
  ASSERT_TRUE(succeeded(dims));
  EXPECT_EQ(dims->front(), c(8));
}

TEST_F(ShapeTest, TwoSymbolsGiveAThird) {
  AffineExpr n = shapes.unknown(nullptr, 0), m = shapes.unknown(nullptr, 0);
  FailureOr<Dims> dims = broadcast({{n}, {m}});
  ASSERT_TRUE(succeeded(dims));
  EXPECT_NE(dims->front(), n);
  EXPECT_NE(dims->front(), m);
  EXPECT_FALSE(constantOf(dims->front()));
}

TEST_F(ShapeTest, ClashingConstantsFail) { EXPECT_TRUE(failed(broadcast({{c(2)}, {c(3)}}))); }

TEST_F(ShapeTest, ShapeOfKeepsConstants) {
  EXPECT_EQ(shapeOf({c(2), shapes.unknown(nullptr, 0)}), (SmallVector<int64_t>{2, ShapedType::kDynamic}));
}
