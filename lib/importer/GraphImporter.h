// The walk over a graph: names, scopes, functions, subgraphs.
#pragma once
#include "lib/importer/Import.h"
#include "lib/importer/Node.h"
#include "lib/importer/OnnxLib.h"
#include "llvm/ADT/StringMap.h"
#include <list>

namespace mlir::ds {

// The names of one graph or function body; subgraphs see those of their parents.
struct Scope {
  llvm::StringMap<Datum> data;
  Scope *parent = nullptr;
  const onnxlib::Opsets *opsets = nullptr;
  Datum *find(StringRef name);
};

// Where tensors that stayed in files are.
struct WeightSource {
  std::string dir;
  // Size of an external file, or an error; each file is opened once.
  FailureOr<uint64_t> fileSize(StringRef relative, Location loc);
  llvm::StringMap<uint64_t> sizes;
};

class GraphImporter {
public:
  GraphImporter(OpBuilder &builder, StringRef file, WeightSource &weights, const onnx::ModelProto &model, ImportStatus &status);

  LogicalResult importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope);
  LogicalResult importInitializers(const onnx::GraphProto &graph, Scope &scope);
  // A subgraph of the node being imported, inlined; its outputs' values.
  FailureOr<SmallVector<Datum>> importSubgraph(Node &n, const onnx::GraphProto &graph, ArrayRef<Datum> inputs);

  Value materialize(Datum &datum, Location loc);
  const Elements *elements(Datum &datum, Location loc);
  // ds.constant or ds.weight; null after an error.
  Value tensorValue(const onnx::TensorProto &tensor, Location loc);

  InFlightDiagnostic invalid(Location loc);
  LogicalResult unsupported(Location loc, const Twine &what);

  Scope *scope = nullptr;
  ImportShapes shapes;

private:
  LogicalResult importNode(const onnx::NodeProto &node);
  LogicalResult importFunction(Node &n, const onnx::FunctionProto &function);
  std::vector<onnx::TypeProto> inputTypes(Node &n);
  DenseElementsAttr readTensor(const onnx::TensorProto &tensor, RankedTensorType type, Location loc);
  Value externalTensor(const onnx::TensorProto &tensor, RankedTensorType type, Location loc);

  OpBuilder &builder;
  std::string file;
  WeightSource &weights;
  const onnx::ModelProto &model;
  ImportStatus &status;
  unsigned depth = 0;
  uint64_t nodeCount = 0;
  // Bodies of functions being imported: subgraphs and tensors point into them.
  std::list<onnx::FunctionProto> bodies;
};

} // namespace mlir::ds
