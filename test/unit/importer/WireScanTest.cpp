// The scan that takes weights out of a protobuf.
#include "lib/importer/WireScan.h"
#include "lib/importer/OnnxLib.h"
#include "gtest/gtest.h"

using namespace mlir::ds;

namespace {
onnx::ModelProto withTensor(size_t bytes) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name("w");
  tensor->set_data_type(onnx::TensorProto::UINT8);
  tensor->add_dims(bytes);
  tensor->set_raw_data(std::string(bytes, 'x'));
  return model;
}

std::string message(llvm::Expected<std::string> result) { return result ? "" : llvm::toString(result.takeError()); }

onnx::ModelProto reduced(const std::string &file) {
  onnx::ModelProto model;
  auto text = reduceModel(file, "model.onnx");
  EXPECT_TRUE(static_cast<bool>(text));
  EXPECT_TRUE(model.ParseFromString(*text));
  return model;
}

TEST(WireScan, LargeDataBecomesARecordIntoTheFile) {
  std::string file = withTensor(kInlineBytes + 1).SerializeAsString();
  onnx::ModelProto model = reduced(file);
  const onnx::TensorProto &tensor = model.graph().initializer(0);
  EXPECT_EQ(tensor.data_location(), onnx::TensorProto::EXTERNAL);
  EXPECT_FALSE(tensor.has_raw_data());
  ASSERT_EQ(tensor.external_data_size(), 3);
  EXPECT_EQ(tensor.external_data(0).value(), "model.onnx");
  size_t offset = std::stoul(tensor.external_data(1).value()), length = std::stoul(tensor.external_data(2).value());
  EXPECT_EQ(file.substr(offset, length), std::string(kInlineBytes + 1, 'x'));
}

TEST(WireScan, SmallDataStays) {
  onnx::ModelProto model = reduced(withTensor(kInlineBytes).SerializeAsString());
  EXPECT_EQ(model.graph().initializer(0).raw_data().size(), kInlineBytes);
}

TEST(WireScan, TensorsOfAttributesSubgraphsAndFunctions) {
  onnx::ModelProto model;
  auto *branch = model.mutable_graph()->add_node()->add_attribute()->mutable_g();
  *branch->add_node()->add_attribute()->mutable_t() = withTensor(2000).graph().initializer(0);
  *model.add_functions()->add_node()->add_attribute()->add_tensors() = withTensor(3000).graph().initializer(0);
  onnx::ModelProto result = reduced(model.SerializeAsString());
  int external = 0;
  onnxlib::forEachTensor(result, [&](onnx::TensorProto &t) { external += t.data_location() == onnx::TensorProto::EXTERNAL; });
  EXPECT_EQ(external, 2);
}

TEST(WireScan, PackedFloatsAreBytesToo) {
  onnx::ModelProto model;
  auto *tensor = model.mutable_graph()->add_initializer();
  for (int i = 0; i < 300; ++i)
    tensor->add_float_data(1.5f);
  EXPECT_EQ(reduced(model.SerializeAsString()).graph().initializer(0).external_data(2).value(), "1200");
}

TEST(WireScan, TrainingInformationIsDropped) {
  onnx::ModelProto model = withTensor(4);
  model.add_training_info()->mutable_algorithm()->set_name("step");
  EXPECT_EQ(reduced(model.SerializeAsString()).training_info_size(), 0);
}

TEST(WireScan, EveryTruncationIsFoundOrHarmless) {
  std::string file = withTensor(1200).SerializeAsString();
  for (size_t size = 1; size < file.size(); ++size) {
    auto result = reduceModel(llvm::StringRef(file).take_front(size), "m");
    if (!result)
      EXPECT_NE(llvm::toString(result.takeError()).find("truncated or corrupt"), std::string::npos);
  }
}

TEST(WireScan, LyingLengths) {
  EXPECT_NE(message(reduceModel(std::string("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), "m")).find("longer than"), std::string::npos);
  EXPECT_NE(message(reduceModel(std::string("\x3a\xff", 2), "m")).find("a number does not end"), std::string::npos);
  EXPECT_NE(message(reduceModel(std::string("\x3b", 1), "m")).find("unknown wire type"), std::string::npos);
}

TEST(WireScan, NestingIsBounded) {
  std::string nested;
  for (int i = 0; i < 60; ++i) { // graph -> node -> attribute -> graph ...
    for (char tag : {'\x32', '\x2a', '\x0a'}) {
      std::string outer(1, tag);
      for (size_t n = nested.size(); ; n >>= 7) {
        outer.push_back(static_cast<char>(n > 0x7f ? (n & 0x7f) | 0x80 : n));
        if (n <= 0x7f)
          break;
      }
      nested = outer + nested;
    }
  }
  std::string file = "\x3a";
  for (size_t n = nested.size(); ; n >>= 7) {
    file.push_back(static_cast<char>(n > 0x7f ? (n & 0x7f) | 0x80 : n));
    if (n <= 0x7f)
      break;
  }
  EXPECT_NE(message(reduceModel(file + nested, "m")).find("nested too deeply"), std::string::npos);
}
} // namespace
