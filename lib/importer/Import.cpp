// The steps of an import in order: map, scan, parse, sort, check, build @main.
#include "lib/importer/Import.h"
#include "lib/importer/GraphImporter.h"
#include "lib/importer/WireScan.h"
#include "lib/support/OnnxLoc.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::ds;

namespace {
class ModelImport {
public:
  ModelImport(MLIRContext *context, StringRef file, const ImportOptions &options, ImportStatus &status)
      : context(context), file(file), options(options), status(status), loc(FileLineColLoc::get(context, file, 0, 0)) {}

  FailureOr<OwningOpRef<ModuleOp>> fromFile();
  FailureOr<OwningOpRef<ModuleOp>> fromText(StringRef text);

private:
  LogicalResult parseFile();
  FailureOr<OwningOpRef<ModuleOp>> build();
  LogicalResult checkOperators();
  LogicalResult declareInputs(func::FuncOp func, GraphImporter &importer, Scope &scope);
  LogicalResult declareInput(const onnx::ValueInfoProto &input, func::FuncOp func, GraphImporter &importer, Scope &scope);
  LogicalResult returnOutputs(func::FuncOp func, OpBuilder &builder, GraphImporter &importer, Scope &scope);
  LogicalResult fail(const Twine &message) {
    status = ImportStatus::invalid;
    return emitError(loc) << message;
  }

  MLIRContext *context;
  StringRef file;
  const ImportOptions &options;
  ImportStatus &status;
  Location loc;
  onnx::ModelProto model;
  llvm::StringMap<AffineExpr> symbols;
  llvm::SetVector<StringRef> symbolNames; // all that inputs name, frozen ones too
};
} // namespace

FailureOr<OwningOpRef<ModuleOp>> ModelImport::fromFile() {
  if (failed(parseFile()))
    return failure();
  return build();
}

FailureOr<OwningOpRef<ModuleOp>> ModelImport::fromText(StringRef text) {
  std::string error;
  if (!onnxlib::parseText({text.data(), text.size()}, model, error))
    return fail("the text is not a valid ONNX model: " + error);
  return build();
}

LogicalResult ModelImport::parseFile() {
  auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail("cannot read the file: " + buffer.getError().message());
  std::string error;
  if (llvm::sys::path::extension(file) == ".onnxtxt") {
    StringRef text = (*buffer)->getBuffer();
    return onnxlib::parseText({text.data(), text.size()}, model, error) ? success() : fail("the text is not a valid ONNX model: " + error);
  }
  auto reduced = reduceModel((*buffer)->getBuffer(), llvm::sys::path::filename(file));
  if (!reduced)
    return fail(llvm::toString(reduced.takeError()));
  return onnxlib::parseBinary(*reduced, model, error) ? success() : fail(error);
}

// ONNX Runtime's optimizer writes this operator of its own into the standard's domain, which knows of none.
static void renameStrayOperators(onnx::ModelProto &model) {
  constexpr StringLiteral kOwn = "com.microsoft";
  bool any = false;
  onnxlib::forEachNode(model, [&](onnx::NodeProto &node, const onnxlib::Opsets &) {
    if (node.op_type() != "SimplifiedLayerNormalization" || !(node.domain().empty() || node.domain() == "ai.onnx"))
      return;
    node.set_domain(kOwn.str());
    any = true;
  });
  bool isImported = llvm::any_of(model.opset_import(), [&](const onnx::OperatorSetIdProto &o) { return o.domain() == kOwn.str(); });
  if (!any || isImported)
    return;
  auto *import = model.add_opset_import();
  import->set_domain(kOwn.str());
  import->set_version(1);
}

// The checker calls an operator that it does not know an error; here it is one that is not supported.
LogicalResult ModelImport::checkOperators() {
  LogicalResult ok = success();
  onnxlib::forEachNode(model, [&](onnx::NodeProto &node, const onnxlib::Opsets &opsets) {
    int newest = onnxlib::newestOpset(node.domain()), version = 0;
    if (failed(ok) || !newest)
      return;
    for (const onnx::OperatorSetIdProto &o : opsets)
      if (o.domain() == node.domain())
        version = static_cast<int>(std::min<int64_t>(o.version(), INT32_MAX));
    bool isLocal = llvm::any_of(model.functions(), [&](auto &f) { return f.name() == node.op_type() && f.domain() == node.domain(); });
    if (version == 0 || isLocal || (version <= newest && onnxlib::sinceVersion(node.domain(), node.op_type(), version)))
      return;
    StringRef domain = node.domain().empty() ? StringRef("ai.onnx") : StringRef(node.domain());
    auto error = emitError(onnxLoc(context, node.name(), node.op_type(), file));
    error << "not supported: operator " << node.op_type() << " (domain " << domain << ", opset " << version << ")";
    if (version > newest)
      error << "; the newest opset known is " << newest;
    status = ImportStatus::unsupported;
    ok = failure();
  });
  return ok;
}

