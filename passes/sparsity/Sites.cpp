// Finding sites, and whether they belong to an attention or to a feed-forward layer.
#include "passes/sparsity/Sites.h"
#include "passes/graph/Match.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::ds;

bool mlir::ds::isProductWithWeight(Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  return matmul && !matmul.getTransposeA() && matmul.getRhs().getType().getRank() == 2 && matmul.getRhs().getType().hasStaticShape() &&
         isWeightOnly(matmul.getRhs()) && !isWeightOnly(matmul.getLhs());
}

// What keeps features features: elementwise ops, movement, gates, and, towards an attention, norms of heads.
static bool isTransparent(Operation *op) {
  return isElementwise(op) || isa<ReshapeOp, TransposeOp, SliceOp, ConcatOp, BroadcastOp, RopeOp, GateOp>(op);
}

static bool isAttention(Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  return isa<AttentionOp>(op) || (matmul && !isWeightOnly(matmul.getRhs()) && !isWeightOnly(matmul.getLhs()));
}

namespace {
// What lies around a product, through transparent ops.
struct Surroundings {
  bool attention = false, product = false;

  void look(Operation *op, bool forward) {
    SmallVector<Operation *> stack;
    DenseSet<Operation *> seen;
    auto push = [&](Operation *next) {
      if (next && seen.insert(next).second)
        stack.push_back(next);
    };
    auto next = [&](Operation *from) {
      if (forward)
        llvm::for_each(from->getUsers(), push);
      else
        llvm::for_each(from->getOperands(), [&](Value v) { push(v.getDefiningOp()); });
    };
    if (forward)
      next(op);
    else
      push(op->getOperand(0).getDefiningOp());
    while (!stack.empty()) {
      Operation *at = stack.pop_back_val();
      attention |= isAttention(at);
      product |= isProductWithWeight(at);
      if (isTransparent(at) || (forward && isa<NormOp>(at) && isPerHead(cast<NormOp>(at))))
        next(at);
    }
  }

private:
  // A norm of single heads, as of queries and keys, and not of a layer's output.
  static bool isPerHead(NormOp norm) { return norm.getType().getRank() == 4; }
};
} // namespace

static SiteKind kindOf(ArrayRef<MatmulOp> products) {
  Surroundings around;
  for (MatmulOp product : products)
    around.look(product, /*forward=*/true);
  around.look(products.front(), /*forward=*/false);
  return around.attention ? SiteKind::attention : around.product ? SiteKind::ffn : SiteKind::other;
}

static std::string nodeName(Location loc) {
  std::string name;
  loc->walk([&](Location part) {
    auto named = dyn_cast<NameLoc>(part);
    if (!named)
      return WalkResult::advance();
    name = named.getName().str();
    return WalkResult::interrupt();
  });
  return name;
}

SmallVector<Site> mlir::ds::findSites(func::FuncOp main, int64_t minElements) {
  llvm::MapVector<Value, SmallVector<MatmulOp>> byInput;
  for (auto matmul : main.getOps<MatmulOp>())
    if (isProductWithWeight(matmul) && matmul.getType().getElementType().isF32() && matmul.getRhs().getType().getNumElements() >= minElements)
      byInput[matmul.getLhs()].push_back(matmul);
  SmallVector<Site> sites;
  llvm::StringSet<> names;
  for (auto &[input, products] : byInput) {
    std::string node = nodeName(products.front().getLoc()), name = node.empty() ? "matmul" : node;
    for (int64_t i = 2; !names.insert(name).second; ++i)
      name = (node.empty() ? "matmul" : node) + "#" + std::to_string(i);
    sites.push_back({input, products, kindOf(products), name});
  }
  return sites;
}

StringRef mlir::ds::nameOf(SiteKind kind) {
  static constexpr StringLiteral names[] = {"ffn", "attention", "other"};
  return names[static_cast<int>(kind)];
}
