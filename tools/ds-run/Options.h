// The command line of ds-run.
#pragma once
#include "tools/runner/Case.h"

namespace ds::tools {

struct Options {
  CaseOptions run;
  std::string outputs, expect, batch;
  double rtol = 1e-3, atol = 1e-7; // of ONNX's own tests
  int repeat = 0, jobs = 1, timeout = 60;
  bool json = false, describe = false, verify = false, quiet = false, stats = false;
};

/// Returns an exit code if the program is to end now (after --help, or after an error, which it prints); else -1.
int parseOptions(int argc, char **argv, Options &options);

} // namespace ds::tools
