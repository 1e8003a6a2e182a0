// A bounds-checked walk over the protobuf wire format, guided by a table of the message fields that lead to tensors.
#include "lib/importer/WireScan.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace mlir::ds;

namespace {
enum class Message { Model, Graph, Node, Attribute, Function, Tensor, SparseTensor };

struct Edge {
  Message from;
  uint32_t field;
  Message to;
};
// onnx.proto: the fields through which a tensor can be reached.
constexpr Edge kEdges[] = {
    {Message::Model, 7, Message::Graph},           {Message::Model, 25, Message::Function},
    {Message::Graph, 1, Message::Node},            {Message::Graph, 5, Message::Tensor},
    {Message::Graph, 15, Message::SparseTensor},   {Message::Node, 5, Message::Attribute},
    {Message::Function, 7, Message::Node},         {Message::Function, 11, Message::Attribute},
    {Message::Attribute, 5, Message::Tensor},      {Message::Attribute, 6, Message::Graph},
    {Message::Attribute, 10, Message::Tensor},     {Message::Attribute, 11, Message::Graph},
    {Message::Attribute, 22, Message::SparseTensor}, {Message::Attribute, 23, Message::SparseTensor},
    {Message::SparseTensor, 1, Message::Tensor},   {Message::SparseTensor, 2, Message::Tensor},
};
constexpr uint32_t kModelTrainingInfo = 20;
constexpr uint32_t kTensorFloatData = 4, kTensorRawData = 9, kTensorDoubleData = 10, kTensorExternalData = 13,
                   kTensorDataLocation = 14;
enum WireType : uint32_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
// Protobuf itself refuses deeper nesting.
constexpr unsigned kMaxDepth = 90;

class Scanner {
public:
  Scanner(StringRef file, StringRef fileName) : file(file), fileName(fileName) {}

  Error scan(size_t begin, size_t end, Message message, unsigned depth, std::string &out);

private:
  Error malformed(size_t at, const Twine &what) {
    return createStringError(inconvertibleErrorCode(),
                             "the file is not a valid ONNX protobuf: " + what + " at byte " + Twine(at) +
                                 "; it may be truncated or corrupt");
  }
  Expected<uint64_t> varint(size_t &at, size_t end);
  Expected<size_t> skipField(size_t at, size_t end, WireType type);
  void appendRecord(std::string &out, uint64_t offset, uint64_t length);

  StringRef file, fileName;
};
} // namespace

static const Edge *findEdge(Message from, uint32_t field) {
  for (const Edge &edge : kEdges)
    if (edge.from == from && edge.field == field)
      return &edge;
  return nullptr;
}

static void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

static void appendBytes(std::string &out, uint32_t field, StringRef bytes) {
  appendVarint(out, field << 3 | Bytes);
  appendVarint(out, bytes.size());
  out.append(bytes.data(), bytes.size());
}

Expected<uint64_t> Scanner::varint(size_t &at, size_t end) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
    uint8_t byte = file[at++];
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  return malformed(at, "a number does not end");
}

// The end of a field's payload that starts at `at`.
Expected<size_t> Scanner::skipField(size_t at, size_t end, WireType type) {
  size_t start = at;
  if (type == Varint) {
    if (auto value = varint(at, end); !value)
      return value.takeError();
    return at;
  }
  uint64_t length = type == Fixed64 ? 8 : 4;
  if (type == Bytes) {
    auto value = varint(at, end);
    if (!value)
      return value.takeError();
    length = *value;
  } else if (type != Fixed64 && type != Fixed32) {
    return malformed(start, "unknown wire type " + Twine(static_cast<uint32_t>(type)));
  }
  if (length > end - at)
    return malformed(start, "a field of " + Twine(length) + " bytes is longer than the " + Twine(end - at) + " bytes left");
  return at + length;
}

void Scanner::appendRecord(std::string &out, uint64_t offset, uint64_t length) {
  auto entry = [&](StringRef key, StringRef value) {
    std::string pair;
    appendBytes(pair, 1, key);
    appendBytes(pair, 2, value);
    appendBytes(out, kTensorExternalData, pair);
  };
  entry("location", fileName);
  entry("offset", std::to_string(offset));
  entry("length", std::to_string(length));
  appendVarint(out, kTensorDataLocation << 3 | Varint);
  appendVarint(out, 1);
}

Error Scanner::scan(size_t begin, size_t end, Message message, unsigned depth, std::string &out) {
  if (depth > kMaxDepth)
    return malformed(begin, "subgraphs are nested too deeply");
  bool isTensor = message == Message::Tensor, moved = false;
  for (size_t at = begin; at < end;) {
    size_t fieldStart = at;
    auto tag = varint(at, end);
    if (!tag)
      return tag.takeError();
    uint64_t field = *tag >> 3;
    auto type = static_cast<WireType>(*tag & 7);
    auto fieldEnd = skipField(at, end, type);
    if (!fieldEnd)
      return fieldEnd.takeError();
    size_t payload = at;
    if (type == Bytes)
      (void)cantFail(varint(payload, end));
    at = *fieldEnd;
    const Edge *edge = type == Bytes ? findEdge(message, field) : nullptr;
    bool isData = isTensor && type == Bytes && (field == kTensorRawData || field == kTensorFloatData || field == kTensorDoubleData);
    if (isTensor && moved && (isData || field == kTensorExternalData || field == kTensorDataLocation))
      return malformed(fieldStart, "a tensor holds its data twice");
    if (isData && at - payload > kInlineBytes) {
      appendRecord(out, payload, at - payload);
      moved = true;
    } else if (edge) {
      std::string nested;
      if (Error error = scan(payload, at, edge->to, depth + 1, nested))
        return error;
      appendBytes(out, field, nested);
    } else if (message != Message::Model || field != kModelTrainingInfo) {
      out.append(file.data() + fieldStart, at - fieldStart);
    }
  }
  return Error::success();
}

Expected<std::string> mlir::ds::reduceModel(StringRef file, StringRef fileName) {
  std::string out;
  if (Error error = Scanner(file, fileName).scan(0, file.size(), Message::Model, 0, out))
    return std::move(error);
  if (out.size() > INT32_MAX)
    return createStringError(inconvertibleErrorCode(), "the model without its weights exceeds 2 GB, which protobuf cannot parse");
  return out;
}
