// The test models of images.c, packed.
#pragma once
#include "ds/runtime.h"
#include "lib/package/PackageWriter.h"
#include <memory>
#include <string>
#include <vector>

namespace test {

std::string readFile(const std::string &path);
/// A new path in a folder of this process, which is removed at exit.
std::string temporaryPath(const std::string &name);

/// Contents with code image `name` for any processor; `elf` keeps its bytes.
mlir::ds::PackageContents contentsOf(const std::string &name, std::string &elf);
/// Writes the model of image `name` and returns its path.
std::string packModel(const std::string &name);

struct CloseModel {
  void operator()(ds_model *model) const { ds_model_close(model); }
};
struct DestroySession {
  void operator()(ds_session *session) const { ds_session_destroy(session); }
};
using Model = std::unique_ptr<ds_model, CloseModel>;
using Session = std::unique_ptr<ds_session, DestroySession>;

Model open(const std::string &path);
Session session(const Model &model, int32_t threads = 1);

template <typename T> ds_tensor tensor(ds_type type, const std::vector<int64_t> &dims, std::vector<T> &data) {
  ds_tensor t = {};
  t.type = type, t.rank = uint32_t(dims.size());
  for (size_t i = 0; i < dims.size(); ++i)
    t.dims[i] = dims[i];
  t.data = data.data(), t.bytes = data.size() * sizeof(T);
  return t;
}

} // namespace test
