// Maps and checks a package; see Format.h for what is where. Every size is compared with what is left of the file
// before it is used; the hash is checked before anything but the header is believed.
#include "runtime/core/Package.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Sha256.h"
#include "runtime/core/SignatureReader.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ds;
using namespace ds::format;

static ds_result damaged(const char *what) { return fail(DS_ERR_FORMAT, "the package is damaged: %s", what); }

static bool allZero(const uint8_t *at, uint64_t size) {
  for (uint64_t i = 0; i < size; ++i)
    if (at[i])
      return false;
  return true;
}

Package::~Package() {
  if (mapped)
    munmap(const_cast<uint8_t *>(base), bytes);
}

ds_result Package::open(const char *path) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(DS_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
  struct stat info;
  if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
    close(fd);
    return fail(DS_ERR_IO, "'%s' is not a regular file", path);
  }
  if (uint64_t(info.st_size) < sizeof(Header)) {
    close(fd);
    return fail(DS_ERR_FORMAT, "'%s' is not a ds package", path);
  }
  void *map = mmap(nullptr, size_t(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  int error = errno;
  close(fd);
  if (map == MAP_FAILED)
    return fail(DS_ERR_IO, "cannot map '%s': %s", path, strerror(error));
  base = static_cast<const uint8_t *>(map), bytes = uint64_t(info.st_size), mapped = true;
  return check();
}

ds_result Package::openMemory(const void *data, uint64_t size) {
  if (!data || reinterpret_cast<uintptr_t>(data) % sectionAlign)
    return fail(DS_ERR_ARGUMENT, "a package in memory must be aligned to %d bytes", int(sectionAlign));
  if (size < sizeof(Header))
    return fail(DS_ERR_FORMAT, "not a ds package: %llu bytes", (unsigned long long)size);
  base = static_cast<const uint8_t *>(data), bytes = size;
  return check();
}

ds_result Package::checkHeader() const {
  const Header &h = header();
  if (memcmp(h.magic, magic, sizeof(magic)))
    return fail(DS_ERR_FORMAT, "not a ds package");
  if (h.formatVersion != formatVersion || h.abi != DS_MODEL_ABI)
    return fail(
        DS_ERR_VERSION,
        "the package has format %u and ABI %u, this runtime reads format %u and ABI %u: compile the model again",
        h.formatVersion, h.abi, formatVersion, DS_MODEL_ABI);
  if (h.fileBytes != bytes)
    return fail(DS_ERR_FORMAT, "the package is damaged: it has %llu bytes, its header says %llu",
                (unsigned long long)bytes, (unsigned long long)h.fileBytes);
  if (!allZero(h.pad, sizeof(h.pad)) || h.reserved[0] || h.reserved[1])
    return damaged("reserved bytes of the header");
  if (bytes > maxFileBytes || h.headBytes > bytes || h.headBytes % pageAlign || h.headBytes < sizeof(Header))
    return damaged("size of the head");
  if (h.signatureBytes > maxSignatureBytes || h.imageCount > maxImages ||
      h.weightCount > maxSignatureBytes / sizeof(WeightEntry))
    return damaged("size of a table");
  return DS_SUCCESS;
}

static ds_result checkHeadHash(const uint8_t *base, const Header &h) {
  Header blank = h;
  memset(blank.hash, 0, sizeof(blank.hash));
  Sha256 sha;
  sha.update(&blank, sizeof(blank));
  sha.update(base + sizeof(Header), h.headBytes - sizeof(Header));
  uint8_t digest[Sha256::digestBytes];
  sha.finish(digest);
  return memcmp(digest, h.hash, sizeof(digest)) ? damaged("its checksum does not match") : DS_SUCCESS;
}

ds_result Package::check() {
  if (ds_result r = checkHeader())
    return r;
  const Header &h = header();
  if (ds_result r = checkHeadHash(base, h))
    return r;
  uint64_t tables = alignTo(sizeof(Header) + h.signatureBytes, sectionAlign);
  uint64_t weightsAt = alignTo(tables + h.imageCount * sizeof(ImageEntry), sectionAlign);
  uint64_t position = alignTo(weightsAt + h.weightCount * sizeof(WeightEntry), sectionAlign);
  if (position > h.headBytes)
    return damaged("tables beyond the head");
  uint64_t ends[] = {sizeof(Header) + h.signatureBytes, tables + h.imageCount * sizeof(ImageEntry),
                     weightsAt + h.weightCount * sizeof(WeightEntry)};
  for (uint64_t end : ends)
    if (!allZero(base + end, alignTo(end, sectionAlign) - end))
      return damaged("bytes between sections");
  images = reinterpret_cast<const ImageEntry *>(base + tables);
  weightTable = reinterpret_cast<const WeightEntry *>(base + weightsAt);
  if (ds_result r = readSignature(base + sizeof(Header), h.signatureBytes))
    return r;
  if (ds_result r = readImages(position))
    return r;
  if (alignTo(position, pageAlign) != h.headBytes || !allZero(base + position, h.headBytes - position))
    return damaged("unused bytes in the head");
  return readWeights();
}

ds_result Package::readSignature(const uint8_t *at, uint64_t size) {
  SignatureReader reader(at, size);
  switch (reader.read(*this)) {
  case SignatureReader::Ok:
    return DS_SUCCESS;
  case SignatureReader::NoMemory:
    return fail(DS_ERR_MEMORY, "no memory for the signature");
  case SignatureReader::Bad:
    break;
  }
  return damaged(reader.what);
}

ds_result Package::readImages(uint64_t &position) {
  const Header &h = header();
  imageCount = h.imageCount;
  for (uint32_t i = 0; i < imageCount; ++i) {
    const ImageEntry &image = images[i];
    if (!memchr(image.isa, 0, sizeof(image.isa)))
      return damaged("name of an instruction set");
    if (image.bytes > maxImageBytes || image.bytes > h.headBytes - position)
      return damaged("size of a code image");
    if (!imageData.push(base + position))
      return fail(DS_ERR_MEMORY, "no memory for the image table");
    uint64_t end = position + image.bytes;
    position = alignTo(end, sectionAlign);
    if (position > h.headBytes || !allZero(base + end, position - end))
      return damaged("bytes between code images");
  }
  return DS_SUCCESS;
}

// A table in which every new weight follows the last one can neither overlap nor hide bytes. An equal entry repeats
// an earlier one; those are in order of their offsets, so a binary search finds it.
ds_result Package::readWeights() {
  const Header &h = header();
  Array<uint32_t> stored;
  if (!weights.resize(h.weightCount) || !stored.resize(h.weightCount))
    return fail(DS_ERR_MEMORY, "no memory for the weight table");
  uint32_t storedCount = 0;
  uint64_t end = h.headBytes;
  for (uint32_t i = 0; i < h.weightCount; ++i) {
    const WeightEntry &w = weightTable[i];
    uint64_t next = alignTo(end, weightAlign(w.bytes));
    weights[i] = base; // of an empty weight nothing is read, but it is not null
    if (w.offset == next && w.bytes && next <= bytes && w.bytes <= bytes - next) {
      stored[storedCount++] = i;
      weights[i] = base + w.offset;
      end = next + w.bytes, weightBytes += w.bytes;
      continue;
    }
    if (!w.bytes && w.offset == h.headBytes)
      continue;
    uint32_t low = 0, high = storedCount;
    while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      if (weightTable[stored[middle]].offset < w.offset)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == storedCount || memcmp(&weightTable[stored[low]], &w, sizeof(w)))
      return damaged("position of a weight");
    weights[i] = base + w.offset;
  }
  return end == bytes ? DS_SUCCESS : damaged("bytes after the last weight");
}

ds_result Package::verify() const {
  const Header &h = header();
  uint64_t end = h.headBytes;
  for (uint32_t i = 0; i < h.weightCount; ++i) {
    const WeightEntry &w = weightTable[i];
    if (w.offset < end || !w.bytes)
      continue;
    if (!allZero(base + end, w.offset - end))
      return damaged("bytes between weights");
    Sha256 sha;
    sha.update(base + w.offset, w.bytes);
    uint8_t digest[Sha256::digestBytes];
    sha.finish(digest);
    if (memcmp(digest, w.hash, sizeof(digest)))
      return fail(DS_ERR_FORMAT, "the package is damaged: weight %u does not match its checksum", i);
    end = w.offset + w.bytes;
  }
  return DS_SUCCESS;
}
