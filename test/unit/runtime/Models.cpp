#include "test/unit/runtime/Models.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace test;
using namespace mlir::ds;

std::string test::readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string test::temporaryPath(const std::string &name) {
  static struct Folder {
    std::string path = (std::filesystem::temp_directory_path() / "ds-test-XXXXXX").string();
    Folder() { path = mkdtemp(&path[0]); }
    ~Folder() { std::filesystem::remove_all(path); }
  } folder;
  return folder.path + "/" + name;
}

static PackageDim dynamic(const std::string &symbol, int64_t lo = 0, int64_t hi = INT64_MAX) {
  PackageDim dim;
  dim.symbol = symbol, dim.lo = lo, dim.hi = hi;
  return dim;
}

static PackageDim fixed(int64_t size) {
  PackageDim dim;
  dim.size = size;
  return dim;
}

PackageContents test::contentsOf(const std::string &name, std::string &elf) {
  elf = readFile(std::string(IMAGE_DIR) + "/ds_test_" + name + ".so");
  PackageContents c;
  c.signature.model = name;
  c.images.push_back({"x86-64", elf.data(), elf.size()});
  c.nodeNames = {"node 'first' (Sum)", "node 'pick_1' (Gather)"};
  if (name == "add") {
    c.signature.inputs = {{"x", DS_F32, {dynamic("batch", 0, 1000), fixed(4)}}};
    c.signature.outputs = {{"z", DS_F32, {dynamic("batch"), fixed(4)}}};
    static const float w[4] = {1, 2, 3, 4};
    std::string file = temporaryPath("w.bin");
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char *>(w), sizeof(w));
    c.weights = {{sizeof(w), true, {file, 0, sizeof(w)}}};
  } else if (name == "gather") {
    c.signature.inputs = {{"x", DS_F32, {dynamic("n")}}, {"i", DS_I64, {}}};
    c.signature.outputs = {{"z", DS_F32, {}}};
  } else if (name == "math") {
    c.signature.inputs = {{"x", DS_F64, {}}};
    c.signature.outputs = {{"z", DS_F64, {}}};
  } else if (name == "bad" || name == "experts") {
    c.signature.inputs = {{"x", DS_F32, {dynamic("n")}}};
    c.signature.outputs = {{"z", DS_F32, {}}};
  } else if (name == "positive") {
    c.signature.inputs = {{"x", DS_F32, {dynamic("n")}}};
    c.signature.outputs = {{"z", DS_F32, {dynamic("")}}};
  } else {
    c.signature.inputs = {{"x", DS_F32, {dynamic("n"), dynamic("m")}}};
    c.signature.outputs = {{"z", DS_F32, {dynamic("n")}}};
  }
  return c;
}

std::string test::packModel(const std::string &name) {
  std::string elf, error, path = temporaryPath(name + ".dsm");
  PackageContents contents = contentsOf(name, elf);
  EXPECT_TRUE(writePackage(path, contents, error)) << error;
  return path;
}

Model test::open(const std::string &path) {
  ds_model *model = nullptr;
  EXPECT_EQ(ds_model_open(path.c_str(), &model), DS_SUCCESS) << ds_last_error();
  return Model(model);
}

Session test::session(const Model &model, int32_t threads) {
  ds_session *session = nullptr;
  EXPECT_EQ(ds_session_create(model.get(), threads, &session), DS_SUCCESS) << ds_last_error();
  return Session(session);
}
