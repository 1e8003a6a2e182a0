// One ONNX node while it becomes ds ops: what the functions of lib/importer/ops see.
#pragma once
#include "lib/importer/ImportShapes.h"

namespace onnx {
class NodeProto;
class AttributeProto;
class GraphProto;
class TensorProto;
} // namespace onnx

namespace mlir::ds {

class GraphImporter;

// A small integer or bool tensor whose elements are known as expressions, row-major.
struct Elements {
  SmallVector<AffineExpr> values;
  SmallVector<int64_t> shape;
  Type type; // of an element
};

// What an ONNX name stands for. Made into an op only when a value is asked for.
struct Datum {
  Value value;
  std::optional<Elements> elements;
  const onnx::TensorProto *tensor = nullptr; // an initializer or a Constant
  bool isVoid() const { return !value && !elements && !tensor; }
};

// An operand of an op that may be null.
struct Optional {
  Value value;
  operator Value() const { return value; }
};

// After the first error every function returns null, empty or failure; `make` on null operands is null.
class Node {
public:
  Node(GraphImporter &importer, const onnx::NodeProto &proto, int since, Location loc, OpBuilder &b, ImportShapes &shapes)
      : shapes(shapes), b(b), loc(loc), since(since), importer(importer), proto(proto) {}

  // Operands.
  unsigned numInputs() const;
  unsigned numOutputs() const;
  bool has(unsigned i) const;
  bool wants(unsigned output) const;
  Value in(unsigned i);
  SmallVector<Value> ins();
  Type elementType(unsigned i);
  // The elements where they are known without running anything.
  const Elements *elements(unsigned i);
  // The elements of an integer tensor of static shape, as sizes: taken out of the tensor where they depend on data.
  FailureOr<SmallVector<AffineExpr>> sizes(unsigned i);
  // The one element of an integer tensor, as a size.
  AffineExpr sizeOf(Value tensor, bool nonNegative);
  // Constant contents; nullopt (null) where they are not constant, or the operand is missing.
  std::optional<SmallVector<int64_t>> constInts(unsigned i);
  std::optional<SmallVector<double>> constFloats(unsigned i);

  // Attributes.
  bool hasAttr(StringRef name) const;
  int64_t i(StringRef name, int64_t otherwise) const;
  double f(StringRef name, double otherwise) const;
  std::string s(StringRef name, StringRef otherwise) const;
  SmallVector<int64_t> ints(StringRef name) const;
  SmallVector<double> floats(StringRef name) const;
  SmallVector<std::string> strings(StringRef name) const;
  const onnx::TensorProto *tensor(StringRef name) const;
  // The tensor of an attribute as a constant or weight.
  Value tensorValue(StringRef name);
  const onnx::GraphProto *graph(StringRef name) const;

  // Shapes.
  Dims dims(Value v) { return shapes.dims(v); }
  int64_t rank(Value v) { return v ? cast<RankedTensorType>(v.getType()).getRank() : 0; }
  AffineExpr dim(Value v, int64_t axis);
  // -rank <= axis < rank made 0 <= axis < rank; an error otherwise.
  FailureOr<int64_t> axis(int64_t axis, int64_t rank);
  FailureOr<SmallVector<int64_t>> axes(ArrayRef<int64_t> axes, int64_t rank);

