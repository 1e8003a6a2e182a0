// The file: what lib/package writes, and what the runtime refuses.
#include "runtime/core/Format.h"
#include "runtime/core/Sha256.h"
#include "test/unit/runtime/Models.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace test;
using namespace mlir::ds;

namespace {

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

// A package of which every slot kind occurs: raw, raw again, computed, computed equal to a raw one, large, empty.
PackageContents everyKind(std::string &elf, std::string &program) {
  PackageContents c = contentsOf("gather", elf);
  program = readFile(std::string(IMAGE_DIR) + "/ds_test_weights.so");
  std::string raw(1 + 16 + 70000, 'x'), file = temporaryPath("model.onnx");
  const float w[4] = {1, 2, 3, 4};
  std::memcpy(&raw[1], w, sizeof(w));
  raw[17] = 'a';
  writeFile(file, raw);
  FileRange floats = {file, 1, 16}, bytes = {file, 17, 70000};
  c.weights = {{16, true, floats}, {16, false, {}},         {16, true, floats},  {16, false, {}},
               {70000, false, {}}, {0, true, {file, 5, 0}}, {70000, true, bytes}};
  c.program = {program.data(), program.size(), {floats, bytes}, {}};
  return c;
}

// In a block of exactly that size, so that a sanitizer sees what is read beyond it.
ds_result openBytes(const std::string &bytes, bool verify) {
  void *block = nullptr;
  if (posix_memalign(&block, 64, bytes.size()))
    return DS_ERR_MEMORY;
  std::memcpy(block, bytes.data(), bytes.size());
  ds_model *model = nullptr;
  ds_result result = ds_model_open_memory(block, bytes.size(), &model);
  if (!result && verify)
    result = ds_model_verify(model);
  ds_model_close(model);
  std::free(block);
  return result;
}

// Makes the head's checksum right again, if the header still says where the head ends.
void rehash(std::string &bytes) {
  ds::format::Header h;
  std::memcpy(&h, bytes.data(), sizeof(h));
  if (h.headBytes > bytes.size() || h.headBytes < sizeof(h))
    return;
  std::memset(h.hash, 0, sizeof(h.hash));
  ds::Sha256 sha;
  sha.update(&h, sizeof(h));
  sha.update(bytes.data() + sizeof(h), h.headBytes - sizeof(h));
  sha.finish(h.hash);
  std::memcpy(&bytes[0], &h, sizeof(h));
}

} // namespace

TEST(Package, WeightsAreCopiedComputedAndShared) {
  std::string elf, program, error, path = temporaryPath("kinds.dsm");
  PackageContents c = everyKind(elf, program);
  PackageReport report;
  ASSERT_TRUE(writePackage(path, c, error, &report)) << error;
  Model m = open(path);
  EXPECT_EQ(ds_model_verify(m.get()), DS_SUCCESS) << ds_last_error();
  EXPECT_EQ(ds_model_weight_count(m.get()), 7u);
  EXPECT_EQ(ds_model_weight_bytes(m.get()), 16u + 16 + 70000 + 70000);
  EXPECT_EQ(report.sharedBytes, 32u);
  std::string bytes = readFile(path);
  EXPECT_EQ(report.fileBytes, bytes.size());
  ds::format::Header h;
  std::memcpy(&h, bytes.data(), sizeof(h));
  const float *w = reinterpret_cast<const float *>(bytes.data() + h.headBytes), *w1 = w + 16;
  EXPECT_EQ(w[3], 4.f);
  EXPECT_EQ(w1[3], 5.f);
  EXPECT_EQ(bytes[h.headBytes + 4096 + 69999], 'a');
  EXPECT_EQ(bytes[h.headBytes + 4096 + 73728], 'a');
  for (auto &entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
    EXPECT_EQ(entry.path().string().find("kinds.dsm."), std::string::npos) << "a temporary file is left";
}

TEST(Package, WriterReportsErrorsAndLeavesNothing) {
  std::string elf, program, error, path = temporaryPath("none.dsm");
  PackageContents c = everyKind(elf, program);
  c.weights[0].source.offset = 70010;
  EXPECT_FALSE(writePackage(path, c, error));
  EXPECT_NE(error.find("ends before a weight at offset 70010"), std::string::npos) << error;
  c = everyKind(elf, program);
  c.weights[1].bytes = UINT64_MAX;
  EXPECT_FALSE(writePackage(path, c, error));
  c = everyKind(elf, program);
  c.images[0].isa = "z80";
  EXPECT_FALSE(writePackage(path, c, error));
  c = everyKind(elf, program);
  c.weights.pop_back();
  c.weights[4].raw = true;
  EXPECT_FALSE(writePackage(path, c, error));
  c = everyKind(elf, program);
  c.program.bytes = 100;
  EXPECT_FALSE(writePackage(path, c, error));
  EXPECT_EQ(error.rfind("the weight program failed: cannot load the code image", 0), 0u) << error;
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(writePackage("/no/such/folder/x.dsm", everyKind(elf, program), error));
}

TEST(Package, EveryTruncationIsAnError) {
  std::string bytes = readFile(packModel("add"));
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i)
    EXPECT_NE(openBytes(bytes.substr(0, random() % bytes.size()), false), DS_SUCCESS);
  EXPECT_NE(openBytes(bytes + '\0', false), DS_SUCCESS);
}

