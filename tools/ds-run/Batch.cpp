// Many cases in one call: each in a forked process, so that a crash or a hang is the result of its case and of no
// other; see Report.h.
#include "tools/ds-run/Report.h"
#include "tools/runner/Formats.h"
#include "tools/runner/Json.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace ds::tools;

namespace {

struct Line {
  std::string model, inputs, outputs, expect;
  double rtol, atol;
};

struct Running {
  size_t index;
  int from; // pipe
};

bool readList(const Options &options, std::vector<Line> &lines, std::string &error) {
  std::string text, row;
  if (!readFile(options.batch, text, error))
    return false;
  for (std::istringstream rows(text); std::getline(rows, row);) {
    std::istringstream words(row);
    Line line = {"", "", "", "", options.rtol, options.atol};
    words >> line.model >> line.inputs >> line.outputs >> line.expect;
    if (line.model.empty() || line.model[0] == '#')
      continue;
    for (std::string *word : {&line.inputs, &line.outputs, &line.expect})
      if (*word == "-")
        word->clear();
    if (double rtol, atol; words >> rtol >> atol)
      line.rtol = rtol, line.atol = atol;
    lines.push_back(line);
  }
  return true;
}

// The child's whole life. It leads a process group, so that a compiler that hangs ends with it.
void child(const Options &options, const Line &line, int to) {
  setpgid(0, 0);
  alarm(unsigned(options.timeout));
  Options one = options;
  one.run.model = line.model, one.run.inputs = line.inputs, one.run.verbose = false;
  one.outputs = line.outputs, one.expect = line.expect;
  one.rtol = line.rtol, one.atol = line.atol;
  std::string json = runCase(one).json();
  for (size_t at = 0; at < json.size();) {
    ssize_t written = write(to, json.data() + at, json.size() - at);
    if (written <= 0)
      _exit(Failed);
    at += size_t(written);
  }
  _exit(Ok);
}

bool start(const Options &options, const Line &line, size_t index, std::map<pid_t, Running> &running) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return false;
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    child(options, line, ends[1]);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return false;
  }
  running[pid] = {index, ends[0]};
  return true;
}

// Waits for one case; its answer is short enough for the pipe to hold, unless it has thousands of outputs.
std::string finish(std::map<pid_t, Running> &running, size_t &index) {
  int status;
  pid_t pid = wait(&status);
  auto entry = running.find(pid);
  if (entry == running.end())
    return "";
  index = entry->second.index;
  std::string answer;
  char buffer[4096];
  for (ssize_t got; (got = read(entry->second.from, buffer, sizeof(buffer))) > 0;)
    answer.append(buffer, size_t(got));
  close(entry->second.from);
  kill(-pid, SIGKILL);
  running.erase(entry);
  if (WIFSIGNALED(status)) {
    bool late = WTERMSIG(status) == SIGALRM;
    return JsonObject().add("status", late ? "timeout" : "crash").add("error", strsignal(WTERMSIG(status))).str();
  }
  return answer;
}

} // namespace

int ds::tools::runBatch(const Options &options) {
  std::vector<Line> lines;
  std::string error;
  if (!readList(options, lines, error)) {
    std::fprintf(stderr, "ds-run: %s\n", error.c_str());
    return Failed;
  }
  std::vector<std::string> answers(lines.size());
  std::map<pid_t, Running> running;
  bool allOk = true;
  size_t printed = 0;
  for (size_t next = 0, index = 0; printed < lines.size();) {
    while (next < lines.size() && running.size() < size_t(options.jobs) && start(options, lines[next], next, running))
      ++next;
    if (running.empty()) {
      std::fprintf(stderr, "ds-run: cannot start a process: %s\n", std::strerror(errno));
      return Failed;
    }
    std::string answer = finish(running, index);
    if (!answer.empty())
      answers[index] = answer;
    for (; printed < lines.size() && !answers[printed].empty(); ++printed) {
      allOk &= answers[printed].rfind("{\"status\": \"ok\"", 0) == 0;
      std::printf("{\"model\": %s, %s\n", jsonString(lines[printed].model).c_str(), answers[printed].c_str() + 1);
      std::fflush(stdout);
    }
  }
  return allOk ? Ok : Failed;
}