  // Building. The result's shape is inferred.
  template <typename OpTy, typename... Args>
  OpTy makeOp(TypeRange elementTypes, Args &&...args) {
    if (isFailed || (... || isNull(args)))
      return nullptr;
    SmallVector<Type> types;
    for (Type t : elementTypes)
      types.push_back(RankedTensorType::get({}, t));
    auto op = OpTy::create(b, loc, types, std::forward<Args>(args)...);
    if (succeeded(shapes.infer(op)))
      return op;
    isFailed = true;
    op->erase();
    return nullptr;
  }
  template <typename OpTy, typename... Args>
  Value make(Type elementType, Args &&...args) {
    auto op = makeOp<OpTy>(elementType, std::forward<Args>(args)...);
    return op ? op->getResult(0) : Value();
  }
  // Element-wise op in the type of its first operand.
  template <typename OpTy, typename... Args>
  Value same(Value first, Args &&...args) {
    return first ? make<OpTy>(getElementTypeOrSelf(first.getType()), first, std::forward<Args>(args)...) : Value();
  }
  Value cast_(Value v, Type elementType);
  Value scalar(Type elementType, double value);
  Value constant(DenseElementsAttr attr);
  Value ints1d(ArrayRef<int64_t> values);
  Value reshape(Value v, ArrayRef<AffineExpr> sizes);
  Value broadcast(Value v, ArrayRef<AffineExpr> sizes);
  Value transpose(Value v, ArrayRef<int64_t> permutation);
  Value slice(Value v, ArrayRef<AffineExpr> offsets, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> strides);
  // Elements [offset, offset + size) of one axis.
  Value sliceAxis(Value v, int64_t axis, AffineExpr offset, AffineExpr size);
  Value concat(ArrayRef<Value> values, int64_t axis);
  Value iota(AffineExpr size, Type elementType);
  // The index value as an i64 tensor of rank 0.
  Value sizeTensor(AffineExpr expr, Type elementType);
  Value reduce(ReduceKind kind, Value v, ArrayRef<int64_t> axes, bool keepdims);
  Value mean(Value v, ArrayRef<int64_t> axes, bool keepdims);
  // Rank raised to `rank` by ones: `before` leading ones, the rest behind.
  Value unsqueezeTo(Value v, int64_t before, int64_t rank);

  // Results. `v` may be null after an error.
  LogicalResult result(Value v, unsigned i = 0);
  LogicalResult result(Elements elements, unsigned i = 0);
  LogicalResult result(const Datum &datum, unsigned i = 0);
  LogicalResult forward(unsigned input, unsigned output = 0);

  // Errors: "node 'x' (Op): <message>".
  InFlightDiagnostic error();
  LogicalResult unsupported(const Twine &what);

  MLIRContext *ctx() { return b.getContext(); }
  Type i64() { return b.getI64Type(); }
  Type f32() { return b.getF32Type(); }
  Type i1() { return b.getI1Type(); }

  ImportShapes &shapes;
  OpBuilder &b;
  Location loc;
  // The opset version that introduced the operator's present meaning.
  int since;
  GraphImporter &importer;
  const onnx::NodeProto &proto;
  bool isFailed = false;

private:
  static bool isNull(Value v) { return !v; }
  template <typename T>
  static bool isNull(const T &) {
    return false;
  }
  static bool isNull(const SmallVector<Value> &values) { return llvm::is_contained(values, Value()); }
  static bool isNull(ArrayRef<Value> values) { return llvm::is_contained(values, Value()); }
  const onnx::AttributeProto *attribute(StringRef name) const;
  Datum *datum(unsigned i) const;
};

// ONNX's TensorProto.DataType as an element type; null if ds has none.
Type elementTypeOf(int onnxType, MLIRContext *context);

// The table of operators: the entry with the largest `since` that is not above the node's applies.
using ImportFn = LogicalResult (*)(Node &);
struct OpEntry {
  const char *op;
  int since;
  ImportFn import;
};
ImportFn findOp(StringRef domain, StringRef op, int since);

// The rows of each theme, lib/importer/ops/<Theme>.cpp.
ArrayRef<OpEntry> elementwiseOps();
ArrayRef<OpEntry> shapeOps();
ArrayRef<OpEntry> shapeValueOps();
ArrayRef<OpEntry> linearOps();
ArrayRef<OpEntry> reduceOps();
ArrayRef<OpEntry> indexingOps();
ArrayRef<OpEntry> normOps();
ArrayRef<OpEntry> imageOps();
ArrayRef<OpEntry> dataOps();
ArrayRef<OpEntry> einsumOps();
ArrayRef<OpEntry> quantOps();
ArrayRef<OpEntry> controlOps();
ArrayRef<OpEntry> recurrentOps();
ArrayRef<OpEntry> gridSampleOps();
// Of other domains than the standard's: "domain::Operator".
ArrayRef<OpEntry> microsoftOps();

// The convolution that the node's attributes describe, without a bias.
Value convolve(Node &n, Value x, Value filter);

// Folds the node over known elements (shape arithmetic) if it can; nullopt if it cannot.
std::optional<LogicalResult> foldElements(Node &n, StringRef op);

} // namespace mlir::ds
