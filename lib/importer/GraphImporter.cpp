// Names to values; a node to its table entry, else to the function body that the standard gives it.
#include "lib/importer/GraphImporter.h"
#include "lib/support/OnnxLoc.h"

using namespace mlir;
using namespace mlir::ds;

// A model may call functions that call functions: work is bounded, not only nesting.
constexpr unsigned kMaxDepth = 48;
constexpr uint64_t kMaxNodes = 2'000'000;

Datum *Scope::find(StringRef name) {
  for (Scope *s = this; s; s = s->parent)
    if (auto it = s->data.find(name); it != s->data.end())
      return &it->second;
  return nullptr;
}

GraphImporter::GraphImporter(OpBuilder &builder, StringRef file, WeightSource &weights, const onnx::ModelProto &model, ImportStatus &status)
    : shapes(builder), builder(builder), file(file), weights(weights), model(model), status(status) {}

InFlightDiagnostic GraphImporter::invalid(Location loc) {
  status = ImportStatus::invalid;
  return emitError(loc);
}

LogicalResult GraphImporter::unsupported(Location loc, const Twine &what) {
  emitError(loc) << "not supported: " << what;
  status = ImportStatus::unsupported;
  return failure();
}

LogicalResult GraphImporter::importInitializers(const onnx::GraphProto &graph, Scope &scope) {
  if (graph.sparse_initializer_size())
    return unsupported(builder.getUnknownLoc(), "sparse initializer '" + graph.sparse_initializer(0).values().name() + "'");
  for (const onnx::TensorProto &tensor : graph.initializer())
    scope.data[tensor.name()].tensor = &tensor;
  return success();
}

Value GraphImporter::materialize(Datum &datum, Location loc) {
  if (datum.value || datum.isVoid())
    return datum.value;
  if (datum.tensor)
    return datum.value = tensorValue(*datum.tensor, loc);
  const Elements &e = *datum.elements;
  auto type = RankedTensorType::get(e.shape, e.type);
  if (llvm::all_of(e.values, [](AffineExpr x) { return constantOf(x).has_value(); })) {
    unsigned width = e.type.getIntOrFloatBitWidth();
    auto attr = DenseElementsAttr::get(type, llvm::map_to_vector(e.values, [&](AffineExpr x) {
                                         return APInt(width, static_cast<uint64_t>(*constantOf(x)), false, true);
                                       }));
    datum.value = ConstantOp::create(builder, loc, attr);
  } else {
    SmallVector<Value> values;
    Type signless = builder.getIntegerType(e.type.getIntOrFloatBitWidth());
    for (AffineExpr x : e.values)
      values.push_back(builder.createOrFold<arith::IndexCastOp>(loc, signless, shapes.value(x, loc)));
    datum.value = tensor::FromElementsOp::create(builder, loc, RankedTensorType::get(e.shape, signless), values);
  }
  shapes.declare(datum.value, Dims(e.shape.size()));
  return datum.value;
}

const Elements *GraphImporter::elements(Datum &datum, Location loc) {
  constexpr int64_t kMaxElements = 128;
  if (datum.elements)
    return &*datum.elements;
  if (datum.tensor && !datum.value) {
    Type type = elementTypeOf(datum.tensor->data_type(), builder.getContext());
    // Weights, and what is no integer, cannot be shapes; reading them would be wasted.
    if (!isa_and_nonnull<IntegerType>(type) || datum.tensor->data_location() == onnx::TensorProto::EXTERNAL)
      return nullptr;
    (void)materialize(datum, loc);
  }
  DenseElementsAttr attr;
  if (!datum.value || !matchPattern(datum.value, m_Constant(&attr)) || attr.getNumElements() > kMaxElements)
    return nullptr;
  auto type = dyn_cast<IntegerType>(attr.getElementType());
  if (!type)
    return nullptr;
  Elements e{{}, llvm::to_vector(attr.getType().getShape()), type};
  for (APInt value : attr.getValues<APInt>())
    e.values.push_back(shapes.constant(type.isUnsigned() || type.isInteger(1) ? value.getZExtValue() : value.getSExtValue()));
  datum.elements = std::move(e);
  return &*datum.elements;
}

LogicalResult GraphImporter::importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &inner) {
  Scope *outer = scope;
  scope = &inner;
  LogicalResult ok = success();
  for (const onnx::NodeProto &node : nodes)
    if (failed(ok = importNode(node)))
      break;
  scope = outer;
  return ok;
}

static int opsetVersion(const onnxlib::Opsets &opsets, StringRef domain) {
  for (const onnx::OperatorSetIdProto &o : opsets)
    if (o.domain() == domain.str() || (domain.empty() && o.domain() == "ai.onnx"))
      return static_cast<int>(std::min<int64_t>(o.version(), INT32_MAX));
  // The checker has seen to the model's imports; function bodies of the standard may leave them out.
  return onnxlib::newestOpset(domain.str());
}

