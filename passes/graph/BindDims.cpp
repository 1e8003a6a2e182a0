// First of the shape passes: the user's choice of dimensions becomes types and ranges of the entry function.
#include "lib/analysis/SymbolicShapes.h"
#include "passes/graph/Passes.h"
#include "passes/graph/ShapeUtils.h"

namespace mlir::ds {
#define GEN_PASS_DEF_BINDDIMS
#include "passes/graph/Passes.h.inc"
} // namespace mlir::ds

using namespace mlir;
using namespace mlir::ds;

namespace {
struct Binding {
  std::string name;
  Interval range;
  bool used = false;
};

// An axis of an entry argument that is not static.
struct OpenAxis {
  BlockArgument arg;
  unsigned axis;
  DimDeclaration declared;
  std::string byPosition;
  StringRef name() const { return declared.name.empty() ? StringRef(byPosition) : StringRef(declared.name); }
};

struct BindDims : mlir::ds::impl::BindDimsBase<BindDims> {
  using BindDimsBase::BindDimsBase;

  void runOnOperation() override {
    SmallVector<Binding> bindings;
    for (const std::string &text : dims)
      if (failed(parse(text, bindings)))
        return signalPassFailure();
    auto func = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!func || func.isExternal()) {
      getOperation().emitError("has no function @main whose dimensions could be bound");
      return signalPassFailure();
    }
    SmallVector<OpenAxis> open = openAxes(func);
    for (OpenAxis &axis : open)
      for (Binding &binding : bindings)
        if ((binding.name == axis.name() || binding.name == axis.byPosition) && failed(bind(func, axis, binding)))
          return signalPassFailure();
    for (const Binding &binding : bindings)
      if (!binding.used)
        return reportUnknown(func, binding, open);
  }

  LogicalResult parse(StringRef text, SmallVectorImpl<Binding> &bindings) {
    auto [name, value] = text.rsplit('=');
    auto [lo, hi] = value.split("..");
    Binding binding{name.str(), {}};
    bool isRange = value.contains("..");
    if (name.empty() || lo.getAsInteger(10, binding.range.lo) || (isRange && hi.getAsInteger(10, binding.range.hi)))
      return getOperation().emitError() << "dimension '" << text << "' is neither name=value nor name=lo..hi";
    if (!isRange)
      binding.range.hi = binding.range.lo;
    if (binding.range.lo < 0 || binding.range.hi < binding.range.lo || binding.range.hi > INT32_MAX)
      return getOperation().emitError() << "dimension '" << text << "' is not a size, or not a range of sizes";
    bindings.push_back(std::move(binding));
    return success();
  }

  static SmallVector<OpenAxis> openAxes(func::FuncOp func) {
    SmallVector<OpenAxis> open;
    for (BlockArgument arg : func.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      auto names = func.getArgAttrOfType<ArrayAttr>(arg.getArgNumber(), "ds.dims");
      auto argName = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "ds.name");
      std::string prefix = argName ? argName.str() : "arg" + std::to_string(arg.getArgNumber());
      for (unsigned axis = 0; type && axis < type.getRank(); ++axis) {
        if (!type.isDynamicDim(axis))
          continue;
        auto text = names && axis < names.size() ? dyn_cast<StringAttr>(names[axis]) : StringAttr();
        open.push_back({arg, axis, DimDeclaration::parse(text ? text.getValue() : ""), prefix + "." + std::to_string(axis)});
      }
    }
    return open;
  }

  static LogicalResult bind(func::FuncOp func, OpenAxis &open, Binding &binding) {
    binding.used = true;
    Interval declared = open.declared.range;
    if (binding.range.lo < declared.lo || binding.range.hi > declared.hi)
      return func.emitError() << "dimension '" << binding.name << "' is declared as " << declared.lo << ".." << declared.hi
                              << ", which does not hold the size asked for";
    auto type = cast<RankedTensorType>(open.arg.getType());
    auto names = func.getArgAttrOfType<ArrayAttr>(open.arg.getArgNumber(), "ds.dims");
    SmallVector<Attribute> newNames(type.getRank(), StringAttr::get(func.getContext(), ""));
    if (names)
      llvm::copy(names.getValue().take_front(type.getRank()), newNames.begin());
    bool isFixed = binding.range.lo == binding.range.hi;
    open.declared.range = binding.range;
    newNames[open.axis] = StringAttr::get(func.getContext(), isFixed ? "" : open.declared.str());
    func.setArgAttr(open.arg.getArgNumber(), "ds.dims", ArrayAttr::get(func.getContext(), newNames));
    if (!isFixed)
      return success();
    SmallVector<int64_t> shape(type.getShape());
    shape[open.axis] = binding.range.lo;
    open.arg.setType(RankedTensorType::get(shape, type.getElementType()));
    updateResultTypes(func);
    return success();
  }

  void reportUnknown(func::FuncOp func, const Binding &binding, ArrayRef<OpenAxis> open) {
    SmallVector<StringRef> names;
    for (const OpenAxis &axis : open)
      if (!llvm::is_contained(names, axis.name()))
        names.push_back(axis.name());
    InFlightDiagnostic error = func.emitError() << "no dimension is called '" << binding.name << "'; ";
    if (names.empty())
      error << "every size of this model is fixed";
    else
      error << "the model has " << llvm::join(names, ", ");
    signalPassFailure();
  }
};
} // namespace
