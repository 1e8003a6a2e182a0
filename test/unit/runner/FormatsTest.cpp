// Tensors in files: what is written is read again, what others write is read, and what is broken is refused.
#include "tools/runner/Formats.h"
#include "tools/runner/Compare.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace ds::tools;

namespace {

HostTensor make(ds_type type, const std::vector<int64_t> &dims) {
  HostTensor tensor;
  std::string error;
  EXPECT_TRUE(tensor.allocate(type, dims, error)) << error;
  for (uint64_t i = 0; i < tensor.bytes; ++i)
    tensor.data.get()[i] = char(type == DS_BOOL ? i & 1 : i * 7 + 1);
  return tensor;
}

void expectEqual(const HostTensor &a, const HostTensor &b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.dims, b.dims);
  ASSERT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(std::memcmp(a.data.get(), b.data.get(), a.bytes), 0);
}

constexpr ds_type allTypes[] = {DS_F32, DS_U8,   DS_I8,  DS_U16, DS_I16, DS_I32, DS_I64,
                                DS_F16, DS_BOOL, DS_F64, DS_U32, DS_U64, DS_BF16};

std::string npy(const std::string &dict, const std::string &data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  out += char(dict.size());
  out += '\0';
  return out + dict + data;
}

} // namespace

TEST(Npy, WhatIsWrittenIsRead) {
  for (ds_type type : allTypes)
    for (const std::vector<int64_t> &dims : {std::vector<int64_t>{}, {3}, {0, 2}, {2, 3, 4}}) {
      HostTensor tensor = make(type, dims), read;
      std::string error, bytes = formatNpy(tensor);
      EXPECT_EQ(bytes.empty(), type == DS_BF16);
      if (bytes.empty())
        continue;
      EXPECT_EQ((bytes.size() - tensor.bytes) % 64, 0u);
      ASSERT_TRUE(parseNpy(bytes, DS_F32, read, error)) << error;
      expectEqual(tensor, read);
    }
}

TEST(Npy, WhatOthersWrite) {
  HostTensor t;
  std::string error;
  ASSERT_TRUE(parseNpy(
      npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", std::string("\1\0\4\0\2\0\5\0\3\0\6\0", 12)),
      DS_F32, t, error))
      << error;
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(t.at(uint64_t(i)), i + 1);
  ASSERT_TRUE(parseNpy(npy("{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }\n", std::string("\x80\x3f", 2)),
                       DS_BF16, t, error))
      << error;
  EXPECT_EQ(t.type, DS_BF16);
  EXPECT_EQ(t.at(0), 1.0);
}

TEST(Npy, Broken) {
  HostTensor t;
  std::string error, four(4, 'x');
  for (const char *dict :
       {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "{'descr': '<c8', 'shape': (1,), }\n",
        "{'descr': '<f4', 'shape': (-1,), }\n", "{'descr': '<f4', 'shape': (2,), }\n", "{'descr': '<f4'}\n", "{}\n",
        "{'descr': '<f4', 'shape': (99999999999,99999999999), }\n", "{'descr': '<f4', 'shape': (1,\n"})
    EXPECT_FALSE(parseNpy(npy(dict, four), DS_F32, t, error)) << dict;
  EXPECT_FALSE(parseNpy("", DS_F32, t, error));
}

// The archive byte by byte, then what its mutants do.
TEST(Npz, StoredMembers) {
  std::string member = formatNpy(make(DS_F32, {2})), name = "x.npy", zip, error;
  auto put = [&](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      zip += char(i < 8 ? value >> (8 * i) : 0);
  };
  put(0x04034b50, 4), put(20, 2), put(0, 12), put(member.size(), 4), put(member.size(), 4), put(name.size(), 2);
  put(0, 2);
  zip += name + member;
  size_t directory = zip.size();
  put(0x02014b50, 4), put(0, 16), put(member.size(), 4), put(member.size(), 4), put(name.size(), 2), put(0, 12);
  put(0, 4);
  zip += name;
  put(0x06054b50, 4), put(0, 6), put(1, 2), put(zip.size() - directory, 4), put(directory, 4), put(0, 2);
  std::vector<std::pair<std::string, std::string>> members;
  ASSERT_TRUE(parseNpz(zip, members, error)) << error;
  ASSERT_EQ(members.size(), 1u);
  EXPECT_EQ(members[0].first, "x");
  EXPECT_EQ(members[0].second, member);
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string mutant = zip.substr(0, i % 3 ? zip.size() : random() % zip.size());
    if (!mutant.empty())
      mutant[random() % mutant.size()] = char(random());
    members.clear();
    parseNpz(mutant, members, error);
  }
}

