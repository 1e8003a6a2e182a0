// Lets ds-run and ds-bench take an .onnx: ds-compile beside them makes a .dsm in a cache.
#pragma once
#include <string>
#include <vector>

namespace ds::tools {

/// Exit codes of the tools.
enum Exit { Ok = 0, Failed = 1, NotSupported = 3 };

struct Compiled {
  std::string path;   // the .dsm
  double seconds = 0; // that the compile took, now or when it was cached
  bool cached = false;
};

/// `model` itself if it is no .onnx (or .onnxtxt, .mlir, .mlirbc). Otherwise the cached result of
/// `ds-compile model flags...`, made now if there is none for this path, size, mtime, inode, compiler and flags.
/// The cache is $DS_CACHE, else $XDG_CACHE_HOME/ds/compiled, else ~/.cache/ds/compiled; it is kept below 16 GiB.
/// If `verbose`, a terminal sees what the compiler says; `error` is its one line that says why it failed.
Exit compileIfNeeded(const std::string &model, const std::vector<std::string> &flags, bool verbose, Compiled &result,
                     std::string &error);

} // namespace ds::tools
