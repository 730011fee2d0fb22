// NumPy's .npy, version 1.0 (numpy.lib.format): magic, header length, a Python dict padded so that
// the data begin at a multiple of 64 bytes, then the numbers.
#include <bit>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "data/image_io.h"

namespace fedcamae {

static_assert(std::endian::native == std::endian::little);

void write_npy(const std::string& path, std::span<const float> values,
               const std::vector<int64_t>& shape) {
  int64_t size = 1;
  std::string dims;
  for (const int64_t d : shape) {
    size *= d;
    dims += (dims.empty() ? "" : ", ") + std::to_string(d);
  }
  if (shape.size() == 1) dims += ',';
  check(size == static_cast<int64_t>(values.size()), "[npy] shape ({}) for {} numbers", dims,
        values.size());
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + dims + "), }";
  constexpr size_t kPrefix = 10, kAlign = 64;
  const size_t total = (kPrefix + header.size() + 1 + kAlign - 1) / kAlign * kAlign;
  header.resize(total - kPrefix - 1, ' ');
  header += '\n';
  std::string prefix("\x93NUMPY\x01\x00", 8);
  prefix += static_cast<char>(header.size() & 0xff);
  prefix += static_cast<char>(header.size() >> 8);
  std::ofstream out(path, std::ios::binary);
  out << prefix << header;
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size_bytes()));
  out.close();
  if (!out) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    fail(ErrorKind::kData, "[npy] {}: cannot be written; check the folder and the free space",
         path);
  }
}

}  // namespace fedcamae