TEST(TensorProto, WhatIsWrittenIsRead) {
  for (ds_type type : allTypes)
    for (const std::vector<int64_t> &dims : {std::vector<int64_t>{}, {0, 2}, {2, 300}}) {
      HostTensor tensor = make(type, dims), read;
      tensor.name = "x";
      std::string error;
      ASSERT_TRUE(parseTensorProto(formatTensorProto(tensor), read, error)) << error;
      expectEqual(tensor, read);
      EXPECT_EQ(read.name, "x");
    }
}

TEST(TensorProto, TypedFields) {
  HostTensor t;
  std::string error;
  // dims 2; float; float_data packed 1, 2
  ASSERT_TRUE(parseTensorProto(std::string("\x08\x02\x10\x01\x22\x08\0\0\x80\x3f\0\0\0\x40", 14), t, error)) << error;
  EXPECT_EQ(t.at(1), 2.0);
  // dims 2, packed; int8; int32_data -1 (ten bytes), 5, not packed
  ASSERT_TRUE(parseTensorProto(
      std::string("\x0a\x01\x02\x10\x03\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x28\x05", 18), t, error))
      << error;
  EXPECT_EQ(t.at(0), -1.0);
  EXPECT_EQ(t.at(1), 5.0);
  // a scalar; double; double_data 1, not packed
  ASSERT_TRUE(parseTensorProto(std::string("\x10\x0b\x51\0\0\0\0\0\0\xf0\x3f", 11), t, error)) << error;
  EXPECT_EQ(t.at(0), 1.0);
}

TEST(TensorProto, Broken) {
  HostTensor tensor = make(DS_I64, {4}), t;
  std::string error, bytes = formatTensorProto(tensor);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_FALSE(parseTensorProto(bytes.substr(0, i), t, error));
  EXPECT_FALSE(parseTensorProto(std::string("\x10\x08\x32\x01x", 5), t, error)); // a string
  EXPECT_EQ(error.rfind("not supported: ", 0), 0u);
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string mutant = bytes;
    for (uint32_t edits = 1 + random() % 3; edits; --edits)
      mutant[random() % mutant.size()] = char(random());
    parseTensorProto(mutant, t, error);
  }
}

TEST(Compare, Values) {
  auto floats = [](std::vector<float> values) {
    HostTensor t = make(DS_F32, {int64_t(values.size())});
    std::memcpy(t.data.get(), values.data(), t.bytes);
    return t;
  };
  HostTensor expected = floats({1, -2, NAN, INFINITY});
  EXPECT_TRUE(compare(floats({1, -2, -NAN, INFINITY}), expected, 0, 0).ok());
  Difference d = compare(floats({1, -2.5, NAN, INFINITY}), expected, 1e-3, 0);
  EXPECT_EQ(d.wrong, 1u);
  EXPECT_EQ(d.maxAbs, 0.5);
  EXPECT_EQ(d.relative, 0.25);
  EXPECT_EQ(compare(floats({1, -2, 0, INFINITY}), expected, 1, 1).wrong, 1u);
  EXPECT_EQ(compare(floats({1, -2, NAN, -INFINITY}), expected, 1, 1).wrong, 1u);
  EXPECT_EQ(compare(floats({1}), expected, 1, 1).mismatch, "f32[1] instead of f32[4]");
  HostTensor half = make(DS_F16, {4});
  const uint16_t bits[] = {0x3c00, 0xc000, 0x7c00, 0x0001};
  std::memcpy(half.data.get(), bits, sizeof(bits));
  EXPECT_EQ(half.at(0), 1.0);
  EXPECT_EQ(half.at(1), -2.0);
  EXPECT_TRUE(std::isinf(half.at(2)));
  EXPECT_EQ(half.at(3), std::ldexp(1.0, -24));
}
