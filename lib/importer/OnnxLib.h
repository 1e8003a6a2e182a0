// What the ONNX library does for the import, with its exceptions turned into messages.
#pragma once
#include "onnx/onnx_pb.h"
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mlir::ds::onnxlib {

// Each returns whether it succeeded; `error` says why not.
bool parseBinary(std::string_view bytes, onnx::ModelProto &model, std::string &error);
// ONNX's own text syntax (.onnxtxt).
bool parseText(std::string_view text, onnx::ModelProto &model, std::string &error);
// The structural checker, without opening any external data.
bool check(onnx::ModelProto &model, std::string &error);
// Sorts the nodes of every graph by their dependences, keeping the order where it is already right.
bool sortNodes(onnx::GraphProto &graph, std::string &error);

// The opset version from which the meaning of an operator holds at opset `version`; 0 if there is no such operator.
int sinceVersion(const std::string &domain, const std::string &opType, int version);
// The newest opset of a domain that the library knows; 0 for a domain that it does not know.
int newestOpset(const std::string &domain);
// The function body that the standard gives for a node, with the node's attributes put in. False if it has none.
bool functionBody(const onnx::NodeProto &node, int version, const std::vector<onnx::TypeProto> &inputTypes, onnx::FunctionProto &body);
// A model-local function with the node's attributes put in.
void bindAttributes(const onnx::NodeProto &node, onnx::FunctionProto &function);

// Every tensor of the model: initializers, attributes, those of subgraphs and functions.
void forEachTensor(onnx::ModelProto &model, const std::function<void(onnx::TensorProto &)> &visit);
// Every node, with the opset imports that it lives under.
using Opsets = google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>;
void forEachNode(onnx::ModelProto &model, const std::function<void(onnx::NodeProto &, const Opsets &)> &visit);

} // namespace mlir::ds::onnxlib
