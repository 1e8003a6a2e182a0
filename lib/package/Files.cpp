// See Files.h.
#include "lib/package/Files.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::ds;

static bool systemError(const char *what, const std::string &path, std::string &error) {
  error = std::string("cannot ") + what + " '" + path + "': " + std::strerror(errno);
  return false;
}

// ---- InputFile ----

void InputFile::close() {
  if (data)
    munmap(const_cast<char *>(data), bytes);
  if (fd >= 0)
    ::close(fd);
  data = nullptr, fd = -1;
}

InputFile::~InputFile() { close(); }

bool InputFile::open(const std::string &file, std::string &error) {
  close();
  path = file;
  fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info))
    return systemError("open", file, error);
  if (!S_ISREG(info.st_mode)) {
    error = "'" + file + "' is not a regular file";
    return false;
  }
  bytes = uint64_t(info.st_size);
  return true;
}

bool InputFile::map(std::string &error) {
  if (!bytes)
    return true;
  void *map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return systemError("map", path, error);
  data = static_cast<const char *>(map);
  return true;
}

bool InputFile::contains(uint64_t offset, uint64_t size, std::string &error) const {
  if (offset <= bytes && size <= bytes - offset)
    return true;
  error = "'" + path + "' ends before a weight at offset " + std::to_string(offset) + " of " + std::to_string(size) +
          " bytes";
  return false;
}

bool InputFile::read(uint64_t offset, char *to, uint64_t size, std::string &error) const {
  if (!contains(offset, size, error))
    return false;
  while (size) {
    ssize_t got = pread(fd, to, size < (64u << 20) ? size : (64u << 20), off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError("read", path, error);
    if (!got)
      return contains(UINT64_MAX, size, error);
    to += got, offset += uint64_t(got), size -= uint64_t(got);
  }
  return true;
}

// ---- OutputFile ----

OutputFile::~OutputFile() {
  if (data)
    munmap(data, mappedBytes);
  if (fd >= 0)
    close(fd);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

bool OutputFile::create(const std::string &name, uint64_t size, std::string &error) {
  path = name;
  std::string pattern = name + ".XXXXXX";
  fd = mkostemp(&pattern[0], O_CLOEXEC);
  if (fd < 0)
    return systemError("create", pattern, error);
  temporary = pattern;
  // mkstemp's files are private; this one is to have the usual rights.
  mode_t mask = umask(0);
  umask(mask);
  // Space is reserved now: a full disk must be an error here, not a SIGBUS in the weight program.
  int reserved = fallocate(fd, 0, 0, off_t(size));
  if (fchmod(fd, 0666 & ~mask) || (reserved && (errno != EOPNOTSUPP || ftruncate(fd, off_t(size)))))
    return systemError("reserve space for", name, error);
  void *map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return systemError("map", temporary, error);
  data = static_cast<char *>(map), mappedBytes = size;
  return true;
}

bool OutputFile::commit(uint64_t size, std::string &error) {
  munmap(data, mappedBytes);
  data = nullptr;
  if (ftruncate(fd, off_t(size)) || rename(temporary.c_str(), path.c_str()))
    return systemError("write", path, error);
  temporary.clear();
  return true;
}
