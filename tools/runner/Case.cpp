// See Case.h.
#include "tools/runner/Case.h"
#include "tools/runner/TensorFiles.h"
#include <chrono>

using namespace ds::tools;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Exit Case::open(const CaseOptions &options, std::string &error) {
  if (Exit exit = compileIfNeeded(options.model, options.compileFlags, options.verbose, compiled, error))
    return exit;
  double begin = now();
  ds_model *opened;
  if (ds_model_open(compiled.path.c_str(), &opened)) {
    error = ds_last_error();
    return Failed;
  }
  owner.reset(opened);
  loadSeconds = now() - begin;
  return Ok;
}

Exit Case::prepare(const CaseOptions &options, std::string &error) {
  double begin = now();
  ds_session *created;
  if (ds_session_create(owner.get(), options.threads, &created)) {
    error = ds_last_error();
    return Failed;
  }
  runner.reset(created);
  loadSeconds += now() - begin;
  bool ok = options.random && options.inputFiles.empty() && options.inputs.empty()
                ? randomInputs(owner.get(), options.dims, values, error)
                : readInputs(owner.get(), options.inputs, options.inputFiles, values, error);
  if (!ok)
    return error.find("not supported") == std::string::npos ? Failed : NotSupported;
  for (const HostTensor &value : values)
    inputViews.push_back(value.view());
  outputViews.resize(ds_model_output_count(owner.get()));
  return Ok;
}

Exit Case::run(std::string &error) {
  for (ds_tensor &output : outputViews)
    output.data = nullptr;
  if (!ds_session_run(runner.get(), inputViews.data(), uint32_t(inputViews.size()), outputViews.data(),
                      uint32_t(outputViews.size())))
    return Ok;
  error = ds_last_error();
  return Failed;
}

std::vector<HostTensor> Case::outputs() const {
  std::vector<HostTensor> result;
  for (uint32_t i = 0; i < outputViews.size(); ++i)
    result.push_back(HostTensor::copyOf(outputViews[i], ds_model_output(owner.get(), i)->name));
  return result;
}
