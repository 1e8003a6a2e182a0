// ds-moe-balance: routers that look at the load of their experts. Asked for by name only: it changes what the model computes.
#include "lib/support/OnnxLoc.h"
#include "passes/graph/Match.h"
#include "passes/moe/Passes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"

namespace mlir::ds {
#define GEN_PASS_DEF_BALANCE
#include "passes/moe/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral kPass = "ds-moe-balance";

// The folder that the router's ONNX nodes share ("/layers.0/gate"), else "route" and its number.
static std::string layerName(Location loc, unsigned number) {
  std::optional<StringRef> shared;
  loc->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part)) {
      StringRef text = name.getName().getValue();
      size_t common = 0;
      while (shared && common < std::min(shared->size(), text.size()) && (*shared)[common] == text[common])
        ++common;
      shared = shared ? shared->take_front(common) : text;
    }
    return WalkResult::advance();
  });
  StringRef folder = shared.value_or("").rsplit('/').first;
  return shared && shared->contains('/') && !folder.empty() ? folder.str() : "route" + std::to_string(number);
}

static std::string text(double rate) {
  std::string out;
  llvm::raw_string_ostream(out) << llvm::format("%g", rate);
  return out;
}

// Why a router cannot be balanced this way.
static std::optional<std::string> obstacle(RouteOp route, BalanceKind kind) {
  if (route.getBalance() != BalanceKind::none)
    return "it looks at a load already";
  if (kind == BalanceKind::mix_by_load && !route.getNormalize())
    return "its weights are not normalised, dividing them by the load would scale the layer";
  return std::nullopt;
}

namespace {
// The state's names, as hosts see them.
struct State {
  StringAttr input, output;
};

struct Balance : mlir::ds::impl::BalanceBase<Balance> {
  using BalanceBase::BalanceBase;

  void runOnOperation() override {
    if (!(rate >= 0 && rate <= 1)) {
      getOperation().emitError() << kPass << ": the rate is " << rate << ", it must be from 0 to 1";
      return signalPassFailure();
    }
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || !main.getBody().hasOneBlock())
      return;
    unsigned number = 0;
    for (auto route : llvm::make_early_inc_range(main.getBody().front().getOps<RouteOp>())) {
      if (std::optional<std::string> why = obstacle(route, mode))
        remarkMissed(route.getLoc(), kPass, "not-balanced", "router left as it is: " + *why);
      else if (failed(balance(main, route, nameState(main, route, number))))
        return signalPassFailure();
      ++number;
    }
  }

  static State nameState(func::FuncOp main, RouteOp route, unsigned number) {
    llvm::StringSet<> taken;
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (auto name = main.getArgAttrOfType<StringAttr>(i, "ds.name"))
        taken.insert(name);
    std::string name = layerName(route.getLoc(), number) + ".load";
    while (taken.contains(name))
      name = "route" + std::to_string(number) + "." + name;
    return {StringAttr::get(main.getContext(), name), StringAttr::get(main.getContext(), name + ".next")};
  }

  // The same router, with its load as an input of the model and the next load as an output.
  LogicalResult balance(func::FuncOp main, RouteOp route, State state) {
    OpBuilder b(route);
    int64_t experts = cast<RankedTensorType>(route.getScores().getType()).getDimSize(1);
    auto type = RankedTensorType::get({experts}, b.getF32Type());
    auto named = [&](StringRef key, Attribute value) { return b.getNamedAttr(key, value); };
    if (failed(main.insertArgument(main.getNumArguments(), type,
                                   b.getDictionaryAttr({named("ds.name", state.input), named("ds.dims", b.getStrArrayAttr({""}))}),
                                   route.getLoc())) ||
        failed(main.insertResult(main.getNumResults(), type,
                                 b.getDictionaryAttr({named("ds.name", state.output), named("ds.may_alias", state.input)}))))
      return failure();
    SmallVector<Type> types(route.getResultTypes());
    types.push_back(type);
    auto balanced = RouteOp::create(b, route.getLoc(), types, route.getScores(), route.getMixing(), route.getBias(),
                                    main.getArguments().back(), route.getK(), route.getScore(), route.getNormalize(), route.getEpsilon(),
                                    route.getScale(), route.getGroups(), route.getTopGroups(), route.getGroupBest(), mode, b.getF64FloatAttr(rate).getValue());
    Operation *end = main.getBody().front().getTerminator();
    end->insertOperands(end->getNumOperands(), balanced.getNewLoad());
    remarkPassed(route.getLoc(), kPass, "balanced",
                 "results change; " + stringifyBalanceKind(mode) + ", rate " + text(rate) + ", feed '" +
                     state.output.getValue() + "' back as '" + state.input.getValue() + "'");
    route.replaceAllUsesWith(balanced.getResults().take_front(route.getNumResults()));
    route.erase();
    return success();
  }
};
} // namespace
