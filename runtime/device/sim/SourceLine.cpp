// Addresses of code to source lines, by binutils' addr2line or the symbolizer of LLVM, whichever is installed.
#include "runtime/device/sim/Shadow.h"
#include <cstdio>
#include <dlfcn.h>

namespace ds::sim {

namespace {

std::string baseName(const std::string &path) { return path.substr(path.rfind('/') + 1); }

// The frames at `offset` of a module, innermost first: "file:line".
std::vector<std::string> frames(const std::string &module, uintptr_t offset) {
  std::vector<std::string> found;
  for (const char *tool : {"addr2line", "llvm-symbolizer-22 --functions=none --output-style=GNU"}) {
    char command[4300];
    snprintf(command, sizeof command, "%s -i -e '%s' 0x%zx 2>/dev/null", tool, module.c_str(), size_t(offset));
    FILE *pipe = popen(command, "r");
    if (!pipe)
      continue;
    char line[4096];
    while (fgets(line, sizeof line, pipe)) {
      std::string text = line;
      text.erase(text.find_last_not_of("\n") + 1);
      text.erase(std::min(text.find(" ("), text.size())); // a discriminator
      // Code merged from several lines has line 0 or "?"; the call it was inlined into is known.
      std::string number = text.substr(std::min(text.rfind(':'), text.size()));
      if (text.find("??") == std::string::npos && number.size() > 1 && number != ":?" && number != ":0")
        found.push_back(baseName(text));
    }
    pclose(pipe);
    if (!found.empty())
      break;
  }
  return found;
}

} // namespace

std::string sourceLine(const void *pc) {
  Dl_info info;
  char plain[64];
  snprintf(plain, sizeof plain, "%p", pc);
  if (!dladdr(pc, &info) || !info.dli_fname)
    return plain;
  // A return address belongs to the call before it.
  uintptr_t offset = reinterpret_cast<uintptr_t>(pc) - 1 - reinterpret_cast<uintptr_t>(info.dli_fbase);
  std::string text;
  for (const std::string &frame : frames(info.dli_fname, offset)) {
    if (frame.rfind("gpu_sim.h:", 0) == 0 || frame.rfind("gpu.h:", 0) == 0)
      continue;
    if (text.size() < frame.size() || text.compare(text.size() - frame.size(), frame.size(), frame) != 0)
      text += text.empty() ? frame : " in " + frame;
  }
  return text.empty() ? baseName(info.dli_fname) + "+" + plain : text;
}

} // namespace ds::sim
