// Operands, attributes and results of a node.
#include "lib/importer/Node.h"
#include "lib/importer/GraphImporter.h"

using namespace mlir;
using namespace mlir::ds;

unsigned Node::numInputs() const { return proto.input_size(); }
unsigned Node::numOutputs() const { return proto.output_size(); }
bool Node::wants(unsigned output) const { return output < numOutputs() && !proto.output(output).empty(); }
bool Node::has(unsigned i) const {
  if (i >= numInputs() || proto.input(i).empty())
    return false;
  // Within a function body a name may stand for an operand that the caller left out.
  Datum *d = importer.scope->find(proto.input(i));
  return d && !d->isVoid();
}

Datum *Node::datum(unsigned i) const { return i < numInputs() ? importer.scope->find(proto.input(i)) : nullptr; }

Value Node::in(unsigned i) {
  Value v;
  if (Datum *d = isFailed ? nullptr : datum(i))
    v = importer.materialize(*d, loc);
  if (!v && !isFailed)
    error() << "operand " << i << " is missing";
  return v;
}

SmallVector<Value> Node::ins() {
  SmallVector<Value> values;
  for (unsigned i = 0; i < numInputs(); ++i)
    values.push_back(in(i));
  return values;
}

Type Node::elementType(unsigned i) {
  Value v = in(i);
  return v ? getElementTypeOrSelf(v.getType()) : f32();
}

const Elements *Node::elements(unsigned i) {
  Datum *d = datum(i);
  return d && !d->isVoid() ? importer.elements(*d, loc) : nullptr;
}

FailureOr<SmallVector<AffineExpr>> Node::sizes(unsigned i) {
  if (const Elements *e = elements(i))
    return e->values;
  Value v = in(i);
  if (!v)
    return failure();
  auto type = cast<RankedTensorType>(v.getType());
  if (!isa<IntegerType>(type.getElementType()) || type.getRank() > 1)
    return error() << "operand " << i << " is " << type << ", it must be an integer tensor of at most one axis";
  if (!type.hasStaticShape())
    return unsupported("a shape operand whose length is not known");
  SmallVector<AffineExpr> result;
  for (int64_t k = 0; k < type.getNumElements(); ++k) {
    SmallVector<Value> at;
    if (type.getRank())
      at.push_back(arith::ConstantIndexOp::create(b, loc, k));
    Value element = tensor::ExtractOp::create(b, loc, v, at);
    if (!element.getType().isSignlessInteger())
      return unsupported("a shape operand of type " + std::string("unsigned integer"));
    result.push_back(shapes.symbol(arith::IndexCastOp::create(b, loc, b.getIndexType(), element), false));
  }
  if (Datum *d = datum(i))
    d->elements = Elements{result, llvm::to_vector(type.getShape()), type.getElementType()};
  return result;
}

std::optional<SmallVector<int64_t>> Node::constInts(unsigned i) {
  const Elements *e = has(i) ? elements(i) : nullptr;
  if (!e)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (AffineExpr x : e->values) {
    auto c = constantOf(x);
    if (!c)
      return std::nullopt;
    result.push_back(*c);
  }
  return result;
}

std::optional<SmallVector<double>> Node::constFloats(unsigned i) {
  DenseElementsAttr attr;
  Value v = has(i) ? in(i) : Value();
  if (!v || !matchPattern(v, m_Constant(&attr)) || !isa<FloatType>(attr.getElementType()))
    return std::nullopt;
  SmallVector<double> result;
  for (APFloat x : attr.getValues<APFloat>()) {
    bool lossy;
    x.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
    result.push_back(x.convertToDouble());
  }
  return result;
}

const onnx::AttributeProto *Node::attribute(StringRef name) const {
  for (const onnx::AttributeProto &a : proto.attribute())
    if (a.name() == name.str())
      return &a;
  return nullptr;
}

bool Node::hasAttr(StringRef name) const { return attribute(name) != nullptr; }

int64_t Node::i(StringRef name, int64_t otherwise) const {
  auto *a = attribute(name);
  return a ? a->i() : otherwise;
}

double Node::f(StringRef name, double otherwise) const {
  auto *a = attribute(name);
  return a ? a->f() : otherwise;
}

std::string Node::s(StringRef name, StringRef otherwise) const {
  auto *a = attribute(name);
  return a ? a->s() : otherwise.str();
}

SmallVector<int64_t> Node::ints(StringRef name) const {
  auto *a = attribute(name);
  return a ? SmallVector<int64_t>(a->ints().begin(), a->ints().end()) : SmallVector<int64_t>();
}

SmallVector<double> Node::floats(StringRef name) const {
  auto *a = attribute(name);
  return a ? SmallVector<double>(a->floats().begin(), a->floats().end()) : SmallVector<double>();
}

SmallVector<std::string> Node::strings(StringRef name) const {
  auto *a = attribute(name);
  return a ? SmallVector<std::string>(a->strings().begin(), a->strings().end()) : SmallVector<std::string>();
}

const onnx::TensorProto *Node::tensor(StringRef name) const {
  auto *a = attribute(name);
  return a && a->has_t() ? &a->t() : nullptr;
}

const onnx::GraphProto *Node::graph(StringRef name) const {
  auto *a = attribute(name);
  return a && a->has_g() ? &a->g() : nullptr;
}

LogicalResult Node::result(const Datum &datum, unsigned i) {
  if (wants(i))
    importer.scope->data[proto.output(i)] = datum;
  return success();
}

LogicalResult Node::result(Value v, unsigned i) {
  Datum d;
  d.value = v;
  return isFailed || !v ? failure() : result(d, i);
}

LogicalResult Node::result(Elements elements, unsigned i) {
  Datum d;
  d.elements = std::move(elements);
  return result(d, i);
}

LogicalResult Node::forward(unsigned input, unsigned output) {
  Datum *d = datum(input);
  return d ? result(Datum(*d), output) : LogicalResult(error() << "operand " << input << " is missing");
}

InFlightDiagnostic Node::error() {
  isFailed = true;
  return importer.invalid(loc);
}

LogicalResult Node::unsupported(const Twine &what) {
  isFailed = true;
  return importer.unsupported(loc, what);
}

Value Node::tensorValue(StringRef name) {
  Value v = tensor(name) ? importer.tensorValue(*tensor(name), loc) : Value();
  isFailed |= !v;
  return v;
}
