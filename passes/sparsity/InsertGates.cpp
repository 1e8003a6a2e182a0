// ds-sparsity-insert-gates: magnitude gates at the inputs of products with large weights.
#include "passes/graph/Match.h"
#include "passes/sparsity/Passes.h"
#include "passes/sparsity/Sites.h"
#include "passes/sparsity/Thresholds.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::ds {
#define GEN_PASS_DEF_INSERTGATES
#include "passes/sparsity/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-sparsity-insert-gates";

namespace {
struct InsertGates : mlir::ds::impl::InsertGatesBase<InsertGates> {
  using InsertGatesBase::InsertGatesBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    std::optional<GateLevel> level;
    if (failed(checkOptions(main)) || failed(read(main, level)))
      return signalPassFailure();
    for (Site &site : findSites(main, minElements))
      visit(site, level);
  }

private:
  LogicalResult checkOptions(func::FuncOp main) {
    for (const std::string &kind : sites)
      if (kind != "ffn" && kind != "attention" && kind != "all")
        return emitError(main.getLoc()) << kPass << ": sites=" << kind << ": expected ffn, attention or all";
    if (!(threshold >= 0) || !std::isfinite(threshold))
      return emitError(main.getLoc()) << kPass << ": threshold=" << threshold << ": must be finite and not negative";
    return success();
  }

  LogicalResult read(func::FuncOp main, std::optional<GateLevel> &level) {
    if (thresholds.empty())
      return success();
    std::string message;
    FailureOr<GateLevel> found = readGates(thresholds, this->level, message);
    if (failed(found))
      return emitError(main.getLoc()) << kPass << ": " << message;
    level = std::move(*found);
    return success();
  }

  bool isWanted(SiteKind kind) {
    if (sites.empty())
      return kind != SiteKind::other;
    return llvm::is_contained(sites, "all") || llvm::is_contained(sites, nameOf(kind));
  }

  void visit(Site &site, const std::optional<GateLevel> &level) {
    Location loc = site.products.front().getLoc();
    if (site.input.getDefiningOp<GateOp>())
      return remarkMissed(loc, kPass, "gated", "has a gate already");
    if (!level && !isWanted(site.kind))
      return remarkMissed(loc, kPass, "not-asked-for", "of kind " + nameOf(site.kind) + ", which `sites` leaves out");
    GateSetting setting{threshold, 0};
    if (level) {
      auto it = level->sites.find(site.name);
      if (it == level->sites.end())
        return remarkMissed(loc, kPass, "unknown-site", "site '" + site.name + "' is not in the file of thresholds");
      setting = it->second;
      if (setting.sparsity == 0)
        return remarkMissed(loc, kPass, "open", "closes nothing at this level");
    }
    insert(site, setting, level.has_value());
    remarkPassed(loc, kPass, "gate",
                 llvm::formatv("a gate ({0}) before {1} product(s), threshold {2}", nameOf(site.kind), site.products.size(), setting.threshold).str());
  }

  void insert(Site &site, GateSetting setting, bool calibrated) {
    OpBuilder b(&getContext());
    b.setInsertionPoint(site.products.front());
    auto locs = llvm::map_to_vector(site.products, [](MatmulOp op) { return op.getLoc(); });
    auto gate = GateOp::create(b, b.getFusedLoc(locs), site.input.getType(), site.input, Value(), b.getF64FloatAttr(setting.threshold));
    gate->setAttr("ds.site", b.getStringAttr(site.name));
    if (calibrated)
      gate->setAttr("ds.sparsity", b.getF64FloatAttr(setting.sparsity));
    for (MatmulOp product : site.products)
      product.getLhsMutable().assign(gate.getResult());
  }
};
} // namespace