TEST(Package, EveryFlippedByteIsAnError) {
  std::string elf, program, error, path = temporaryPath("flip.dsm");
  PackageContents c = everyKind(elf, program);
  ASSERT_TRUE(writePackage(path, c, error)) << error;
  std::string bytes = readFile(path);
  std::mt19937 random(3);
  for (size_t i = 0; i < 1000; ++i) {
    size_t at = i < 200 ? i : random() % bytes.size();
    std::string mutant = bytes;
    mutant[at] = char(mutant[at] ^ (1 + random() % 255));
    EXPECT_NE(openBytes(mutant, true), DS_SUCCESS) << "byte " << at;
  }
}

// A forger fixes the checksum; sizes and offsets are then all that stands between the file and the process.
TEST(Package, MutantsWithRightChecksums) {
  std::string elf, program, error, path = temporaryPath("forged.dsm");
  PackageContents c = everyKind(elf, program);
  c.images.clear();
  ASSERT_TRUE(writePackage(path, c, error)) << error;
  std::string bytes = readFile(path);
  std::mt19937 random(4);
  const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
  for (size_t i = 0; i < 1000; ++i) {
    std::string mutant = bytes;
    for (uint32_t edits = 1 + random() % 3; edits; --edits)
      mutant[16 + random() % 1100] = char(values[random() % 5]);
    rehash(mutant);
    openBytes(mutant, true); // an error or not: what counts is that nothing is read out of bounds
  }
}

TEST(Package, InMemory) {
  std::string bytes = readFile(packModel("add"));
  std::vector<char> storage(bytes.size() + 64);
  char *at = storage.data() + (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64) % 64;
  std::memcpy(at, bytes.data(), bytes.size());
  ds_model *model = nullptr;
  EXPECT_EQ(ds_model_open_memory(at + 1, bytes.size(), &model), DS_ERR_ARGUMENT);
  ASSERT_EQ(ds_model_open_memory(at, bytes.size(), &model), DS_SUCCESS) << ds_last_error();
  Model owner(model);
  Session s = session(owner);
  std::vector<float> x(4, 1.f);
  ds_tensor in = tensor(DS_F32, {1, 4}, x), out = {};
  ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
  EXPECT_EQ(static_cast<float *>(out.data)[3], 10.f);
}

TEST(Package, WhatIsNoPackage) {
  ds_model *model = nullptr;
  EXPECT_EQ(ds_model_open("/no/such/file", &model), DS_ERR_IO);
  EXPECT_EQ(ds_model_open("/", &model), DS_ERR_IO);
  std::string path = temporaryPath("none.dsm");
  for (const std::string &bytes : {std::string(), std::string(5000, 'x')}) {
    writeFile(path, bytes);
    EXPECT_EQ(ds_model_open(path.c_str(), &model), DS_ERR_FORMAT);
    EXPECT_EQ(openBytes(bytes, false), DS_ERR_FORMAT);
  }
}

TEST(Package, CodeForOtherProcessorsOnly) {
  std::string elf, error, path = temporaryPath("other.dsm");
  PackageContents c = contentsOf("gather", elf);
  c.images.clear();
  ASSERT_TRUE(writePackage(path, c, error)) << error;
  Model m = open(path);
  ds_session *s = nullptr;
  EXPECT_EQ(ds_session_create(m.get(), 1, &s), DS_ERR_CPU);
  EXPECT_NE(std::string(ds_last_error()).find("(none)"), std::string::npos);
}

TEST(Package, CodeThatDoesNotMatchTheSignature) {
  std::string elf, error, path = temporaryPath("mismatch.dsm");
  PackageContents c = contentsOf("gather", elf);
  c.signature.inputs.pop_back();
  ASSERT_TRUE(writePackage(path, c, error)) << error;
  Model m = open(path);
  ds_session *s = nullptr;
  EXPECT_EQ(ds_session_create(m.get(), 1, &s), DS_ERR_FORMAT);
}
