// Inputs and outputs of a model as files of a folder.
#pragma once
#include "tools/runner/HostTensor.h"
#include <map>

namespace ds::tools {

/// Reads .npy or .pb, told by the content.
bool readTensor(const std::string &path, ds_type expected, HostTensor &tensor, std::string &error);

/// The inputs of `model` from a folder (input_0.pb, else input_0.npy, else NAME.npy) or a .npz (NAME, input_0 or
/// arr_0). Those in `given` are not looked for.
bool readInputs(const ds_model *model, const std::string &folderOrNpz, const std::map<std::string, std::string> &given,
                std::vector<HostTensor> &inputs, std::string &error);

/// Reads `stem`.pb or `stem`.npy.
bool readEither(const std::string &stem, ds_type expected, HostTensor &tensor, std::string &error);

/// Writes output_0.npy ..., or .pb where NumPy lacks the type. Makes the folder.
bool writeOutputs(const std::string &folder, const std::vector<HostTensor> &outputs, std::string &error);

/// The same inputs for the same signature and dims: floats in [-1, 1), integers and bools 0 or 1. Symbolic axes
/// have the size that `dims` says for their name, else 1 if they start with "batch", else 16, within their range.
bool randomInputs(const ds_model *model, const std::map<std::string, int64_t> &dims, std::vector<HostTensor> &inputs,
                  std::string &error);

} // namespace ds::tools
