// ds-bench: a server that keeps one model loaded and times it on request, so that several systems can be measured in
// turns. It writes the outputs of one run, prints {"ready":1, ...}, then answers each line N of standard input
// with a JSON list of the seconds that N runs took.
#include "tools/runner/Case.h"
#include "tools/runner/Json.h"
#include "tools/runner/TensorFiles.h"
#include <chrono>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

using namespace ds::tools;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static int failed(Exit exit, const std::string &error) {
  std::fprintf(stderr, "ds-bench: %s\n", error.c_str());
  return exit;
}

static int serve(Case &c) {
  std::string error;
  for (char line[64]; std::fgets(line, sizeof(line), stdin);) {
    int repetitions = std::atoi(line);
    std::string times;
    for (int i = 0; i < repetitions; ++i) {
      double begin = now();
      if (Exit exit = c.run(error))
        return failed(exit, error);
      times += (i ? ", " : "") + jsonNumber(now() - begin);
    }
    std::printf("[%s]\n", times.c_str());
    std::fflush(stdout);
  }
  return Ok;
}

int main(int argc, char **argv) {
  CaseOptions options;
  std::string outputs, error, threads = "0";
  struct {
    const char *name;
    std::string &value;
  } table[] = {
      {"--model", options.model}, {"--threads", threads}, {"--inputs", options.inputs}, {"--outputs", outputs}};
  for (int i = 1; i < argc; ++i) {
    bool known = !std::strcmp(argv[i], "--random") || !std::strcmp(argv[i], "--compile-flag");
    if (!std::strcmp(argv[i], "--random"))
      options.random = true;
    else if (known && i + 1 < argc)
      options.compileFlags.push_back(argv[++i]);
    for (auto &option : table)
      if (!std::strcmp(argv[i], option.name) && i + 1 < argc) {
        option.value = argv[++i];
        known = true;
        break;
      }
    if (!known)
      return failed(Failed, "usage: ds-bench --model MODEL [--inputs DIR | --random] [--outputs DIR] [--threads N] "
                            "[--compile-flag FLAG]...");
  }
  options.threads = std::atoi(threads.c_str());
  options.verbose = false;
  Case c;
  Exit exit;
  if ((exit = c.open(options, error)) || (exit = c.prepare(options, error)) || (exit = c.run(error)))
    return failed(exit, error);
  if (!outputs.empty() && !writeOutputs(outputs, c.outputs(), error))
    return failed(Failed, error);
  struct stat file = {};
  stat(c.compiled.path.c_str(), &file);
  JsonObject ready;
  ready.add("ready", 1).add("load_s", c.loadSeconds).add("compile_s", c.compiled.seconds);
  ready.raw("artifact_bytes", std::to_string(file.st_size)).add("isa", ds_session_isa(c.session()));
  std::printf("%s\n", ready.str().c_str());
  std::fflush(stdout);
  return serve(c);
}
