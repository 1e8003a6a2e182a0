// The only file of the import that is compiled with exceptions: the ONNX library reports errors by them.
#include "lib/importer/OnnxLib.h"
#include "onnx/checker.h"
#include "onnx/defs/parser.h"
#include "onnx/defs/schema.h"
#include "onnx/shape_inference/attribute_binder.h"
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

using namespace onnx;
namespace lib = mlir::ds::onnxlib;

// Runs `f`; an exception becomes the first line of its message.
template <typename F>
static bool guarded(std::string &error, F f) {
  try {
    return f();
  } catch (const std::exception &e) {
    error = e.what();
    for (char &c : error)
      if (c == '\n')
        c = ' ';
    return false;
  }
}

bool lib::parseBinary(std::string_view bytes, ModelProto &model, std::string &error) {
  return guarded(error, [&] {
    google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(INT32_MAX);
    if (model.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage() && model.has_graph())
      return true;
    error = "the file is not a valid ONNX protobuf; it may be truncated or corrupt";
    return false;
  });
}

bool lib::parseText(std::string_view text, ModelProto &model, std::string &error) {
  return guarded(error, [&] {
    std::string copy(text); // the parser keeps pointers into it
    OnnxParser parser(copy.c_str());
    auto status = parser.Parse(model);
    if (status.IsOK() && !parser.EndOfInput())
      status = Common::Status(Common::StatusCategory::NONE, Common::StatusCode::FAIL, "text follows the end of the model");
    error = status.ErrorMessage();
    for (char &c : error)
      if (c == '\n')
        c = ' ';
    return status.IsOK();
  });
}

namespace {
// What the checker would look at of an external tensor, set aside while it runs.
struct Aside {
  TensorProto *tensor;
  TensorProto record;
};
} // namespace

bool lib::check(ModelProto &model, std::string &error) {
  std::vector<Aside> asides;
  forEachTensor(model, [&](TensorProto &tensor) {
    if (tensor.data_location() != TensorProto::EXTERNAL)
      return;
    TensorProto record;
    record.mutable_dims()->Swap(tensor.mutable_dims());
    record.mutable_external_data()->Swap(tensor.mutable_external_data());
    tensor.add_dims(0);
    tensor.clear_data_location();
    asides.push_back({&tensor, std::move(record)});
  });
  bool ok = guarded(error, [&] {
    checker::check_model(model);
    return true;
  });
  for (Aside &aside : asides) {
    aside.tensor->mutable_dims()->Swap(aside.record.mutable_dims());
    aside.tensor->mutable_external_data()->Swap(aside.record.mutable_external_data());
    aside.tensor->set_data_location(TensorProto::EXTERNAL);
  }
  return ok;
}

static std::string standardDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

int lib::sinceVersion(const std::string &domain, const std::string &opType, int version) {
  const OpSchema *schema = OpSchemaRegistry::Schema(opType, version, standardDomain(domain));
  return schema && !schema->Deprecated() ? schema->SinceVersion() : 0;
}

int lib::newestOpset(const std::string &domain) {
  const auto &map = OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  auto it = map.find(standardDomain(domain));
  return it == map.end() ? 0 : it->second.second;
}

void lib::bindAttributes(const NodeProto &node, FunctionProto &function) {
  internal::AttributeMap attributes;
  for (const AttributeProto &attribute : function.attribute_proto())
    attributes[attribute.name()] = &attribute;
  for (const AttributeProto &attribute : node.attribute())
    attributes[attribute.name()] = &attribute;
  internal::AttributeBinder(attributes).VisitFunction(function);
}

bool lib::functionBody(const NodeProto &node, int version, const std::vector<TypeProto> &inputTypes, FunctionProto &body) {
  std::string error;
  return guarded(error, [&] {
    const OpSchema *schema = OpSchemaRegistry::Schema(node.op_type(), version, standardDomain(node.domain()));
    if (!schema)
      return false;
    if (const FunctionProto *plain = schema->GetFunction(version)) {
      body = *plain;
    } else if (schema->HasContextDependentFunction()) {
      FunctionBodyBuildContextImpl context(node, inputTypes);
      if (!schema->BuildContextDependentFunction(context, body, version))
        return false;
    } else {
      return false;
    }
    // A body refers to attributes that the node leaves at the schema's default.
    NodeProto full = node;
    for (const auto &[name, attribute] : schema->attributes()) {
      bool present = false;
      for (const AttributeProto &given : node.attribute())
        present |= given.name() == name;
      if (!present && attribute.default_value.has_name())
        *full.add_attribute() = attribute.default_value;
    }
    bindAttributes(full, body);
    return true;
  });
}
