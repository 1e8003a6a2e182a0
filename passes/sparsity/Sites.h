// Where gates go: values that are multiplied with large weights.
#pragma once
#include "dialects/ds/ir/DsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::ds {

enum class SiteKind { ffn, attention, other };

struct Site {
  Value input;
  SmallVector<MatmulOp> products; // in program order
  SiteKind kind;
  std::string name; // the ONNX node of the first product; unique in its function
};

// The sites of products whose weights have at least `minElements` elements, in program order.
SmallVector<Site> findSites(func::FuncOp main, int64_t minElements);
// A product with a matrix that depends on weights alone.
bool isProductWithWeight(Operation *op);
StringRef nameOf(SiteKind kind);

} // namespace mlir::ds
