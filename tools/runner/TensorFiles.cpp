// See TensorFiles.h.
#include "tools/runner/TensorFiles.h"
#include "tools/runner/Formats.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

using namespace ds::tools;

bool ds::tools::readFile(const std::string &path, std::string &bytes, std::string &error) {
  FILE *file = std::fopen(path.c_str(), "rb");
  struct stat info;
  if (!file || fstat(fileno(file), &info) || S_ISDIR(info.st_mode)) {
    error = "cannot read '" + path + "': " + (file ? "is a folder" : std::strerror(errno));
    if (file)
      std::fclose(file);
    return false;
  }
  bytes.resize(size_t(info.st_size));
  bytes.resize(std::fread(&bytes[0], 1, bytes.size(), file));
  std::fclose(file);
  return true;
}

bool ds::tools::writeFile(const std::string &path, const std::string &bytes, std::string &error) {
  FILE *file = std::fopen(path.c_str(), "wb");
  bool ok = file && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  ok &= file && !std::fclose(file);
  if (!ok)
    error = "cannot write '" + path + "': " + std::strerror(errno);
  return ok;
}

static bool exists(const std::string &path) {
  struct stat info;
  return !stat(path.c_str(), &info);
}

static bool parseTensor(const std::string &bytes, ds_type expected, HostTensor &tensor, std::string &error) {
  return bytes.compare(0, 6, "\x93NUMPY") ? parseTensorProto(bytes, tensor, error)
                                          : parseNpy(bytes, expected, tensor, error);
}

bool ds::tools::readTensor(const std::string &path, ds_type expected, HostTensor &tensor, std::string &error) {
  std::string bytes;
  if (!readFile(path, bytes, error))
    return false;
  if (parseTensor(bytes, expected, tensor, error))
    return true;
  error = "'" + path + "': " + error;
  return false;
}

bool ds::tools::readEither(const std::string &stem, ds_type expected, HostTensor &tensor, std::string &error) {
  return readTensor(exists(stem + ".pb") ? stem + ".pb" : stem + ".npy", expected, tensor, error);
}

static bool fromArchive(const std::vector<std::pair<std::string, std::string>> &members, uint32_t index,
                        const ds_value_info &info, HostTensor &tensor, std::string &error) {
  std::string number = std::to_string(index);
  for (const std::string &name : {std::string(info.name), "input_" + number, "arr_" + number})
    for (auto &member : members)
      if (member.first == name)
        return parseTensor(member.second, info.type, tensor, error);
  error = "no member '" + std::string(info.name) + "' in the archive";
  return false;
}

bool ds::tools::readInputs(const ds_model *model, const std::string &folderOrNpz,
                           const std::map<std::string, std::string> &given, std::vector<HostTensor> &inputs,
                           std::string &error) {
  std::vector<std::pair<std::string, std::string>> members;
  std::string archive;
  bool npz = folderOrNpz.size() > 4 && folderOrNpz.substr(folderOrNpz.size() - 4) == ".npz";
  if (npz && (!readFile(folderOrNpz, archive, error) || !parseNpz(archive, members, error)))
    return false;
  for (uint32_t i = 0; i < ds_model_input_count(model); ++i) {
    const ds_value_info &info = *ds_model_input(model, i);
    HostTensor tensor;
    auto file = given.find(info.name);
    std::string stem = folderOrNpz + "/input_" + std::to_string(i), named = folderOrNpz + "/" + info.name;
    bool ok;
    if (file != given.end())
      ok = readTensor(file->second, info.type, tensor, error);
    else if (npz)
      ok = fromArchive(members, i, info, tensor, error);
    else if (folderOrNpz.empty())
      ok = false, error = "no value for input '" + std::string(info.name) + "': use --inputs, --input or --random";
    else
      ok = readEither(exists(stem + ".pb") || exists(stem + ".npy") ? stem : named, info.type, tensor, error);
    if (!ok)
      return false;
    tensor.name = info.name;
    inputs.push_back(std::move(tensor));
  }
  return true;
}

bool ds::tools::writeOutputs(const std::string &folder, const std::vector<HostTensor> &outputs, std::string &error) {
  if (mkdir(folder.c_str(), 0777) && errno != EEXIST) {
    error = "cannot make the folder '" + folder + "': " + std::strerror(errno);
    return false;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string stem = folder + "/output_" + std::to_string(i), npy = formatNpy(outputs[i]);
    if (!(npy.empty() ? writeFile(stem + ".pb", formatTensorProto(outputs[i]), error)
                      : writeFile(stem + ".npy", npy, error)))
      return false;
  }
  return true;
}

// ---- Random inputs ----

static int64_t sizeOf(const ds_dim_info &dim, const std::map<std::string, int64_t> &dims) {
  if (dim.size >= 0)
    return dim.size;
  auto named = dims.find(dim.symbol);
  if (named != dims.end())
    return named->second;
  int64_t size = std::strncmp(dim.symbol, "batch", 5) ? 16 : 1;
  return std::min(std::max(size, dim.lo), dim.hi);
}

template <typename T> static void store(HostTensor &tensor, uint64_t i, T value) {
  std::memcpy(tensor.data.get() + i * sizeof(T), &value, sizeof(T));
}

static void fill(HostTensor &tensor, uint64_t seed) {
  uint32_t element = ds_type_bytes(tensor.type);
  for (uint64_t i = 0, n = tensor.count(); i < n; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u; // Knuth's MMIX
    float uniform = float(int32_t(seed >> 32)) * 0x1p-31f;
    uint32_t bits;
    std::memcpy(&bits, &uniform, sizeof(bits));
    switch (tensor.type) {
    case DS_F32:
      store(tensor, i, uniform);
      break;
    case DS_F64:
      store(tensor, i, double(uniform));
      break;
    case DS_BF16:
      store(tensor, i, uint16_t(bits >> 16));
      break;
    case DS_F16: // sign, exponent of [0.5, 1), fraction
      store(tensor, i, uint16_t((bits >> 16 & 0x8000) | 0x3800 | (seed >> 40 & 1023)));
      break;
    default:
      std::memset(tensor.data.get() + i * element, 0, element);
      tensor.data.get()[i * element] = char(seed >> 63);
    }
  }
}

bool ds::tools::randomInputs(const ds_model *model, const std::map<std::string, int64_t> &dims,
                             std::vector<HostTensor> &inputs, std::string &error) {
  for (uint32_t i = 0; i < ds_model_input_count(model); ++i) {
    const ds_value_info &info = *ds_model_input(model, i);
    std::vector<int64_t> sizes;
    for (uint32_t d = 0; d < info.rank; ++d)
      sizes.push_back(sizeOf(info.dims[d], dims));
    HostTensor tensor;
    if (!tensor.allocate(info.type, sizes, error))
      return false;
    tensor.name = info.name;
    fill(tensor, i + 1);
    inputs.push_back(std::move(tensor));
  }
  return true;
}
