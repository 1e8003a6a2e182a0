// What ds-run prints, for people or as JSON.
#pragma once
#include "tools/ds-run/Options.h"
#include "tools/runner/Compare.h"

namespace ds::tools {

/// --describe
void printDescription(const ds_model *model, bool json);

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
