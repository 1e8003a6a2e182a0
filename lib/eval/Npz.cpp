// Reading .npz files: ZIP archives (PKWARE's APPNOTE, sections 4.3.7, 4.3.12, 4.3.16) of stored .npy files.
#include "lib/eval/Npy.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::ds;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

// The record of `size` bytes at `at` with this signature, or nothing.
static StringRef record(StringRef bytes, uint64_t at, uint32_t signature, size_t size) {
  if (at > bytes.size() || bytes.size() - at < size || read32le(bytes.data() + at) != signature)
    return {};
  return bytes.drop_front(at);
}

// The bytes of file `name` of the archive; on failure `why` says what is wrong.
static FailureOr<StringRef> stored(StringRef bytes, StringRef name, std::string &why) {
  why = "not a ZIP archive of less than 4 GB";
  size_t last = bytes.rfind("PK\x05\x06");
  StringRef end = last == StringRef::npos ? StringRef() : record(bytes, last, 0x06054b50, 22);
  if (end.empty())
    return failure();
  uint64_t at = read32le(end.data() + 16);
  for (unsigned i = 0, count = read16le(end.data() + 10); i < count; ++i) {
    StringRef entry = record(bytes, at, 0x02014b50, 46);
    if (entry.empty())
      return failure();
    uint64_t nameSize = read16le(entry.data() + 28);
    if (entry.substr(46, nameSize) != name) {
      at += 46 + nameSize + read16le(entry.data() + 30) + read16le(entry.data() + 32);
      continue;
    }
    why = "its array '" + name.str() + "' is compressed; write it by numpy.savez";
    if (read16le(entry.data() + 10) != 0)
      return failure();
    why = "its array '" + name.str() + "' is cut off";
    uint64_t offset = read32le(entry.data() + 42), size = read32le(entry.data() + 24);
    StringRef local = record(bytes, offset, 0x04034b50, 30);
    if (local.empty())
      return failure();
    uint64_t start = 30 + read16le(local.data() + 26) + read16le(local.data() + 28);
    if (start > local.size() || local.size() - start < size)
      return failure();
    return local.substr(start, size);
  }
  why = "has no array '" + name.str() + "'";
  return failure();
}

FailureOr<Tensor> mlir::ds::readNpz(StringRef path, StringRef array, Type elementType, std::string &message) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file) {
    message = (path + ": " + file.getError().message()).str();
    return failure();
  }
  FailureOr<StringRef> bytes = stored((*file)->getBuffer(), (array + ".npy").str(), message);
  if (failed(bytes)) {
    message = (path + ": " + message).str();
    return failure();
  }
  return parseNpy(*bytes, (path + ": '" + array + "'").str(), elementType, message);
}
