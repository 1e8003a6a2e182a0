// One model from file to compared results; see Report.h.
#include "tools/ds-run/Report.h"
#include "tools/runner/TensorFiles.h"
#include <chrono>

using namespace ds::tools;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static bool compareAll(const Options &options, Outcome &outcome) {
  for (size_t i = 0; i < outcome.outputs.size(); ++i) {
    HostTensor expected;
    std::string stem = options.expect + "/output_" + std::to_string(i);
    if (!readEither(stem, outcome.outputs[i].type, expected, outcome.error))
      return false;
    outcome.differences.push_back(compare(outcome.outputs[i], expected, options.rtol, options.atol));
  }
  return true;
}

Outcome ds::tools::runCase(const Options &options) {
  Outcome outcome;
  Case c;
  if ((outcome.exit = c.open(options.run, outcome.error)) || (outcome.exit = c.prepare(options.run, outcome.error)) ||
      (outcome.exit = c.run(outcome.error)))
    return outcome;
  for (int i = 0; i < options.repeat; ++i) {
    double begin = now();
    if ((outcome.exit = c.run(outcome.error)))
      return outcome;
    outcome.seconds.push_back(now() - begin);
  }
  outcome.compiled = c.compiled, outcome.loadSeconds = c.loadSeconds;
  outcome.isa = ds_session_isa(c.session()), outcome.threads = ds_session_threads(c.session());
  outcome.outputs = c.outputs();
  outcome.stats = options.stats;
  if (options.stats && !readExpertUse(c.session(), outcome.experts, outcome.error))
    return outcome;
  outcome.exit = (options.outputs.empty() || writeOutputs(options.outputs, outcome.outputs, outcome.error)) &&
                         (options.expect.empty() || compareAll(options, outcome))
                     ? Ok
                     : Failed;
  return outcome;
}
