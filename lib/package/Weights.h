// Fills the weights section: copies raw slots, runs the weight program for the others, stores equal ones once.
#pragma once
#include "lib/package/PackageWriter.h"
#include "runtime/core/Format.h"

namespace mlir::ds {

class WeightSection {
public:
  WeightSection(const PackageContents &contents, uint64_t begin);

  /// Where the section would end if no two computed slots were equal: the size that fill() needs. False if the sum
  /// is more than a package can hold.
  bool layOut(uint64_t &end, std::string &error);

  /// Writes all slots into the mapped file at `base` and sets entries. The section then ends at `end`.
  bool fill(char *base, uint64_t &end, std::string &error);

  const std::vector<::ds::format::WeightEntry> &table() const { return entries; }
  uint64_t sharedBytes() const { return shared; }

private:
  bool copyRaw(char *base, std::string &error);
  bool compute(char *base, std::string &error);
  void shareEqual(char *base, uint64_t &end);

  const PackageContents &contents;
  uint64_t begin, shared = 0;
  std::vector<::ds::format::WeightEntry> entries;
  std::vector<uint32_t> sameAs; // per slot: the earlier slot that it repeats, or itself
};

} // namespace mlir::ds
