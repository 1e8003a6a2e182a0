// See Options.h. One table says name, argument, meaning and effect of each option; --help prints it.
#include "tools/ds-run/Options.h"
#include "ds/runtime.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ds::tools;

namespace {

constexpr char usage[] =
    "OVERVIEW: runs a compiled model (.dsm), or an ONNX model, which is compiled into a cache first\n\n"
    "USAGE: ds-run MODEL [options]        ds-run --batch LIST [options]\n";
constexpr char epilogue[] =
    "\nExit codes: 0 done (and equal to --expect), 1 failed or different, 3 the compiler does not support the model.\n";

// Sets an option from its argument; false if the argument makes no sense.
using Set = bool (*)(Options &, const std::string &);

bool number(const std::string &text, int low, int &value) {
  char *end;
  long parsed = std::strtol(text.c_str(), &end, 10);
  value = int(parsed);
  return !text.empty() && !*end && parsed >= low && parsed <= 1'000'000'000;
}

bool positive(const std::string &text, double &value) {
  char *end;
  value = std::strtod(text.c_str(), &end);
  return !text.empty() && !*end && value >= 0;
}

bool addDim(Options &o, const std::string &text) {
  size_t eq = text.find('=');
  int size;
  if (eq == std::string::npos || !number(text.substr(eq + 1), 0, size))
    return false;
  o.run.dims[text.substr(0, eq)] = size;
  return true;
}

bool addInput(Options &o, const std::string &text) {
  size_t eq = text.find('=');
  if (eq == std::string::npos)
    return false;
  o.run.inputFiles[text.substr(0, eq)] = text.substr(eq + 1);
  return true;
}

struct Option {
  const char *name, *argument, *help;
  Set set;
};

#define TEXT(field)                                                                                                    \
  [](Options &o, const std::string &v) {                                                                               \
    o.field = v;                                                                                                       \
    return true;                                                                                                       \
  }
#define FLAG(field)                                                                                                    \
  [](Options &o, const std::string &) {                                                                                \
    o.field = true;                                                                                                    \
    return true;                                                                                                       \
  }
#define COUNT(field, low) [](Options &o, const std::string &v) { return number(v, low, o.field); }
#define REAL(field) [](Options &o, const std::string &v) { return positive(v, o.field); }

const Option table[] = {
    {nullptr, nullptr, "What to run", nullptr},
    {"model", "PATH", "the model; the same as the first argument", TEXT(run.model)},
    {"batch", "LIST",
     "many cases: each line of LIST is MODEL INPUTS OUTPUTS [EXPECT [RTOL ATOL]], `-` for none.\n"
     "Each runs in a process of its own and gives one line of JSON",
     TEXT(batch)},
    {"jobs", "N", "cases of a batch that run at the same time (1)", COUNT(jobs, 1)},
    {"timeout", "S", "seconds that a case of a batch may take (60)", COUNT(timeout, 1)},
    {"compile-flag", "FLAG", "passed to ds-compile, for an ONNX model; may be repeated",
     [](Options &o, const std::string &v) {
       o.run.compileFlags.push_back(v);
       return true;
     }},
    {nullptr, nullptr, "Inputs", nullptr},
    {"inputs", "DIR", "a folder with input_0.npy, or .pb (TensorProto), ..., or NAME.npy; or a .npz", TEXT(run.inputs)},
    {"input", "NAME=FILE", "one input, .npy or .pb; may be repeated", addInput},
    {"random", nullptr, "made-up inputs, always the same: floats in [-1, 1), integers 0 or 1", FLAG(run.random)},
    {"dim", "NAME=SIZE", "size of a symbolic axis for --random; may be repeated", addDim},
    {nullptr, nullptr, "Running", nullptr},
    {"threads", "N", "threads (all processors)", COUNT(run.threads, 1)},
    {"repeat", "N", "run N times more and print the time", COUNT(repeat, 1)},
    {nullptr, nullptr, "Results", nullptr},
    {"outputs", "DIR", "write output_0.npy ... there (.pb where NumPy lacks the type)", TEXT(outputs)},
    {"expect", "DIR", "compare with output_0.npy or .pb ... there", TEXT(expect)},
    {"rtol", "X", "an element is right if |a - b| <= atol + rtol |b| (1e-3)", REAL(rtol)},
    {"atol", "X", "(1e-7)", REAL(atol)},
    {"stats", nullptr,
     "print how the experts of each mixture were used, over all runs: rows per expert, balance\n"
     "(deviation / mean), MaxVio (max / mean - 1), entropy of the load (1: even), operations done",
     FLAG(stats)},
    {"json", nullptr, "print one line of JSON", FLAG(json)},
    {"quiet", nullptr, "print errors only", FLAG(quiet)},
    {nullptr, nullptr, "Other", nullptr},
    {"describe", nullptr, "print inputs, outputs and what the package holds; do not run", FLAG(describe)},
    {"verify", nullptr, "check the weights against their checksums; alone, do not run", FLAG(verify)},
};

void printHelp() {
  std::fputs(usage, stdout);
  for (const Option &o : table) {
    if (!o.name) {
      std::printf("\n%s:\n", o.help);
      continue;
    }
    std::string left = std::string("--") + o.name + (o.argument ? std::string(" ") + o.argument : "");
    std::string help = o.help;
    for (size_t at = 0; (at = help.find('\n', at)) != std::string::npos; at += 26)
      help.insert(at + 1, std::string(25, ' '));
    std::printf("  %-22s %s\n", left.c_str(), help.c_str());
  }
  std::fputs(epilogue, stdout);
}

int wrong(const std::string &message) {
  std::fprintf(stderr, "ds-run: %s (see ds-run --help)\n", message.c_str());
  return Failed;
}

// One argument, and the next if the option wants it. Returns an exit code or -1.
int parseOne(int argc, char **argv, int &i, Options &options) {
  std::string word = argv[i];
  if (word.compare(0, 2, "--")) {
    if (!options.run.model.empty())
      return wrong("unexpected argument '" + word + "'");
    options.run.model = word;
    return -1;
  }
  size_t eq = word.find('=');
  std::string name = word.substr(2, eq == std::string::npos ? eq : eq - 2);
  for (const Option &o : table) {
    if (!o.name || name != o.name)
      continue;
    std::string value;
    if (o.argument && eq != std::string::npos)
      value = word.substr(eq + 1);
    else if (o.argument && ++i < argc)
      value = argv[i];
    else if (o.argument || eq != std::string::npos)
      return wrong("--" + name + (o.argument ? " needs " + std::string(o.argument) : " takes no value"));
    return o.set(options, value) ? -1
                                 : wrong("--" + name + ": '" + value + "' is not " + (o.argument ? o.argument : ""));
  }
  return wrong("unknown option '" + word + "'");
}

} // namespace

int ds::tools::parseOptions(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--help") || !std::strcmp(argv[i], "-h")) {
      printHelp();
      return Ok;
    }
    if (!std::strcmp(argv[i], "--version")) {
      std::printf("ds-run %s\n", ds_version());
      return Ok;
    }
    if (int exit = parseOne(argc, argv, i, options); exit >= 0)
      return exit;
  }
  if (options.run.model.empty() == options.batch.empty())
    return wrong("expected a model, or --batch LIST");
  options.run.verbose = !options.quiet && !options.json;
  return -1;
}
