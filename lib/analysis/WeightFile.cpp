// Weight files: found beneath their folder, mapped once, bounds checked.
#include "lib/analysis/WeightData.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "mlir/IR/BuiltinOps.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::ds;

struct WeightData::Mapping {
  ~Mapping() {
    if (size)
      munmap(const_cast<char *>(data), size);
  }
  const char *data = nullptr;
  size_t size = 0;
};

static FailureOr<std::string> resolve(WeightOp op, StringRef weightsDir) {
  StringRef file = op.getFile();
  if (llvm::sys::path::is_absolute(file))
    return file.str();
  auto module = op->getParentOfType<ModuleOp>();
  auto attr = module ? module->getAttrOfType<StringAttr>("ds.weights_dir") : StringAttr();
  StringRef dir = !weightsDir.empty() ? weightsDir : attr && !attr.empty() ? attr.getValue() : StringRef(".");
  SmallString<256> joined(dir), real, realDir;
  llvm::sys::path::append(joined, file);
  if (llvm::sys::fs::real_path(dir, realDir) || llvm::sys::fs::real_path(joined, real))
    return op.emitError() << "weight '" << op.getName() << "': there is no file '" << joined << "'";
  realDir.push_back('/');
  if (!StringRef(real).starts_with(realDir == "//" ? StringRef("/") : StringRef(realDir)))
    return op.emitError() << "weight '" << op.getName() << "': '" << file << "' lies outside of the weights' folder '" << dir << "'";
  return std::string(real);
}

FailureOr<std::shared_ptr<WeightData::Mapping>> WeightData::map(WeightOp op) {
  FailureOr<std::string> path = resolve(op, weightsDir);
  if (failed(path))
    return failure();
  std::shared_ptr<Mapping> &mapping = mappings[*path];
  if (mapping)
    return mapping;
  int fd = open(path->c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    std::string why = fd < 0 ? strerror(errno) : "it is not a plain file";
    if (fd >= 0)
      close(fd);
    return op.emitError() << "weight '" << op.getName() << "': cannot read '" << *path << "': " << why;
  }
  auto created = std::make_shared<Mapping>();
  if (status.st_size > 0) {
    void *data = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
      return op.emitError() << "weight '" << op.getName() << "': cannot map '" << *path << "': " << strerror(errno);
    created->data = static_cast<const char *>(data);
    created->size = status.st_size;
  } else {
    close(fd);
  }
  return mapping = created;
}

FailureOr<Tensor> WeightData::tensor(Value v) {
  if (auto constant = v.getDefiningOp<ConstantOp>())
    return Tensor::fromAttr(constant.getValue());
  auto op = v.getDefiningOp<WeightOp>();
  if (!op)
    return failure();
  RankedTensorType type = op.getType();
  std::optional<int64_t> bytes = byteSize(type.getElementType(), type.getShape());
  uint64_t offset = op.getOffset(), length = op.getLength();
  if (!bytes || static_cast<uint64_t>(*bytes) != length)
    return op.emitError() << "weight '" << op.getName() << "': its length is not that of " << type;
  FailureOr<std::shared_ptr<Mapping>> mapping = map(op);
  if (failed(mapping))
    return failure();
  if (offset > (*mapping)->size || length > (*mapping)->size - offset)
    return op.emitError() << "weight '" << op.getName() << "' needs " << length << " bytes at " << offset << " of '" << op.getFile()
                          << "', which has " << (*mapping)->size;
  return Tensor::borrow(type.getElementType(), type.getShape(), {(*mapping)->data + offset, static_cast<size_t>(length)}, *mapping);
}