// Constants that were only looked at, and what dead nodes computed.
static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

FailureOr<OwningOpRef<ModuleOp>> ModelImport::build() {
  std::string error;
  renameStrayOperators(model);
  if (failed(checkOperators()))
    return failure();
  if (!onnxlib::sortNodes(*model.mutable_graph(), error))
    return fail(error);
  if (options.check && !onnxlib::check(model, error))
    return fail("the model is invalid: " + error);
  context->loadDialect<DsDialect, func::FuncDialect, tensor::TensorDialect, arith::ArithDialect, affine::AffineDialect>();
  StringRef dir = llvm::sys::path::parent_path(file);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder(context);
  module->getOperation()->setAttr("ds.model", builder.getStringAttr(llvm::sys::path::stem(file)));
  module->getOperation()->setAttr("ds.weights_dir", builder.getStringAttr(dir.empty() ? StringRef(".") : dir));
  builder.setInsertionPointToEnd(module->getBody());
  auto func = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(func.addEntryBlock());

  WeightSource weights;
  weights.dir = dir.str();
  GraphImporter importer(builder, file, weights, model, status);
  Scope scope;
  scope.opsets = &model.opset_import();
  importer.scope = &scope;
  if (failed(importer.importInitializers(model.graph(), scope)) || failed(declareInputs(func, importer, scope)) ||
      failed(importer.importNodes(model.graph().node(), scope)) || failed(returnOutputs(func, builder, importer, scope)))
    return failure();
  eraseDead(func.getBody().front());
  if (failed(verify(*module)))
    return fail("the imported module does not verify");
  return module;
}

LogicalResult ModelImport::declareInputs(func::FuncOp func, GraphImporter &importer, Scope &scope) {
  for (const onnx::ValueInfoProto &input : model.graph().input())
    if (!scope.find(input.name()) && failed(declareInput(input, func, importer, scope)))
      return failure();
  auto check = [&](StringRef name) -> LogicalResult {
    if (llvm::is_contained(symbolNames, name))
      return success();
    std::string known = symbolNames.empty() ? "all are fixed" : "there are: " + llvm::join(symbolNames, ", ");
    return fail("no input has a dimension named '" + name + "'; " + known);
  };
  for (const auto &[name, size] : options.dims)
    if (failed(check(name)))
      return failure();
  for (const ImportOptions::Range &range : options.ranges)
    if (failed(check(range.name)))
      return failure();
  return success();
}

// Where the first node that takes an input stands, for what is said about the input.
static Location userOf(const onnx::GraphProto &graph, const std::string &input, MLIRContext *context, StringRef file, Location otherwise) {
  for (const onnx::NodeProto &node : graph.node())
    if (llvm::is_contained(node.input(), input))
      return onnxLoc(context, node.name().empty() && node.output_size() ? node.output(0) : node.name(), node.op_type(), file);
  return otherwise;
}

LogicalResult ModelImport::declareInput(const onnx::ValueInfoProto &input, func::FuncOp func, GraphImporter &importer, Scope &scope) {
  const auto &tensor = input.type().tensor_type();
  Type element = input.type().has_tensor_type() ? elementTypeOf(tensor.elem_type(), context) : Type();
  if (!element)
    return importer.unsupported(userOf(model.graph(), input.name(), context, file, loc), "the type of input '" + input.name() + "'");
  if (!tensor.has_shape())
    return importer.unsupported(loc, "input '" + input.name() + "' without a shape; export the model with one");
  SmallVector<int64_t> sizes;
  SmallVector<Attribute> names;
  SmallVector<StringRef> params;
  for (const auto &dim : tensor.shape().dim()) {
    StringRef param = dim.has_dim_param() ? StringRef(dim.dim_param()) : StringRef();
    if (!param.empty())
      symbolNames.insert(param);
    auto frozen = llvm::find_if(options.dims, [&](auto &d) { return !param.empty() && d.first == param; });
    // Some exporters write a negative size for one that they do not know.
    bool isGiven = dim.has_dim_value() && dim.dim_value() >= 0, isStatic = isGiven || frozen != options.dims.end();
    int64_t size = isGiven ? dim.dim_value() : isStatic ? frozen->second : ShapedType::kDynamic;
    std::string name = isStatic ? "" : param.str();
    for (const ImportOptions::Range &range : options.ranges)
      if (!name.empty() && range.name == param)
        name += ":" + std::to_string(range.low) + ".." + std::to_string(range.high);
    sizes.push_back(size);
    names.push_back(StringAttr::get(context, name));
    params.push_back(isStatic || param == "?" ? StringRef() : param); // "?" is some exporters' way to give no name
  }
  Builder b(context);
  unsigned index = func.getNumArguments();
  auto attrs = b.getDictionaryAttr({b.getNamedAttr("ds.name", b.getStringAttr(input.name())), b.getNamedAttr("ds.dims", b.getArrayAttr(names))});
  if (failed(func.insertArgument(index, RankedTensorType::get(sizes, element), attrs, loc)))
    return failure();
  Value value = scope.data[input.name()].value = func.getArgument(index);
  // Equal names are equal sizes: they share a symbol.
  Dims dims(sizes.size());
  for (auto [dim, param] : llvm::zip_equal(dims, params))
    dim = param.empty() ? AffineExpr() : symbols.lookup(param);
  importer.shapes.declare(value, dims);
  for (auto [dim, param] : llvm::zip_equal(importer.shapes.dims(value), params))
    if (!param.empty())
      symbols[param] = dim;
  return success();
}

