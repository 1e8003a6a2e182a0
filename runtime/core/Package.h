// A package in memory, checked: the first thing that happens to a file that nobody trusts yet.
#pragma once
#include "runtime/core/Format.h"
#include "runtime/core/Support.h"

namespace ds {

struct Package {
  const uint8_t *base = nullptr;
  uint64_t bytes = 0;
  bool mapped = false;
  const char *model = "";
  Array<ds_dim_info> dims;
  Array<ds_value_info> values; // inputs, then outputs
  uint32_t inputCount = 0, outputCount = 0;
  Array<const char *> nodes;
  const format::ImageEntry *images = nullptr;
  Array<const uint8_t *> imageData;
  uint32_t imageCount = 0;
  const format::WeightEntry *weightTable = nullptr;
  Array<const void *> weights;
  uint64_t weightBytes = 0; // each stored weight once

  Package() = default;
  ~Package();

  /// Maps the file read-only and checks it.
  ds_result open(const char *path);
  /// Checks a package in memory, which stays the caller's.
  ds_result openMemory(const void *data, uint64_t size);
  /// Compares all weights with their hashes, and the space between them with zeros.
  ds_result verify() const;

  const ds_value_info *inputs() const { return values.data(); }
  const ds_value_info *outputs() const { return values.data() + inputCount; }

private:
  ds_result check();
  ds_result checkHeader() const;
  ds_result readSignature(const uint8_t *at, uint64_t size);
  ds_result readImages(uint64_t &position);
  ds_result readWeights();
  const format::Header &header() const { return *reinterpret_cast<const format::Header *>(base); }
};

} // namespace ds