LogicalResult GraphImporter::importNode(const onnx::NodeProto &node) {
  StringRef name = node.name().empty() && node.output_size() ? StringRef(node.output(0)) : StringRef(node.name());
  Location loc = onnxLoc(builder.getContext(), name, node.op_type(), file);
  if (++nodeCount > kMaxNodes)
    return invalid(loc) << "the model expands to more than " << kMaxNodes << " nodes; its functions call each other too often";
  std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
  int version = opsetVersion(*scope->opsets, domain);
  Node n(*this, node, 1, loc, builder, shapes);
  for (const onnx::FunctionProto &function : model.functions())
    if (function.name() == node.op_type() && function.domain() == node.domain() && function.overload() == node.overload()) {
      onnx::FunctionProto body = function;
      onnxlib::bindAttributes(node, body);
      return importFunction(n, body);
    }
  if (int since = onnxlib::sinceVersion(domain, node.op_type(), version))
    n.since = since;
  if (auto folded = foldElements(n, domain.empty() ? StringRef(node.op_type()) : StringRef()))
    return *folded;
  if (ImportFn import = findOp(domain, node.op_type(), n.since))
    return failure(failed(import(n)) || n.isFailed);
  onnx::FunctionProto body;
  if (onnxlib::functionBody(node, version, inputTypes(n), body))
    return importFunction(n, body);
  return unsupported(loc, "operator " + node.op_type() + " (domain " + (domain.empty() ? "ai.onnx" : domain) + ", opset " + Twine(version) + ")");
}

LogicalResult GraphImporter::importFunction(Node &n, const onnx::FunctionProto &function) {
  if (depth >= kMaxDepth)
    return invalid(n.loc) << "functions are nested more than " << kMaxDepth << " deep";
  ++depth;
  bodies.push_back(function);
  const onnx::FunctionProto &body = bodies.back();
  Scope inner;
  // A body of the standard may leave its imports to the caller's.
  inner.opsets = body.opset_import_size() ? &body.opset_import() : scope->opsets;
  for (auto [i, name] : llvm::enumerate(body.input()))
    if (n.has(i))
      inner.data[name] = *scope->find(n.proto.input(i));
  LogicalResult ok = importNodes(body.node(), inner);
  --depth;
  if (failed(ok))
    return failure();
  for (auto [i, name] : llvm::enumerate(body.output())) {
    if (!n.wants(i))
      continue;
    Datum *datum = inner.find(name);
    if (!datum)
      return invalid(n.loc) << "function " << function.name() << " does not compute its output '" << name << "'";
    scope->data[n.proto.output(i)] = *datum;
  }
  return success();
}

FailureOr<SmallVector<Datum>> GraphImporter::importSubgraph(Node &n, const onnx::GraphProto &graph, ArrayRef<Datum> inputs) {
  if (depth >= kMaxDepth)
    return invalid(n.loc) << "subgraphs are nested more than " << kMaxDepth << " deep";
  Scope inner;
  inner.parent = scope;
  inner.opsets = scope->opsets;
  if (static_cast<size_t>(graph.input_size()) != inputs.size())
    return invalid(n.loc) << "the subgraph has " << graph.input_size() << " inputs, " << inputs.size() << " are given";
  for (auto [input, datum] : llvm::zip_equal(graph.input(), inputs))
    inner.data[input.name()] = datum;
  ++depth;
  LogicalResult ok = failure(failed(importInitializers(graph, inner)) || failed(importNodes(graph.node(), inner)));
  --depth;
  if (failed(ok))
    return failure();
  SmallVector<Datum> results;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    Datum *datum = inner.find(output.name());
    if (!datum)
      return invalid(n.loc) << "the subgraph does not compute its output '" << output.name() << "'";
    results.push_back(*datum);
  }
  return results;
}

static int onnxTypeOf(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return onnx::TensorProto::BOOL;
    case 8:
      return isUnsigned ? onnx::TensorProto::UINT8 : onnx::TensorProto::INT8;
    case 16:
      return isUnsigned ? onnx::TensorProto::UINT16 : onnx::TensorProto::INT16;
    case 32:
      return isUnsigned ? onnx::TensorProto::UINT32 : onnx::TensorProto::INT32;
    default:
      return isUnsigned ? onnx::TensorProto::UINT64 : onnx::TensorProto::INT64;
    }
  }
  if (type.isF16())
    return onnx::TensorProto::FLOAT16;
  if (type.isBF16())
    return onnx::TensorProto::BFLOAT16;
  return type.isF64() ? onnx::TensorProto::DOUBLE : onnx::TensorProto::FLOAT;
}

// What a context-dependent function body may ask about its operands.
std::vector<onnx::TypeProto> GraphImporter::inputTypes(Node &n) {
  std::vector<onnx::TypeProto> types(n.numInputs());
  for (unsigned i = 0; i < types.size(); ++i) {
    if (!n.has(i))
      continue;
    Value value = n.in(i);
    if (!value)
      return {};
    auto type = cast<RankedTensorType>(value.getType());
    auto *tensor = types[i].mutable_tensor_type();
    tensor->set_elem_type(onnxTypeOf(type.getElementType()));
    tensor->mutable_shape();
    for (int64_t size : type.getShape()) {
      auto *dim = tensor->mutable_shape()->add_dim();
      if (!ShapedType::isDynamic(size))
        dim->set_dim_value(size);
    }
  }
  return types;
}
