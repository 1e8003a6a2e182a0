// TensorProto -> ds.constant or ds.weight, with the size it claims checked against the bytes there are.
#include "lib/importer/GraphImporter.h"
#include "lib/importer/WireScan.h"
#include "lib/support/SafeOpen.h"
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::ds;

Type mlir::ds::elementTypeOf(int onnxType, MLIRContext *context) {
  Builder b(context);
  switch (onnxType) {
  case onnx::TensorProto::FLOAT:
    return b.getF32Type();
  case onnx::TensorProto::DOUBLE:
    return b.getF64Type();
  case onnx::TensorProto::FLOAT16:
    return b.getF16Type();
  case onnx::TensorProto::BFLOAT16:
    return b.getBF16Type();
  case onnx::TensorProto::BOOL:
    return b.getI1Type();
  case onnx::TensorProto::INT8:
    return b.getI8Type();
  case onnx::TensorProto::INT16:
    return b.getI16Type();
  case onnx::TensorProto::INT32:
    return b.getI32Type();
  case onnx::TensorProto::INT64:
    return b.getI64Type();
  case onnx::TensorProto::UINT8:
    return b.getIntegerType(8, false);
  case onnx::TensorProto::UINT16:
    return b.getIntegerType(16, false);
  case onnx::TensorProto::UINT32:
    return b.getIntegerType(32, false);
  case onnx::TensorProto::UINT64:
    return b.getIntegerType(64, false);
  default:
    return Type();
  }
}

FailureOr<uint64_t> WeightSource::fileSize(StringRef relative, Location loc) {
  if (auto it = sizes.find(relative); it != sizes.end())
    return it->second;
  llvm::Expected<int> fd = openBeneath(dir, relative);
  if (!fd)
    return emitError(loc) << "external data: " << llvm::toString(fd.takeError());
  struct stat info;
  int result = ::fstat(*fd, &info);
  ::close(*fd);
  if (result != 0)
    return emitError(loc) << "external data: the size of '" << relative << "' cannot be read";
  return sizes[relative] = info.st_size;
}

static int64_t elementBytes(Type type) { return type.isInteger(1) ? 1 : type.getIntOrFloatBitWidth() / 8; }

// The number of bytes of a static tensor, if it is one that a machine could hold.
static std::optional<int64_t> byteSize(ArrayRef<int64_t> dims, Type type) {
  int64_t bytes = elementBytes(type);
  for (int64_t dim : dims)
    if (dim < 0 || llvm::MulOverflow(bytes, dim, bytes))
      return std::nullopt;
  return bytes;
}

Value GraphImporter::tensorValue(const onnx::TensorProto &tensor, Location loc) {
  Type element = elementTypeOf(tensor.data_type(), builder.getContext());
  if (!element) {
    std::string name = onnx::TensorProto::DataType_IsValid(tensor.data_type())
                           ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(tensor.data_type()))
                           : std::to_string(tensor.data_type());
    (void)unsupported(loc, "element type " + name + " of tensor '" + tensor.name() + "'");
    return {};
  }
  SmallVector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  auto bytes = byteSize(dims, element);
  if (!bytes) {
    invalid(loc) << "tensor '" << tensor.name() << "' has a negative or too large size";
    return {};
  }
  auto type = RankedTensorType::get(dims, element);
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return externalTensor(tensor, type, loc);
  DenseElementsAttr attr = readTensor(tensor, type, loc);
  if (!attr)
    return {};
  Value value = ConstantOp::create(builder, loc, attr);
  shapes.declare(value, Dims(dims.size()));
  return value;
}

Value GraphImporter::externalTensor(const onnx::TensorProto &tensor, RankedTensorType type, Location loc) {
  std::string location;
  uint64_t offset = 0, bytes = *byteSize(type.getShape(), type.getElementType()), length = bytes;
  bool valid = tensor.raw_data().empty() && !tensor.float_data_size() && !tensor.double_data_size() && !tensor.int32_data_size() &&
               !tensor.int64_data_size() && !tensor.uint64_data_size() && !tensor.string_data_size();
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      valid &= !StringRef(entry.value()).getAsInteger(10, offset);
    else if (entry.key() == "length")
      valid &= !StringRef(entry.value()).getAsInteger(10, length);
  }
  if (!valid) {
    invalid(loc) << "tensor '" << tensor.name() << "' has a malformed external data record";
    return {};
  }
  if (length != bytes) {
    invalid(loc) << "tensor '" << tensor.name() << "' of type " << type << " needs " << bytes << " bytes, its data has " << length;
    return {};
  }
  FailureOr<uint64_t> size = weights.fileSize(location, loc);
  if (failed(size)) {
    status = ImportStatus::invalid;
    return {};
  }
  if (offset > *size || length > *size - offset) {
    invalid(loc) << "tensor '" << tensor.name() << "' lies at " << offset << " + " << length << " bytes of '" << location
                 << "', which has only " << *size << "; the file may be truncated";
    return {};
  }
  Value value = WeightOp::create(builder, loc, type, builder.getStringAttr(tensor.name()), builder.getStringAttr(location),
                                 builder.getI64IntegerAttr(offset), builder.getI64IntegerAttr(length));
  shapes.declare(value, Dims(type.getRank()));
  return value;
}

// Bytes (bool as one byte each) as an attribute.
static DenseElementsAttr denseFromBytes(RankedTensorType type, StringRef bytes) {
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, ArrayRef(bytes.data(), bytes.size()));
  return DenseElementsAttr::get(type, llvm::map_to_vector(bytes, [](char c) { return c != 0; }));
}

// Values that protobuf holds one by one, narrowed to the tensor's width.
template <typename T, typename Range>
static std::string pack(const Range &values) {
  std::string bytes;
  bytes.reserve(values.size() * sizeof(T));
  for (auto v : values) {
    T narrow = static_cast<T>(v);
    bytes.append(reinterpret_cast<const char *>(&narrow), sizeof(T));
  }
  return bytes;
}

static std::string typedData(const onnx::TensorProto &t, Type type) {
  if (type.isF32())
    return pack<float>(t.float_data());
  if (type.isF64())
    return pack<double>(t.double_data());
  if (type.isSignlessInteger(64))
    return pack<int64_t>(t.int64_data());
  if (type.isUnsignedInteger(64))
    return pack<uint64_t>(t.uint64_data());
  if (type.isUnsignedInteger(32))
    return pack<uint32_t>(t.uint64_data());
  switch (elementBytes(type)) {
  case 1:
    return pack<uint8_t>(t.int32_data());
  case 2:
    return pack<uint16_t>(t.int32_data());
  default:
    return pack<uint32_t>(t.int32_data());
  }
}

DenseElementsAttr GraphImporter::readTensor(const onnx::TensorProto &tensor, RankedTensorType type, Location loc) {
  std::string bytes = tensor.has_raw_data() ? tensor.raw_data() : typedData(tensor, type.getElementType());
  int64_t want = *byteSize(type.getShape(), type.getElementType());
  if (static_cast<int64_t>(bytes.size()) == want)
    return denseFromBytes(type, bytes);
  invalid(loc) << "tensor '" << tensor.name() << "' of type " << type << " needs " << want << " bytes, its data has " << bytes.size();
  return {};
}
