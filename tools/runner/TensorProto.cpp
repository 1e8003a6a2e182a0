// onnx.TensorProto on the wire (onnx.proto, https://protobuf.dev/programming-guides/encoding/); see Formats.h.
#include "tools/runner/Formats.h"
#include <cstring>

using namespace ds::tools;

namespace {

enum Field {
  Dims = 1,
  DataType = 2,
  FloatData = 4,
  Int32Data = 5,
  StringData = 6,
  Int64Data = 7,
  Name = 8,
  RawData = 9,
  DoubleData = 10,
  Uint64Data = 11,
  DataLocation = 14
};
enum Wire { Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5 };

struct Reader {
  const char *at, *end;
  bool bad = false;

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      uint8_t byte = uint8_t(*at++);
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128)
        return value;
    }
    bad = true;
    return 0;
  }
  Reader bytes(uint64_t count) {
    if (count > uint64_t(end - at)) {
      bad = true;
      count = 0;
    }
    Reader part{at, at + count};
    at += count;
    return part;
  }
};

// What a typed field holds: one number per element, or packed numbers. Kept as 64-bit patterns.
struct Numbers {
  std::vector<uint64_t> values;

  void add(Reader field, Wire wire, bool packed) {
    do {
      if (packed && field.at == field.end)
        break;
      uint64_t value = 0;
      if (wire == Varint) {
        value = field.varint();
      } else {
        Reader part = field.bytes(wire == Fixed32 ? 4 : 8);
        std::memcpy(&value, part.at, size_t(part.end - part.at));
      }
      values.push_back(value);
    } while (packed && !field.bad);
  }
};

struct Proto {
  std::vector<int64_t> dims;
  uint64_t type = 0, location = 0;
  Numbers numbers; // of whichever typed field is set
  std::string raw, name;
  bool hasRaw = false, hasStrings = false;
};

Wire elementWire(uint64_t field) { return field == FloatData ? Fixed32 : field == DoubleData ? Fixed64 : Varint; }

void readField(uint64_t field, Wire wire, Reader payload, Proto &proto) {
  switch (field) {
  case Dims: {
    Numbers numbers;
    numbers.add(payload, Varint, wire == Length);
    proto.dims.insert(proto.dims.end(), numbers.values.begin(), numbers.values.end());
    return;
  }
  case DataType:
    proto.type = payload.varint();
    return;
  case DataLocation:
    proto.location = payload.varint();
    return;
  case Name:
    proto.name.assign(payload.at, payload.end);
    return;
  case RawData:
    proto.raw.assign(payload.at, payload.end), proto.hasRaw = true;
    return;
  case StringData:
    proto.hasStrings = true;
    return;
  case FloatData:
  case Int32Data:
  case Int64Data:
  case DoubleData:
  case Uint64Data:
    proto.numbers.add(payload, elementWire(field), wire == Length);
    return;
  }
}

bool readProto(const std::string &bytes, Proto &proto) {
  Reader reader{bytes.data(), bytes.data() + bytes.size()};
  while (reader.at < reader.end && !reader.bad) {
    uint64_t key = reader.varint();
    Wire wire = Wire(key & 7);
    const char *begin = reader.at;
    if (wire == Varint)
      reader.varint();
    else if (wire == Fixed32 || wire == Fixed64)
      reader.bytes(wire == Fixed32 ? 4 : 8);
    else if (wire != Length)
      return false;
    Reader payload{begin, reader.at};
    if (wire == Length)
      payload = reader.bytes(reader.varint());
    if (!reader.bad)
      readField(key >> 3, wire, payload, proto);
  }
  return !reader.bad;
}

void putVarint(std::string &out, uint64_t value) {
  for (; value > 127; value >>= 7)
    out += char(value | 128);
  out += char(value);
}

} // namespace

bool ds::tools::parseTensorProto(const std::string &bytes, HostTensor &tensor, std::string &error) {
  Proto proto;
  if (!readProto(bytes, proto)) {
    error = "not a TensorProto";
    return false;
  }
  uint32_t element = proto.type < 32 ? ds_type_bytes(ds_type(proto.type)) : 0;
  if (!element || proto.hasStrings || proto.location) {
    error = "not supported: a TensorProto of data type " + std::to_string(proto.type) +
            (proto.location ? " with external data" : "");
    return false;
  }
  tensor.name = proto.name;
  if (!tensor.allocate(ds_type(proto.type), proto.dims, error))
    return false;
  uint64_t held = proto.hasRaw ? proto.raw.size() : proto.numbers.values.size() * element;
  if (held != tensor.bytes) {
    error = "a TensorProto whose data do not have the size of its dims";
    return false;
  }
  if (proto.hasRaw)
    std::memcpy(tensor.data.get(), proto.raw.data(), held);
  else
    for (size_t i = 0; i < proto.numbers.values.size(); ++i)
      std::memcpy(tensor.data.get() + i * element, &proto.numbers.values[i], element);
  return true;
}

std::string ds::tools::formatTensorProto(const HostTensor &tensor) {
  std::string out;
  auto key = [&](Field field, Wire wire) { putVarint(out, uint64_t(field) << 3 | wire); };
  for (int64_t dim : tensor.dims) {
    key(Dims, Varint);
    putVarint(out, uint64_t(dim));
  }
  key(DataType, Varint);
  putVarint(out, tensor.type);
  key(Name, Length);
  putVarint(out, tensor.name.size());
  out += tensor.name;
  key(RawData, Length);
  putVarint(out, tensor.bytes);
  out.append(tensor.data.get(), tensor.bytes);
  return out;
}
