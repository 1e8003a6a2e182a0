// The files that a package is made of and the one that it becomes.
#pragma once
#include <cstdint>
#include <string>

namespace mlir::ds {

/// A file that weights come from.
struct InputFile {
  std::string path;
  const char *data = nullptr; // once mapped
  uint64_t bytes = 0;

  InputFile() = default;
  InputFile(const InputFile &) = delete;
  ~InputFile();
  bool open(const std::string &file, std::string &error);
  bool map(std::string &error);
  bool contains(uint64_t offset, uint64_t size, std::string &error) const;
  /// Reads `size` bytes to `to`, without keeping them anywhere else.
  bool read(uint64_t offset, char *to, uint64_t size, std::string &error) const;

private:
  void close();
  int fd = -1;
};

/// A file that appears under its name when it is complete, and otherwise not at all.
class OutputFile {
public:
  char *data = nullptr;

  OutputFile() = default;
  OutputFile(const OutputFile &) = delete;
  ~OutputFile();
  /// Creates a file of `size` zeros beside `path` and maps it.
  bool create(const std::string &path, uint64_t size, std::string &error);
  /// Cuts it to `size` and gives it its name.
  bool commit(uint64_t size, std::string &error);

private:
  std::string path, temporary;
  uint64_t mappedBytes = 0;
  int fd = -1;
};

} // namespace mlir::ds
