// The package on disk: what lib/package writes and Package.cpp checks. Little endian. lib/package/README.md has the
// byte table; a change here changes formatVersion.
#pragma once
#include <cstdint>

namespace ds::format {

constexpr char magic[8] = {'D', 'S', 'M', 'O', 'D', 'E', 'L', '\n'};
constexpr uint32_t formatVersion = 1;
constexpr uint64_t sectionAlign = 64, pageAlign = 4096;
/// Weights of this size and above start on a page of their own.
constexpr uint64_t pagedWeightBytes = 64 * 1024;
constexpr uint64_t maxSignatureBytes = 100u << 20, maxImageBytes = 1u << 30, maxFileBytes = uint64_t(1) << 46;
constexpr uint32_t maxImages = 64, maxRank = 16;

/// Byte 0. The sections follow in this order, each aligned to 64 bytes, zeros between: signature, image table,
/// weight table, images; then, aligned to a page, the weights up to the end of the file. Positions follow from the
/// sizes, so that they can neither overlap nor leave holes.
struct Header {
  char magic[8];
  uint32_t formatVersion, abi;
  uint64_t fileBytes;
  uint64_t headBytes; // start of the weights
  uint64_t signatureBytes;
  uint32_t imageCount, weightCount;
  uint64_t reserved[2];
  uint8_t hash[32]; // SHA-256 of [0, headBytes) with these 32 bytes zero
  uint8_t pad[32];
};
static_assert(sizeof(Header) == 128);

struct ImageEntry {
  char isa[24]; // a name of Cpu.h, padded with zeros
  uint64_t bytes;
};
static_assert(sizeof(ImageEntry) == 32);

/// A weight either starts where the previous new one ended, aligned, or is equal to an earlier entry.
struct WeightEntry {
  uint64_t offset; // in the file
  uint64_t bytes;
  uint8_t hash[32]; // SHA-256
};
static_assert(sizeof(WeightEntry) == 48);

/// `value` up to a multiple of `align` (a power of two); callers bound `value` by maxFileBytes.
constexpr uint64_t alignTo(uint64_t value, uint64_t align) { return (value + align - 1) & ~(align - 1); }
constexpr uint64_t weightAlign(uint64_t bytes) { return bytes >= pagedWeightBytes ? pageAlign : sectionAlign; }

// The signature section: a stream of
//   string  u32 length, bytes (no zero byte)
//   dim     i64 size (-1: dynamic), i64 lo, i64 hi, string symbol
//   value   string name, u32 type, u32 rank, dim[rank]
//   section string model, u32 inputs, u32 outputs, value[inputs + outputs], u32 names, string[names] (ONNX nodes)

} // namespace ds::format
