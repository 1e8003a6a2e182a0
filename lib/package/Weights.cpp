// See Weights.h. Slots are written where they stay, through the mapped output: what is in memory are pages of files,
// which the kernel may drop, and the weight program's own intermediate buffers.
#include "lib/package/Weights.h"
#include "lib/package/Files.h"
#include "runtime/core/Image.h"
#include "runtime/core/Runner.h"
#include "runtime/core/Sha256.h"
#include <cstring>
#include <map>
#include <memory>
#include <tuple>

using namespace mlir::ds;
using namespace ds::format;

WeightSection::WeightSection(const PackageContents &contents, uint64_t begin) : contents(contents), begin(begin) {}

bool WeightSection::layOut(uint64_t &end, std::string &error) {
  std::map<std::tuple<std::string, uint64_t, uint64_t>, uint32_t> seen;
  end = begin;
  for (uint32_t i = 0; i < contents.weights.size(); ++i) {
    const WeightSlot &slot = contents.weights[i];
    if (slot.raw && slot.source.bytes != slot.bytes) {
      error = "weight " + std::to_string(i) + ": its source has another size";
      return false;
    }
    WeightEntry entry = {};
    entry.bytes = slot.bytes;
    sameAs.push_back(i);
    if (slot.raw)
      sameAs[i] = seen.insert({{slot.source.file, slot.source.offset, slot.bytes}, i}).first->second;
    if (!slot.bytes || slot.bytes > maxFileBytes || end > maxFileBytes) {
      entry.offset = begin;
    } else if (sameAs[i] != i) {
      entry.offset = entries[sameAs[i]].offset;
    } else {
      entry.offset = alignTo(end, weightAlign(slot.bytes));
      end = entry.offset + slot.bytes;
    }
    entries.push_back(entry);
    if (slot.bytes > maxFileBytes || end > maxFileBytes) {
      error = "the weights are larger than a package can hold";
      return false;
    }
  }
  return true;
}

static void hash(const char *data, WeightEntry &entry) {
  ::ds::Sha256 sha;
  sha.update(data, entry.bytes);
  sha.finish(entry.hash);
}

bool WeightSection::copyRaw(char *base, std::string &error) {
  InputFile file;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const WeightSlot &slot = contents.weights[i];
    if (!slot.raw || sameAs[i] != i)
      continue;
    if (file.path != slot.source.file && !file.open(slot.source.file, error))
      return false;
    if (!file.read(slot.source.offset, base + entries[i].offset, slot.bytes, error))
      return false;
  }
  return true;
}

// Outputs of the program go straight to their slots; an empty slot still needs an address.
bool WeightSection::compute(char *base, std::string &error) {
  std::vector<void *> outputs;
  for (uint32_t i = 0; i < entries.size(); ++i)
    if (!contents.weights[i].raw)
      outputs.push_back(base + entries[i].offset);
  if (outputs.empty())
    return true;
  std::map<std::string, std::unique_ptr<InputFile>> files;
  std::vector<const void *> raw;
  for (const FileRange &range : contents.program.raw) {
    std::unique_ptr<InputFile> &file = files[range.file];
    if (!file) {
      file = std::make_unique<InputFile>();
      if (!file->open(range.file, error) || !file->map(error))
        return false;
    }
    if (!file->contains(range.offset, range.bytes, error))
      return false;
    raw.push_back(file->data + range.offset);
  }
  ::ds::Image image;
  ::ds::Runner runner;
  const ::ds::Plan *plan = nullptr;
  auto failed = [&] {
    error = std::string("the weight program failed: ") + ds_last_error();
    return false;
  };
  if (image.load(contents.program.elf, contents.program.bytes))
    return failed();
  if (image.model->input_count || image.model->output_count != outputs.size() ||
      image.model->weight_count != raw.size()) {
    error = "the weight program does not match the package: " + std::to_string(image.model->output_count) +
            " results for " + std::to_string(outputs.size()) + " slots";
    return false;
  }
  std::vector<const char *> nodes;
  for (const std::string &name : contents.program.nodeNames)
    nodes.push_back(name.c_str());
  std::vector<int64_t> dims(image.model->output_dim_count);
  if (runner.start(image.model, contents.threads, nodes.data(), nodes.size()) || runner.plan(nullptr, plan) ||
      runner.run(*plan, nullptr, raw.data(), outputs.data(), dims.data()))
    return failed();
  return true;
}

// Equal slots are found by their hashes. Later weights then move towards the front, over what is stored twice.
void WeightSection::shareEqual(char *base, uint64_t &end) {
  std::map<std::pair<uint64_t, std::string>, uint32_t> seen;
  end = begin;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    WeightEntry &entry = entries[i];
    if (sameAs[i] == i) {
      hash(base + entry.offset, entry);
      std::string digest(reinterpret_cast<char *>(entry.hash), sizeof(entry.hash));
      sameAs[i] = seen.insert({{entry.bytes, digest}, i}).first->second;
    }
    if (sameAs[i] != i) {
      sameAs[i] = sameAs[sameAs[i]];
      entry = entries[sameAs[i]];
      shared += entry.bytes;
      continue;
    }
    if (!entry.bytes)
      continue;
    uint64_t to = alignTo(end, weightAlign(entry.bytes));
    if (to != entry.offset)
      std::memmove(base + to, base + entry.offset, entry.bytes);
    std::memset(base + end, 0, to - end);
    entry.offset = to;
    end = to + entry.bytes;
  }
}

bool WeightSection::fill(char *base, uint64_t &end, std::string &error) {
  if (!copyRaw(base, error) || !compute(base, error))
    return false;
  shareEqual(base, end);
  return true;
}
