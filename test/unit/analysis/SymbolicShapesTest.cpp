// Symbolic shapes: normal form, division, ranges, dims through ops.
#include "dialects/ds/ir/DsOps.h"
#include "lib/analysis/SymbolicShapes.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::ds;

namespace {
class Shapes : public testing::Test {
protected:
  // Parses a module with one function and analyses it.
  void analyse(const char *text) {
    context.loadDialect<DsDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    func = *module->getOps<func::FuncOp>().begin();
    shapes = std::make_unique<SymbolicShapes>(func);
  }
  // Dims of the n-th returned value as text.
  std::vector<std::string> returned(unsigned n = 0) {
    std::vector<std::string> result;
    for (AffineExpr e : shapes->dims(func.getBody().front().getTerminator()->getOperand(n)))
      result.push_back(shapes->str(e));
    return result;
  }
  // An expression whose only entry dim is `size`.
  int64_t evaluate(AffineExpr expr, int64_t size) {
    int64_t sum = 0;
    Polynomial polynomial = *Polynomial::get(expr);
    for (const auto &[monomial, coefficient] : polynomial.getTerms()) {
      int64_t term = coefficient;
      for (unsigned position : monomial) {
        const Symbol &s = shapes->symbol(position);
        term *= s.kind == Symbol::Kind::entryDim ? size : llvm::divideFloorSigned(evaluate(s.lhs, size), evaluate(s.rhs, size));
      }
      sum += term;
    }
    return sum;
  }
  void entry() {
    analyse("func.func @main(%x: tensor<?x?x8xf32> {ds.dims = [\"b\", \"s:1..512\", \"\"]}, %p: tensor<?x?xf32> {ds.dims = [\"b\", \"p\"]}) { return }");
    Dims x = shapes->dims(func.getArgument(0)), p = shapes->dims(func.getArgument(1));
    b = x[0], s = x[1], this->p = p[1];
    EXPECT_EQ(p[0], b);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp func;
  std::unique_ptr<SymbolicShapes> shapes;
  AffineExpr b, s, p;
};

TEST_F(Shapes, SumsAndProductsCompareInAnyOrder) {
  entry();
  EXPECT_EQ(shapes->normal((s + p) * b), shapes->normal(b * p + b * s));
  EXPECT_EQ(shapes->normal(s + p - s), p);
  EXPECT_TRUE(shapes->proveEqual((s + 1) * (s + 1), s * s + s * 2 + 1));
  EXPECT_FALSE(shapes->proveEqual(s, p));
}

TEST_F(Shapes, DivisionCancelsWhatDivides) {
  entry();
  EXPECT_EQ(shapes->normal((b * s * 384).floorDiv(b * s)), shapes->constant(384));
  EXPECT_EQ(shapes->normal((b * (s + p) * 12).floorDiv(s + p)), shapes->normal(b * 12));
  EXPECT_EQ(shapes->normal((s * 4 + 3).floorDiv(4)), s);
  EXPECT_EQ(shapes->normal((s * 4 + 3) % 4), shapes->constant(3));
  EXPECT_EQ(shapes->normal((s * 4).ceilDiv(2)), shapes->normal(s * 2));
  EXPECT_EQ(shapes->normal(s.ceilDiv(2)), shapes->normal((s + 1).floorDiv(2)));
  EXPECT_EQ(shapes->floorDiv(shapes->normal(p * 12), shapes->max(p, shapes->constant(1))), shapes->constant(12));
  // Halving twice is a quarter, a half of an even size is exact.
  EXPECT_EQ(shapes->normal(((s + 1).floorDiv(2) + 1).floorDiv(2)), shapes->normal((s + 3).floorDiv(4)));
  EXPECT_EQ(shapes->normal((s * 6 + 5).floorDiv(4)), shapes->normal(s + (s + 2).floorDiv(2)));
  // What does not divide is a symbol, the same one each time.
  EXPECT_EQ(shapes->normal((s * 2 + s + 1).floorDiv(2)), shapes->normal(s + (s + 1).floorDiv(2)));
}

TEST_F(Shapes, RangesDecideClamps) {
  entry();
  EXPECT_EQ(shapes->range(s * 2 + 1).hi, 1025);
  EXPECT_EQ(shapes->min(s + p, shapes->constant(INT64_MAX)), shapes->normal(s + p));
  EXPECT_EQ(shapes->max(s, shapes->constant(1)), s);
  EXPECT_EQ(shapes->min(s + p, p), p);
  EXPECT_EQ(shapes->max(s, p), shapes->max(p, s));
  EXPECT_EQ(shapes->less(p, s + p), true);
  EXPECT_EQ(shapes->less(s, p), std::nullopt);
  EXPECT_TRUE(shapes->proveNotOne(s + 1));
  EXPECT_FALSE(shapes->proveNotOne(s));
  EXPECT_TRUE(shapes->proveNotOne(p * 2)); // even
  EXPECT_FALSE(shapes->proveNotOne(p * 2 + 1));
}

TEST_F(Shapes, CoefficientsThatOverflowAreNotProved) {
  entry();
  AffineExpr huge = s * INT64_MAX;
  EXPECT_FALSE(shapes->proveEqual(huge * 2, shapes->constant(-2)));
  EXPECT_EQ(shapes->range(huge * p).hi, INT64_MAX);
}

TEST_F(Shapes, DimsFlowThroughOps) {
  analyse(R"(func.func @main(%x: tensor<?x?x8xf32> {ds.dims = ["b", "s", ""]}, %w: tensor<8x4xf32>, %f: tensor<5x8x3xf32>)
      -> (tensor<?x?x4xf32>, tensor<?x5x?xf32>, tensor<?x?x16xf32>) {
    %m = ds.matmul %x, %w : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> tensor<?x?x4xf32>
    %t = ds.transpose %x [0, 2, 1] : (tensor<?x?x8xf32>) -> tensor<?x8x?xf32>
    %c = ds.conv %t, %f {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 1 : i64}
       : (tensor<?x8x?xf32>, tensor<5x8x3xf32>) -> tensor<?x5x?xf32>
    %k = ds.concat %x, %x axis 2 : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x16xf32>
    return %m, %c, %k : tensor<?x?x4xf32>, tensor<?x5x?xf32>, tensor<?x?x16xf32>
  })");
  EXPECT_EQ(returned(0), (std::vector<std::string>{"b", "s", "4"}));
  EXPECT_EQ(returned(1), (std::vector<std::string>{"b", "5", "floor((s + 1) / (2))"}));
  EXPECT_EQ(returned(2), (std::vector<std::string>{"b", "s", "16"}));
}

TEST_F(Shapes, DifferentSizesBroadcastToOneSymbol) {
  analyse(R"(func.func @main(%x: tensor<?x?xf32> {ds.dims = ["a", "b:2..9"]}, %y: tensor<?x?xf32> {ds.dims = ["c", "d"]})
      -> (tensor<?x?xf32>, tensor<?x?xf32>) {
    %0 = ds.add %x, %y : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    %1 = ds.mul %y, %x : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
    return %0, %1 : tensor<?x?xf32>, tensor<?x?xf32>
  })");
  // b is never 1, so it is the result's size whatever d is.
  EXPECT_EQ(returned(0)[1], "b");
  EXPECT_EQ(returned(0), returned(1));
}

TEST_F(Shapes, ElementsOfShapeTensors) {
  analyse(R"(func.func @main(%x: tensor<?x8xf32> {ds.dims = ["n", ""]}, %d: tensor<2xi64>) -> (tensor<?xi64>, tensor<2xi64>, tensor<2xi1>) {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?x8xf32>
    %i = arith.index_cast %n : index to i64
    %e = arith.constant 8 : i64
    %s = tensor.from_elements %i, %e : tensor<2xi64>
    %r = ds.slice %s offsets [1] sizes [2] strides [-1] : (tensor<2xi64>) -> tensor<2xi64>
    %m = ds.mul %r, %s : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
    %first = tensor.extract %m[%c0] : tensor<2xi64>
    %size = arith.index_cast %first : i64 to index
    %iota = ds.iota [%size] : tensor<?xi64>
    %minus = ds.constant dense<-1> : tensor<i64>
    %eq = ds.equal %s, %minus : (tensor<2xi64>, tensor<i64>) -> tensor<2xi1>
    %where = ds.select %eq, %minus, %m : (tensor<2xi1>, tensor<i64>, tensor<2xi64>) -> tensor<2xi64>
    %known = ds.less %d, %minus : (tensor<2xi64>, tensor<i64>) -> tensor<2xi1>
    return %iota, %where, %known : tensor<?xi64>, tensor<2xi64>, tensor<2xi1>
  })");
  EXPECT_EQ(returned(0), (std::vector<std::string>{"8 * n"}));
  Operation *ret = func.getBody().front().getTerminator();
  auto where = shapes->elements(ret->getOperand(1));
  ASSERT_TRUE(where);
  EXPECT_EQ(shapes->str((*where)[0]), "8 * n");
  EXPECT_EQ((*where)[0], (*where)[1]);
  EXPECT_TRUE(shapes->dependsOnSizesOnly((*where)[0]));
  // Data stays an unknown bool.
  auto known = shapes->elements(ret->getOperand(2));
  ASSERT_TRUE(known);
  EXPECT_FALSE(shapes->dependsOnSizesOnly((*known)[0]));
  EXPECT_EQ(shapes->range((*known)[0]).hi, 1);
}

// With sizes that are symbols a pool has as many windows as with the same sizes written out.
TEST_F(Shapes, WindowsOfSymbolicSizesAreThoseOfKnownOnes) {
  for (int kernel : {1, 2, 3}) {
    for (int stride : {1, 2, 3}) {
      for (int pad = 0; pad < kernel; ++pad) {
        std::string op = " {kind = #ds.pool_kind<max>, kernel = array<i64: " + std::to_string(kernel) + ">, strides = array<i64: " +
                         std::to_string(stride) + ">, pads = array<i64: 0, " + std::to_string(pad) + ">, dilations = array<i64: 1>, ceil_mode}";
        analyse(("func.func @f(%x: tensor<1x1x?xf32> {ds.dims = [\"\", \"\", \"n\"]}) -> tensor<1x1x?xf32> {\n%p = ds.pool %x" + op +
                 " : (tensor<1x1x?xf32>) -> tensor<1x1x?xf32>\nreturn %p : tensor<1x1x?xf32> }").c_str());
        AffineExpr windows = shapes->dims(func.getBody().front().getTerminator()->getOperand(0))[2];
        for (int64_t size = kernel; size < 9; ++size) {
          int64_t count = (size + pad - kernel + stride - 1) / stride + 1;
          count -= (count - 1) * stride >= size;
          EXPECT_EQ(evaluate(windows, size), count) << op << " of " << size;
        }
      }
    }
  }
}

TEST(DimDeclaration, ParsesNamesAndRanges) {
  EXPECT_EQ(DimDeclaration::parse("seq:1..512").name, "seq");
  EXPECT_EQ(DimDeclaration::parse("seq:1..512").range.hi, 512);
  EXPECT_EQ(DimDeclaration::parse("a:b").name, "a:b");
  EXPECT_EQ(DimDeclaration::parse("x:9..2").name, "x:9..2");
  EXPECT_EQ(DimDeclaration::parse("past + 1").str(), "past + 1");
  EXPECT_EQ(DimDeclaration::parse("seq:1..512").str(), "seq:1..512");
}
} // namespace
