// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky, 2009).
#include "core/error.h"
#include "data/readers.h"

namespace fedcamae {

void append_cifar_records(const std::filesystem::path& path, int label_bytes, int classes,
                          ImageSet& set, Hasher& hasher) {
  constexpr int64_t kPlane = 32 * 32;
  const int64_t record = label_bytes + 3 * kPlane;
  const Bytes bytes = read_file(path);
  hasher.add(bytes);
  const int64_t size = static_cast<int64_t>(bytes.size());
  if (size % record != 0)
    fail(ErrorKind::kData,
         "[data] {}: {} bytes are not a whole number of {}-byte records (record {} is cut); fetch "
         "the file again",
         path.string(), size, record, size / record);
  const int64_t count = size / record, before = set.count();
  set.labels.reserve(static_cast<size_t>(before + count));
  set.pixels.resize(static_cast<size_t>((before + count) * 3 * kPlane));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* from = bytes.data() + i * record;
    const int label = from[label_bytes - 1];
    if (label >= classes)
      fail(ErrorKind::kData,
           "[data] {}: label {} of record {} (byte {}) is not below {}; is it the binary version?",
           path.string(), label, i, i * record + label_bytes - 1, classes);
    set.labels.push_back(label);
    from += label_bytes;
    uint8_t* to = set.pixels.data() + (before + i) * 3 * kPlane;
    for (int64_t p = 0; p < kPlane; ++p)
      for (int64_t c = 0; c < 3; ++c) to[3 * p + c] = from[c * kPlane + p];
  }
}

}  // namespace fedcamae
