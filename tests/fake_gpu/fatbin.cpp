#include "tests/fake_gpu/fatbin.h"

#include <zstd.h>

#include <cstring>

#include "tests/fake_gpu/device.h"

namespace fake_gpu {
namespace {

constexpr uint32_t kMagic = 0xBA55ED50;
constexpr uint16_t kPtx = 1;

// Where in the file's entry header the fields are that matter here; the format is not published.
constexpr size_t kHeaderSize = 4, kSize = 8, kCompressedSize = 16, kPlainSize = 56;

template <class T>
T field(const char* at, size_t offset) {
  T value;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

std::string unpack(const char* entry) {
  const char* data = entry + field<uint32_t>(entry, kHeaderSize);
  const auto compressed = field<uint32_t>(entry, kCompressedSize);
  std::string text(compressed ? field<uint64_t>(entry, kPlainSize) : field<uint64_t>(entry, kSize),
                   0);
  if (!compressed) {
    std::memcpy(text.data(), data, text.size());
  } else if (ZSTD_isError(ZSTD_decompress(text.data(), text.size(), data, compressed))) {
    throw Fault("cannot unpack the PTX; compile with --compress-mode=none");
  }
  return text.c_str();  // up to the terminating zero
}

}  // namespace

std::string embedded_ptx(const void* wrapper) {
  // {magic, version, pointer to the data, ...}
  const char* data = field<const char*>(static_cast<const char*>(wrapper), 8);
  if (field<uint32_t>(data, 0) != kMagic) throw Fault("not a fat binary as nvcc 13 writes it");
  const char* entry = data + field<uint16_t>(data, 6);
  const char* end = entry + field<uint64_t>(data, 8);
  while (entry < end) {
    if (field<uint16_t>(entry, 0) == kPtx) return unpack(entry);
    entry += field<uint32_t>(entry, kHeaderSize) + field<uint64_t>(entry, kSize);
  }
  throw Fault("no PTX is embedded; compile with -gencode arch=compute_75,code=compute_75");
}

}  // namespace fake_gpu
