// Reading and writing .npy files (NumPy Enhancement Proposal 1), little-endian, C order.
#include "lib/eval/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::ds;

static constexpr StringLiteral magic("\x93NUMPY");

// NumPy's name of an element type: kind and width in bytes; V for those it does not know.
static std::string descr(Type type) {
  char kind = 'V';
  if (type.isF64() || type.isF32() || type.isF16())
    kind = 'f';
  else if (type.isInteger(1))
    kind = 'b';
  else if (auto integer = dyn_cast<IntegerType>(type); integer && integer.getWidth() >= 8)
    kind = integer.isUnsigned() ? 'u' : 'i';
  else if (isa<IndexType>(type))
    kind = 'i';
  return (Twine(elementBytes(type) == 1 ? "|" : "<") + Twine(kind) + Twine(elementBytes(type))).str();
}

// The text after `key` in the header's dictionary.
static StringRef field(StringRef header, StringRef key) {
  size_t at = header.find(key);
  return at == StringRef::npos ? "" : header.drop_front(at + key.size()).ltrim(" :");
}

static bool parseShape(StringRef text, SmallVectorImpl<int64_t> &shape) {
  if (!text.consume_front("("))
    return false;
  SmallVector<StringRef> sizes;
  text.take_until([](char c) { return c == ')'; }).split(sizes, ',', -1, /*KeepEmpty=*/false);
  for (StringRef size : sizes)
    if (!size.trim().empty() && size.trim().getAsInteger(10, shape.emplace_back()))
      return false;
  return true;
}

FailureOr<Tensor> mlir::ds::readNpy(StringRef path, Type elementType, std::string &message) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (file)
    return parseNpy((*file)->getBuffer(), path, elementType, message);
  message = (path + ": " + file.getError().message()).str();
  return failure();
}

FailureOr<Tensor> mlir::ds::parseNpy(StringRef bytes, StringRef name, Type elementType, std::string &message) {
  auto fail = [&](const Twine &why) {
    message = (name + ": " + why).str();
    return failure();
  };
  if (!bytes.starts_with(magic) || bytes.size() < 12)
    return fail("not a NumPy file");
  bool wide = bytes[6] >= 2; // version 2 has a 32-bit header length
  size_t start = wide ? 12 : 10;
  size_t length =
      wide ? llvm::support::endian::read32le(bytes.data() + 8) : llvm::support::endian::read16le(bytes.data() + 8);
  if (length > bytes.size() - start)
    return fail("the header is cut off");
  StringRef header = bytes.substr(start, length), type = field(header, "'descr'"),
            data = bytes.drop_front(start + length);
  SmallVector<int64_t> shape;
  if (!parseShape(field(header, "'shape'"), shape) || !field(header, "'fortran_order'").starts_with("False"))
    return fail("its header has no shape in C order");
  type = type.drop_front(1).take_until([](char c) { return c == '\''; });
  std::string want = descr(elementType);
  if (type.empty() || type.front() == '>' || type.drop_front() != StringRef(want).drop_front())
    return fail("holds elements of type " + type + ", not " + want);
  std::optional<int64_t> size = byteSize(elementType, shape);
  if (!size || static_cast<uint64_t>(*size) != data.size())
    return fail("has " + Twine(data.size()) + " bytes of data, which its shape does not give");
  FailureOr<Tensor> tensor = Tensor::allocate(elementType, shape);
  if (failed(tensor))
    return fail("is too big");
  llvm::copy(data, tensor->mutableBytes().begin());
  return tensor;
}

LogicalResult mlir::ds::writeNpy(StringRef path, const Tensor &tensor, std::string &message) {
  std::string header = "{'descr': '" + descr(tensor.elementType()) + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape())
    header += std::to_string(size) + ",";
  header += "), }";
  header.append(63 - (magic.size() + 4 + header.size()) % 64, ' '); // the data starts at a multiple of 64
  header += '\n';
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  if (!error) {
    uint16_t length = header.size();
    os << magic << '\x01' << '\x00' << static_cast<char>(length & 255) << static_cast<char>(length >> 8) << header;
    os << StringRef(tensor.bytes().data(), tensor.bytes().size());
    os.close();
    error = os.error();
  }
  if (error)
    message = (path + ": " + error.message()).str();
  return failure(static_cast<bool>(error));
}
