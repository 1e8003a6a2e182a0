// Tensors in files: NumPy's .npy and .npz, ONNX's TensorProto (.pb). Files are not trusted.
#pragma once
#include "tools/runner/HostTensor.h"

namespace ds::tools {

/// Reads a whole file.
bool readFile(const std::string &path, std::string &bytes, std::string &error);
bool writeFile(const std::string &path, const std::string &bytes, std::string &error);

/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; little endian, C or Fortran order.
/// Types that NumPy does not have (bf16) are stored as raw bytes: `expected` says what two of them mean.
bool parseNpy(const std::string &bytes, ds_type expected, HostTensor &tensor, std::string &error);
/// Empty if NumPy has no such type.
std::string formatNpy(const HostTensor &tensor);

/// The members of a .npz (zip of .npy, stored or deflated), by name without ".npy". Members' types as above.
bool parseNpz(const std::string &bytes, std::vector<std::pair<std::string, std::string>> &members, std::string &error);

/// onnx.TensorProto, in any of the fields that hold data.
bool parseTensorProto(const std::string &bytes, HostTensor &tensor, std::string &error);
std::string formatTensorProto(const HostTensor &tensor);

} // namespace ds::tools
