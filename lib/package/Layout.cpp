// See Layout.h.
#include "lib/package/Layout.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Sha256.h"
#include "runtime/core/Support.h"
#include <algorithm>
#include <cstring>

using namespace mlir::ds;
using namespace ds::format;

namespace {

void put(std::string &out, const void *value, size_t bytes) { out.append(static_cast<const char *>(value), bytes); }
void put32(std::string &out, uint64_t value) {
  uint32_t word = uint32_t(value);
  put(out, &word, sizeof(word));
}
void put64(std::string &out, int64_t value) { put(out, &value, sizeof(value)); }
void putString(std::string &out, const std::string &text) {
  put32(out, text.size());
  out.append(text.c_str(), text.size() + 1);
}

void putValue(std::string &out, const PackageValue &value) {
  putString(out, value.name);
  put32(out, value.type);
  put32(out, value.dims.size());
  for (const PackageDim &dim : value.dims) {
    put64(out, dim.size);
    put64(out, dim.size < 0 ? dim.lo : dim.size);
    put64(out, dim.size < 0 ? dim.hi : dim.size);
    putString(out, dim.symbol);
  }
}

bool checkValue(const PackageValue &value, std::string &error) {
  auto bad = [&](const std::string &what) {
    error = "'" + value.name + "': " + what;
    return false;
  };
  if (value.name.find('\0') != std::string::npos)
    return bad("a name must not contain a zero byte");
  if (!ds_type_bytes(value.type))
    return bad("element type " + std::to_string(value.type) + " cannot be an input or output");
  if (value.dims.size() > maxRank)
    return bad("more than " + std::to_string(maxRank) + " dimensions");
  for (const PackageDim &dim : value.dims)
    if (dim.size < -1 || (dim.size == -1 && (dim.lo < 0 || dim.hi < dim.lo)) ||
        dim.symbol.find('\0') != std::string::npos)
      return bad("a dimension of negative size or with an empty range");
  return true;
}

std::vector<const PackageImage *> byStrength(const PackageContents &contents) {
  std::vector<const PackageImage *> images;
  for (const PackageImage &image : contents.images)
    images.push_back(&image);
  std::sort(images.begin(), images.end(), [](const PackageImage *a, const PackageImage *b) {
    return ::ds::isaRank(a->isa.c_str()) < ::ds::isaRank(b->isa.c_str());
  });
  return images;
}

} // namespace

bool mlir::ds::checkContents(const PackageContents &contents, std::string &error) {
  for (const auto *values : {&contents.signature.inputs, &contents.signature.outputs})
    for (const PackageValue &value : *values)
      if (!checkValue(value, error))
        return false;
  if (contents.images.size() > maxImages) {
    error = "more than " + std::to_string(maxImages) + " code images";
    return false;
  }
  for (const PackageImage &image : contents.images)
    if (::ds::isaRank(image.isa.c_str()) < 0 || image.bytes > maxImageBytes) {
      error = "code image '" + image.isa + "': unknown instruction set, or more than 1 GiB of code";
      return false;
    }
  if (contents.weights.size() > maxSignatureBytes / sizeof(WeightEntry)) {
    error = std::to_string(contents.weights.size()) + " weights are more than a package can hold";
    return false;
  }
  return true;
}

std::string mlir::ds::serializeSignature(const PackageContents &contents) {
  std::string out;
  // A zero byte would end a string early for the reader; names of ONNX nodes come from the model.
  auto clean = [](std::string text) {
    std::replace(text.begin(), text.end(), '\0', '?');
    return text;
  };
  putString(out, clean(contents.signature.model));
  put32(out, contents.signature.inputs.size());
  put32(out, contents.signature.outputs.size());
  for (const auto *values : {&contents.signature.inputs, &contents.signature.outputs})
    for (const PackageValue &value : *values)
      putValue(out, value);
  put32(out, contents.nodeNames.size());
  for (const std::string &name : contents.nodeNames)
    putString(out, clean(name));
  return out;
}

uint64_t mlir::ds::headBytes(const PackageContents &contents, uint64_t signatureBytes) {
  uint64_t at = alignTo(sizeof(Header) + signatureBytes, sectionAlign);
  at = alignTo(at + contents.images.size() * sizeof(ImageEntry), sectionAlign);
  at = alignTo(at + contents.weights.size() * sizeof(WeightEntry), sectionAlign);
  for (const PackageImage &image : contents.images)
    at = alignTo(at + image.bytes, sectionAlign);
  return alignTo(at, pageAlign);
}

void mlir::ds::writeHead(char *base, const PackageContents &contents, const std::string &signature,
                         const std::vector<WeightEntry> &weights, uint64_t fileBytes) {
  Header header = {};
  std::memcpy(header.magic, magic, sizeof(magic));
  header.formatVersion = formatVersion, header.abi = DS_MODEL_ABI;
  header.fileBytes = fileBytes, header.headBytes = headBytes(contents, signature.size());
  header.signatureBytes = signature.size();
  header.imageCount = uint32_t(contents.images.size()), header.weightCount = uint32_t(weights.size());

  uint64_t at = sizeof(Header);
  auto append = [&](const void *data, uint64_t bytes) {
    if (bytes)
      std::memcpy(base + at, data, bytes);
    at += bytes;
  };
  auto align = [&] { at = alignTo(at, sectionAlign); };
  append(signature.data(), signature.size());
  align();
  std::vector<const PackageImage *> images = byStrength(contents);
  for (const PackageImage *image : images) {
    ImageEntry entry = {};
    std::memcpy(entry.isa, image->isa.data(), image->isa.size());
    entry.bytes = image->bytes;
    append(&entry, sizeof(entry));
  }
  align();
  append(weights.data(), weights.size() * sizeof(WeightEntry));
  align();
  for (const PackageImage *image : images) {
    append(image->elf, image->bytes);
    align();
  }

  std::memcpy(base, &header, sizeof(header));
  ::ds::Sha256 sha;
  sha.update(base, header.headBytes);
  sha.finish(header.hash);
  std::memcpy(base, &header, sizeof(header));
}
