// What ds-run prints, for people or as JSON.
#pragma once
#include "tools/ds-run/Options.h"
#include "tools/runner/Compare.h"

namespace ds::tools {

/// --describe
void printDescription(const ds_model *model, bool json);

/// How the experts of one mixture were used.
struct ExpertUse {
  std::string node;
  ds_expert_counters counters;
  std::vector<uint64_t> rows;
};
bool readExpertUse(ds_session *session, std::vector<ExpertUse> &use, std::string &error);

/// What one case gave.
struct Outcome {
  Exit exit = Failed;
  std::string error;
  Compiled compiled;
  double loadSeconds = 0;
  std::vector<double> seconds; // per repetition
  std::string isa;
  int threads = 0;
  std::vector<HostTensor> outputs;
  std::vector<Difference> differences; // per output, with --expect
  bool stats = false;
  std::vector<ExpertUse> experts; // with --stats

  /// Exit code: differences beyond the tolerance are a failure.
  int code() const;
  std::string json() const;
  void print() const;
};

/// Does all that the options ask of one model: run, repeat, write, compare.
Outcome runCase(const Options &options);

/// Runs options.batch, a line of JSON per case in the order of the list. Returns the exit code.
int runBatch(const Options &options);

} // namespace ds::tools
