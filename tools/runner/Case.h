// One model, opened and ready to run: the part that ds-run, its batch mode and ds-bench share.
#pragma once
#include "tools/runner/CompileCache.h"
#include "tools/runner/HostTensor.h"
#include <map>
#include <memory>

namespace ds::tools {

struct CaseOptions {
  std::string model;
  std::vector<std::string> compileFlags;
  bool verbose = true; // pass on what the compiler says
  int threads = 0;     // 0: all processors
  std::string inputs;  // folder or .npz
  std::map<std::string, std::string> inputFiles;
  bool random = false;
  std::map<std::string, int64_t> dims; // for random inputs
};

class Case {
public:
  /// Compiles if needed and opens the package; describing it is possible then.
  Exit open(const CaseOptions &options, std::string &error);
  /// Reads the inputs and makes a session.
  Exit prepare(const CaseOptions &options, std::string &error);
  /// Runs once; outputs stay in the session.
  Exit run(std::string &error);
  /// Copies of the last run's outputs.
  std::vector<HostTensor> outputs() const;

  const ds_model *model() const { return owner.get(); }
  ds_session *session() const { return runner.get(); }
  const std::vector<HostTensor> &inputs() const { return values; }
  Compiled compiled;
  double loadSeconds = 0;

private:
  std::unique_ptr<ds_model, void (*)(ds_model *)> owner{nullptr, ds_model_close};
  std::unique_ptr<ds_session, void (*)(ds_session *)> runner{nullptr, ds_session_destroy};
  std::vector<HostTensor> values;
  std::vector<ds_tensor> inputViews, outputViews;
};

} // namespace ds::tools
