// NumPy's .npy; see Formats.h.
#include "tools/runner/Formats.h"
#include <cstring>

using namespace ds::tools;

namespace {

struct Descr {
  const char *text; // without the byte order
  ds_type type;
};
constexpr Descr descrs[] = {{"f4", DS_F32}, {"f8", DS_F64}, {"f2", DS_F16}, {"i1", DS_I8},
                            {"i2", DS_I16}, {"i4", DS_I32}, {"i8", DS_I64}, {"u1", DS_U8},
                            {"u2", DS_U16}, {"u4", DS_U32}, {"u8", DS_U64}, {"b1", DS_BOOL}};

// The text after `key` in the header's dictionary, to the end of its value.
std::string field(const std::string &header, const std::string &key) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos || (at = header.find(':', at)) == std::string::npos)
    return "";
  size_t begin = header.find_first_not_of(' ', at + 1);
  if (begin == std::string::npos)
    return "";
  size_t end = header[begin] == '(' ? header.find(')', begin) : header.find_first_of(",}", begin);
  return end == std::string::npos ? "" : header.substr(begin, end - begin);
}

bool parseType(const std::string &descr, ds_type expected, ds_type &type) {
  if (descr.size() < 5 || descr.front() != '\'' || descr.back() != '\'' || descr[1] == '>')
    return false;
  std::string text = descr.substr(2, descr.size() - 3);
  for (const Descr &d : descrs)
    if (text == d.text) {
      type = d.type;
      return true;
    }
  type = expected;
  return text == "V" + std::to_string(ds_type_bytes(expected));
}

bool parseShape(const std::string &shape, std::vector<int64_t> &dims) {
  if (shape.empty() || shape[0] != '(')
    return false;
  for (size_t i = 1; i < shape.size(); ++i) {
    if (shape[i] == ' ' || shape[i] == ',')
      continue;
    char *end;
    long long dim = strtoll(&shape[i], &end, 10);
    if (end == &shape[i] || dim < 0)
      return false;
    dims.push_back(dim);
    i = size_t(end - shape.data()) - 1;
  }
  return true;
}

// Column-major `from` to row-major `to`.
void transpose(const char *from, HostTensor &to) {
  uint32_t element = ds_type_bytes(to.type);
  size_t rank = to.dims.size();
  std::vector<int64_t> index(rank);
  for (uint64_t i = 0, n = to.count(); i < n; ++i) {
    uint64_t source = 0;
    for (size_t d = rank; d-- > 0;)
      source = source * uint64_t(to.dims[d]) + uint64_t(index[d]);
    std::memcpy(to.data.get() + i * element, from + source * element, element);
    for (size_t d = rank; d-- > 0 && ++index[d] == to.dims[d];)
      index[d] = 0;
  }
}

} // namespace

bool ds::tools::parseNpy(const std::string &bytes, ds_type expected, HostTensor &tensor, std::string &error) {
  auto bad = [&](const std::string &what) {
    error = "not a .npy file that can be read: " + what;
    return false;
  };
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY"))
    return bad("no NumPy header");
  bool small = bytes[6] == 1;
  uint32_t length = 0;
  std::memcpy(&length, &bytes[8], small ? 2 : 4);
  size_t begin = small ? 10 : 12;
  if (length > bytes.size() - begin)
    return bad("its header is cut off");
  std::string header = bytes.substr(begin, length);
  ds_type type;
  std::vector<int64_t> dims;
  std::string descr = field(header, "descr");
  if (!parseType(descr, expected, type))
    return bad("element type " + descr);
  if (!parseShape(field(header, "shape"), dims))
    return bad("its shape");
  if (!tensor.allocate(type, dims, error))
    return false;
  const char *data = bytes.data() + begin + length;
  if (bytes.size() - begin - length != tensor.bytes)
    return bad("its data have the wrong size");
  if (field(header, "fortran_order") == "True")
    transpose(data, tensor);
  else if (tensor.bytes)
    std::memcpy(tensor.data.get(), data, tensor.bytes);
  return true;
}

std::string ds::tools::formatNpy(const HostTensor &tensor) {
  std::string descr;
  for (const Descr &d : descrs)
    if (d.type == tensor.type)
      descr = (ds_type_bytes(d.type) == 1 ? "|" : "<") + std::string(d.text);
  if (descr.empty())
    return "";
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.dims)
    header += std::to_string(dim) + ",";
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += char(header.size() & 255);
  out += char(header.size() >> 8);
  return out + header + std::string(tensor.data.get(), tensor.bytes);
}
