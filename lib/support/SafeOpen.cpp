// Opens component by component without following links, so that no check can be raced.
#include "lib/support/SafeOpen.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

static Error refuse(StringRef path, const Twine &why) {
  return createStringError(inconvertibleErrorCode(), "file '" + path + "' " + why);
}

Expected<int> mlir::ds::openBeneath(StringRef dir, StringRef relative) {
  if (relative.empty() || relative.contains('\0') || relative.starts_with("/") || relative.contains('\\'))
    return refuse(relative, "is not a path relative to the model's folder");
  SmallVector<StringRef> parts;
  relative.split(parts, '/', -1, /*KeepEmpty=*/false);
  if (parts.empty() || llvm::is_contained(parts, ".."))
    return refuse(relative, "leads out of the model's folder");
  int at = ::open(dir.empty() ? "." : dir.str().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; at >= 0 && i < parts.size(); ++i) {
    // O_NONBLOCK: opening a FIFO must not wait; it is refused below.
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK);
    int next = ::openat(at, parts[i].str().c_str(), flags);
    int error = errno;
    ::close(at);
    at = next;
    errno = error;
  }
  if (at < 0)
    return refuse(relative, errno == ELOOP ? "is (or lies behind) a symbolic link, which is not followed"
                                           : Twine("cannot be opened beneath the model's folder: ") + std::strerror(errno));
  struct stat info;
  if (::fstat(at, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(at);
    return refuse(relative, "is not a regular file");
  }
  return at;
}

Expected<std::unique_ptr<MemoryBuffer>> mlir::ds::mapBeneath(StringRef dir, StringRef relative) {
  Expected<int> fd = openBeneath(dir, relative);
  if (!fd)
    return fd.takeError();
  auto buffer = MemoryBuffer::getOpenFile(*fd, relative, /*FileSize=*/-1, /*RequiresNullTerminator=*/false);
  ::close(*fd);
  if (!buffer)
    return refuse(relative, "cannot be mapped: " + buffer.getError().message());
  return std::move(*buffer);
}
