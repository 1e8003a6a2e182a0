// ds-run: runs a compiled model, or an ONNX model by way of ds-compile. Links the runtime, no compiler.
#include "tools/ds-run/Report.h"
#include <cstdio>

using namespace ds::tools;

static int report(Exit exit, const std::string &error) {
  if (exit != Ok)
    std::fprintf(stderr, "ds-run: %s\n", error.c_str());
  return exit;
}

// --describe and --verify: what can be said without running anything.
static Exit inspect(const Options &options, std::string &error) {
  Case c;
  if (Exit exit = c.open(options.run, error))
    return exit;
  if (options.describe)
    printDescription(c.model(), options.json);
  if (options.verify && ds_model_verify(c.model())) {
    error = ds_last_error();
    return Failed;
  }
  if (options.verify && !options.describe && !options.quiet && !options.json)
    std::printf("the weights match their checksums\n");
  return Ok;
}

int main(int argc, char **argv) {
  Options options;
  if (int exit = parseOptions(argc, argv, options); exit >= 0)
    return exit;
  if (!options.batch.empty())
    return runBatch(options);
  bool runs = !options.run.inputs.empty() || !options.run.inputFiles.empty() || options.run.random ||
              !options.outputs.empty() || !options.expect.empty();
  if (options.describe || options.verify) {
    std::string error;
    Exit exit = inspect(options, error);
    if (exit != Ok || options.describe || !runs)
      return report(exit, error);
  }
  Outcome outcome = runCase(options);
  if (options.json)
    std::printf("%s\n", outcome.json().c_str());
  else if (!options.quiet && outcome.exit == Ok)
    outcome.print();
  report(outcome.exit, outcome.error);
  return outcome.code();
}