LogicalResult ModelImport::returnOutputs(func::FuncOp func, OpBuilder &builder, GraphImporter &importer, Scope &scope) {
  SmallVector<Value> values;
  SmallVector<Attribute> names;
  for (const onnx::ValueInfoProto &output : model.graph().output()) {
    Datum *datum = scope.find(output.name());
    if (!datum || datum->isVoid())
      return fail("no node computes output '" + output.name() + "'");
    Value value = importer.materialize(*datum, loc);
    if (!value)
      return failure();
    Type declared = output.type().has_tensor_type() ? elementTypeOf(output.type().tensor_type().elem_type(), context) : Type();
    if (declared && declared != getElementTypeOrSelf(value.getType()))
      return fail("output '" + output.name() + "' is declared with another element type than it has");
    values.push_back(value);
    names.push_back(builder.getDictionaryAttr(builder.getNamedAttr("ds.name", builder.getStringAttr(output.name()))));
  }
  func::ReturnOp::create(builder, loc, values);
  func.setFunctionType(builder.getFunctionType(func.getArgumentTypes(), ValueRange(values).getTypes()));
  func.setAllResultAttrs(names);
  return success();
}

bool mlir::ds::parseDim(StringRef spec, ImportOptions &options) {
  auto [name, size] = spec.rsplit('=');
  int64_t low = 0, high = 0;
  bool isRange = size.contains("..");
  if (name.empty() || (isRange ? size.split("..").first : size).getAsInteger(10, low) || (isRange && size.split("..").second.getAsInteger(10, high)))
    return false;
  if (low < 0 || (isRange && high < low))
    return false;
  if (isRange)
    options.ranges.push_back({name.str(), low, high});
  else
    options.dims.push_back({name.str(), low});
  return true;
}

// Runs an import with all errors but the first held back, and that one made a line that names its node.
static FailureOr<OwningOpRef<ModuleOp>> importing(MLIRContext *context, StringRef file, ImportStatus *status,
                                                  function_ref<FailureOr<OwningOpRef<ModuleOp>>(ImportStatus &)> import) {
  ImportStatus result = ImportStatus::ok;
  std::string message;
  FailureOr<OwningOpRef<ModuleOp>> module = failure();
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diag) {
      if (diag.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      if (message.empty())
        message = (isa<FusedLoc>(diag.getLocation()) ? describe(diag.getLocation()) + ": " : "") + diag.str();
      return success();
    });
    module = import(result);
  }
  if (failed(module)) {
    if (result == ImportStatus::ok)
      result = ImportStatus::invalid;
    emitError(FileLineColLoc::get(context, file, 0, 0)) << message;
  }
  if (status)
    *status = result;
  return module;
}

FailureOr<OwningOpRef<ModuleOp>> mlir::ds::importOnnx(MLIRContext *context, StringRef path, const ImportOptions &options, ImportStatus *status) {
  return importing(context, path, status, [&](ImportStatus &s) { return ModelImport(context, path, options, s).fromFile(); });
}

FailureOr<OwningOpRef<ModuleOp>> mlir::ds::importOnnxText(MLIRContext *context, StringRef text, StringRef name, const ImportOptions &options,
                                                          ImportStatus *status) {
  return importing(context, name, status, [&](ImportStatus &s) { return ModelImport(context, name, options, s).fromText(text); });
}
