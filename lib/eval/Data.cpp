// Constants and weights.
#include "lib/eval/Call.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::ds;
using namespace mlir::ds::eval;

static LogicalResult evalConstant(ConstantOp op, Call &call) { return call.give(Tensor::fromAttr(op.getValue())); }

static LogicalResult evalWeight(WeightOp op, Call &call) {
  FailureOr<Tensor> weight = call.context.mapWeight(op, op.getFile(), op.getOffset(), op.getLength());
  return failed(weight) ? failure() : call.give(weight);
}

// Relative paths lie beneath the weights folder, and cannot leave it.
static FailureOr<std::string> weightPath(Operation *op, StringRef file, StringRef folder) {
  if (llvm::sys::path::is_absolute(file))
    return file.str();
  if (folder.empty())
    if (auto module = op->getParentOfType<ModuleOp>())
      if (auto dir = module->getAttrOfType<StringAttr>("ds.weights_dir"))
        folder = dir.getValue();
  if (llvm::is_contained(llvm::make_range(llvm::sys::path::begin(file), llvm::sys::path::end(file)), ".."))
    return op->emitOpError() << "names the weight file '" << file << "', which leaves the weights folder";
  SmallString<128> path(folder);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

FailureOr<Tensor> EvalContext::mapWeight(Operation *op, StringRef file, int64_t offset, int64_t length) {
  FailureOr<std::string> path = weightPath(op, file, options.weightsDir);
  if (failed(path))
    return failure();
  std::shared_ptr<llvm::MemoryBuffer> &mapped = files[*path];
  if (!mapped) {
    auto buffer = llvm::MemoryBuffer::getFile(*path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer)
      return op->emitOpError() << "cannot open the weight file '" << *path << "': " << buffer.getError().message();
    mapped = std::move(*buffer);
  }
  int64_t end, size = mapped->getBufferSize();
  if (offset < 0 || length < 0 || llvm::AddOverflow(offset, length, end) || end > size)
    return op->emitOpError() << "wants bytes " << offset << " to " << offset << " + " << length << " of '" << *path
                             << "', which has " << size;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (byteSize(type.getElementType(), type.getShape()) != length)
    return op->emitOpError() << "has " << length << " bytes for " << type;
  const char *bytes = mapped->getBufferStart() + offset;
  if (reinterpret_cast<uintptr_t>(bytes) % elementBytes(type.getElementType()) == 0)
    return Tensor::borrow(type.getElementType(), type.getShape(), {bytes, static_cast<size_t>(length)}, mapped);
  FailureOr<Tensor> aligned = Tensor::allocate(type.getElementType(), type.getShape(), maxTensorBytes);
  if (succeeded(aligned))
    llvm::copy(ArrayRef(bytes, length), aligned->mutableBytes().begin());
  return aligned;
}

void eval::addData(OpTable &table) {
  table.add<ConstantOp>(evalConstant);
  table.add<WeightOp>(evalWeight);
}
