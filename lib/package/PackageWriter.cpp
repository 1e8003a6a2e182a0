// writePackage: head, weights, name; see PackageWriter.h.
#include "lib/package/PackageWriter.h"
#include "lib/package/Files.h"
#include "lib/package/Layout.h"
#include "lib/package/Weights.h"

using namespace mlir::ds;
using namespace ds::format;

bool mlir::ds::writePackage(const std::string &path, const PackageContents &contents, std::string &error,
                            PackageReport *report) {
  if (!checkContents(contents, error))
    return false;
  std::string signature = serializeSignature(contents);
  if (signature.size() > maxSignatureBytes) {
    error = "the names and shapes of the model take more than 100 MB";
    return false;
  }
  uint64_t head = headBytes(contents, signature.size()), end;
  WeightSection weights(contents, head);
  OutputFile file;
  if (!weights.layOut(end, error) || !file.create(path, end, error) || !weights.fill(file.data, end, error))
    return false;
  writeHead(file.data, contents, signature, weights.table(), end);
  if (!file.commit(end, error))
    return false;
  if (report)
    *report = {end, end - head, weights.sharedBytes()};
  return true;
}
