// NumPy's .npz: a zip archive of .npy files; see Formats.h.
#include "tools/runner/Formats.h"
#include <cstring>
#include <zlib.h>

using namespace ds::tools;

namespace {

constexpr uint64_t maxMemberBytes = uint64_t(1) << 34;

template <typename T> T number(const std::string &bytes, size_t at) {
  T value;
  std::memcpy(&value, &bytes[at], sizeof(T));
  return value;
}

struct Entry {
  std::string name;
  uint16_t method = 0;
  uint64_t packed = 0, size = 0, local = 0;
};

// Sizes of 4 GiB and more are in an extra field with the number 1, in this order, where the plain ones are all ones.
bool readZip64(const std::string &extra, Entry &e) {
  for (size_t at = 0; at + 4 <= extra.size();) {
    size_t length = number<uint16_t>(extra, at + 2);
    if (at + 4 + length > extra.size())
      return false;
    size_t from = at + 4, end = from + length;
    if (number<uint16_t>(extra, at) == 1)
      for (uint64_t *value : {&e.size, &e.packed, &e.local})
        if (*value == 0xffffffffu) {
          if (from + 8 > end)
            return false;
          *value = number<uint64_t>(extra, from);
          from += 8;
        }
    at = end;
  }
  return true;
}

bool inflateAll(const std::string &bytes, size_t at, const Entry &e, std::string &out) {
  out.resize(e.size);
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(&bytes[at]));
  stream.next_out = reinterpret_cast<Bytef *>(&out[0]);
  uint64_t inLeft = e.packed, outLeft = e.size;
  int status = Z_OK;
  while (status == Z_OK) {
    if (!stream.avail_in)
      inLeft -= stream.avail_in = uInt(std::min<uint64_t>(inLeft, 1u << 30));
    if (!stream.avail_out)
      outLeft -= stream.avail_out = uInt(std::min<uint64_t>(outLeft, 1u << 30));
    status = inflate(&stream, Z_NO_FLUSH);
  }
  bool complete = status == Z_STREAM_END && !stream.avail_out && !outLeft;
  inflateEnd(&stream);
  return complete;
}

bool readMember(const std::string &bytes, const Entry &e, std::string &out) {
  if (e.local > bytes.size() || bytes.size() - e.local < 30 || number<uint32_t>(bytes, e.local) != 0x04034b50 ||
      e.size > maxMemberBytes)
    return false;
  uint64_t at = e.local + 30 + number<uint16_t>(bytes, e.local + 26) + number<uint16_t>(bytes, e.local + 28);
  if (at > bytes.size() || e.packed > bytes.size() - at)
    return false;
  if (e.method == 0) {
    out = bytes.substr(at, e.packed);
    return e.packed == e.size;
  }
  return e.method == 8 && inflateAll(bytes, at, e, out);
}

bool readEntry(const std::string &bytes, size_t &at, Entry &e) {
  if (at + 46 > bytes.size() || number<uint32_t>(bytes, at) != 0x02014b50)
    return false;
  size_t name = number<uint16_t>(bytes, at + 28), extra = number<uint16_t>(bytes, at + 30);
  size_t next = at + 46 + name + extra + number<uint16_t>(bytes, at + 32);
  if (next > bytes.size())
    return false;
  e.method = number<uint16_t>(bytes, at + 10);
  e.packed = number<uint32_t>(bytes, at + 20), e.size = number<uint32_t>(bytes, at + 24);
  e.local = number<uint32_t>(bytes, at + 42);
  e.name = bytes.substr(at + 46, name);
  bool ok = readZip64(bytes.substr(at + 46 + name, extra), e);
  at = next;
  return ok;
}

} // namespace

bool ds::tools::parseNpz(const std::string &bytes, std::vector<std::pair<std::string, std::string>> &members,
                         std::string &error) {
  error = "not a .npz file that can be read";
  size_t end = bytes.rfind(std::string("PK\x05\x06", 4));
  if (end == std::string::npos || bytes.size() - end < 22)
    return false;
  size_t at = number<uint32_t>(bytes, end + 16);
  for (uint16_t left = number<uint16_t>(bytes, end + 10); left; --left) {
    Entry e;
    std::string member;
    if (!readEntry(bytes, at, e) || !readMember(bytes, e, member))
      return false;
    if (e.name.size() > 4 && e.name.substr(e.name.size() - 4) == ".npy")
      e.name.resize(e.name.size() - 4);
    members.emplace_back(e.name, std::move(member));
  }
  error.clear();
  return true;
}
