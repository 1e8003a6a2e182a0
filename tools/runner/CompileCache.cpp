// See CompileCache.h.
#include "tools/runner/CompileCache.h"
#include "runtime/core/Sha256.h"
#include "tools/runner/Formats.h"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ds::tools;

namespace {

bool endsWith(const std::string &text, const char *suffix) {
  size_t length = std::strlen(suffix);
  return text.size() > length && !text.compare(text.size() - length, length, suffix);
}

// Path, size, time and inode: what changes when a file does.
std::string identity(const std::string &path) {
  struct stat s;
  if (stat(path.c_str(), &s))
    return path + "?";
  std::error_code ignored;
  return std::filesystem::canonical(path, ignored).string() + "|" + std::to_string(s.st_size) + "|" +
         std::to_string(s.st_mtim.tv_sec) + "." + std::to_string(s.st_mtim.tv_nsec) + "|" + std::to_string(s.st_ino);
}

std::string keyOf(const std::string &model, const std::string &compiler, const std::vector<std::string> &flags) {
  std::string text = identity(model) + "\n" + identity(model + ".data") + "\n" + identity(compiler);
  for (const std::string &flag : flags)
    text += "\n" + flag;
  ds::Sha256 sha;
  sha.update(text.data(), text.size());
  uint8_t digest[ds::Sha256::digestBytes];
  sha.finish(digest);
  char hex[33];
  for (int i = 0; i < 16; ++i)
    std::snprintf(hex + 2 * i, 3, "%02x", digest[i]);
  return hex;
}

std::string cacheFolder() {
  auto env = [](const char *name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  if (!env("DS_CACHE").empty())
    return env("DS_CACHE");
  if (!env("XDG_CACHE_HOME").empty())
    return env("XDG_CACHE_HOME") + "/ds/compiled";
  return env("HOME") + "/.cache/ds/compiled";
}

std::string siblingCompiler() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  std::string self(path, length > 0 ? size_t(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + "ds-compile";
}

constexpr uint64_t cacheLimit = uint64_t(16) << 30;

// Removes the packages that were used longest ago while all together take more than the limit. Those in use
// stay readable to who has them open.
void trimCache(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> packages;
  uint64_t total = 0;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".dsm") {
      packages.emplace_back(entry.last_write_time(ignored), entry.path());
      total += entry.file_size(ignored);
    }
  std::sort(packages.begin(), packages.end());
  for (size_t i = 0; i + 1 < packages.size() && total > cacheLimit; ++i) {
    total -= fs::file_size(packages[i].second, ignored);
    fs::remove(packages[i].second, ignored);
    fs::remove(packages[i].second.replace_extension(".seconds"), ignored);
  }
}

// Runs the command, passing its standard error on if `verbose`, and keeps its last part. Returns wait()'s status.
int runCommand(const std::vector<std::string> &command, bool verbose, std::string &errors) {
  std::vector<char *> argv;
  for (const std::string &word : command)
    argv.push_back(const_cast<char *>(word.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return -1;
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    dup2(2, 1);
    execv(argv[0], argv.data());
    dprintf(2, "cannot run '%s': %s\n", argv[0], std::strerror(errno));
    _exit(127);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t got; child > 0 && ((got = read(ends[0], buffer, sizeof(buffer))) > 0 || (got < 0 && errno == EINTR));) {
    if (got < 0)
      continue;
    if (verbose && write(2, buffer, size_t(got)) < 0)
      verbose = false;
    errors.append(buffer, size_t(got));
    if (errors.size() > 1 << 16)
      errors.erase(0, errors.size() - (1 << 15));
  }
  close(ends[0]);
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

// The line that says why: the one with "not supported", else the one with "error", else the last.
std::string reason(const std::string &errors) {
  std::string last, error;
  for (size_t at = 0; at < errors.size();) {
    size_t end = errors.find('\n', at);
    std::string line = errors.substr(at, end == std::string::npos ? end : end - at);
    if (line.find("not supported") != std::string::npos)
      return line;
    if (error.empty() && line.find("error:") != std::string::npos)
      error = line;
    if (!line.empty())
      last = line;
    at = end == std::string::npos ? errors.size() : end + 1;
  }
  return !error.empty() ? error : last.empty() ? "ds-compile failed" : last;
}

Exit judge(int status, const std::string &model, const std::string &errors, std::string &error) {
  if (WIFSIGNALED(status)) {
    error = "ds-compile crashed on '" + model + "': " + strsignal(WTERMSIG(status));
    return Failed;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return Ok;
  error = reason(errors);
  return WIFEXITED(status) && WEXITSTATUS(status) == NotSupported ? NotSupported : Failed;
}

} // namespace

Exit ds::tools::compileIfNeeded(const std::string &model, const std::vector<std::string> &flags, bool verbose,
                                Compiled &result, std::string &error) {
  result.path = model;
  if (!endsWith(model, ".onnx") && !endsWith(model, ".onnxtxt") && !endsWith(model, ".mlir") &&
      !endsWith(model, ".mlirbc"))
    return Ok;
  std::string compiler = siblingCompiler(), folder = cacheFolder();
  std::string stem = folder + "/" + keyOf(model, compiler, flags), times;
  result.path = stem + ".dsm";
  if (access(result.path.c_str(), R_OK) == 0) {
    result.cached = true;
    utimensat(AT_FDCWD, result.path.c_str(), nullptr, 0); // for trimCache
    if (readFile(stem + ".seconds", times, error))
      result.seconds = std::atof(times.c_str());
    return Ok;
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    error = "cannot make the folder '" + folder + "': " + failed.message();
    return Failed;
  }
  std::string temporary = stem + "." + std::to_string(getpid()) + ".dsm", errors;
  std::vector<std::string> command = {compiler, model, "-o", temporary};
  command.insert(command.end(), flags.begin(), flags.end());
  auto begin = std::chrono::steady_clock::now();
  int status = runCommand(command, verbose && isatty(2), errors);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Exit exit = judge(status, model, errors, error);
  if (exit == Ok && (!writeFile(stem + ".seconds", std::to_string(result.seconds), error) ||
                     rename(temporary.c_str(), result.path.c_str()))) {
    error = "ds-compile made no '" + temporary + "'";
    exit = Failed;
  }
  if (exit == Ok)
    trimCache(folder);
  else
    unlink(temporary.c_str());
  return exit;
}
