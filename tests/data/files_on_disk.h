// Small image sets written to a folder of their own, which goes away with the object.
#pragma once

#include <doctest/doctest.h>
#include <matio.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"

namespace fedcamae::testing {

using Bytes = std::vector<uint8_t>;

class TempFolder {
 public:
  TempFolder() {
    static std::atomic<int> next{0};
    path_ = std::filesystem::temp_directory_path() /
            ("fedcamae_data_" + std::to_string(getpid()) + "_" + std::to_string(next++));
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string str() const { return path_.string(); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  void write(const std::string& name, const Bytes& bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream out(path_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    REQUIRE(out.good());
  }
  Bytes read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
  }

 private:
  std::filesystem::path path_;
};

// One line of the right kind that names `part` (a file or a place).
inline void check_error(ErrorKind kind, const std::string& part,
                        const std::function<void()>& call) {
  INFO("expected: " << part);
  try {
    call();
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(error.kind() == kind, text);
    CHECK_MESSAGE(text.find(part) != std::string::npos, text);
    CHECK_MESSAGE(text.find('\n') == std::string::npos, text);
  }
}

inline Bytes gzip(const Bytes& bytes) {
  z_stream s{};
  REQUIRE(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(deflateBound(&s, bytes.size()) + 32);
  s.next_in = const_cast<Bytef*>(bytes.data());
  s.avail_in = static_cast<uInt>(bytes.size());
  s.next_out = out.data();
  s.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&s, Z_FINISH) == Z_STREAM_END);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

inline void push_big_endian(Bytes& bytes, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(v >> shift));
}
// Pixel p of image i is 7 i + p, modulo 256.
inline Bytes idx_images(uint32_t count, uint32_t side = 28) {
  Bytes bytes;
  for (const uint32_t v : {0x803u, count, side, side}) push_big_endian(bytes, v);
  for (uint32_t i = 0; i < count; ++i)
    for (uint32_t p = 0; p < side * side; ++p) bytes.push_back(static_cast<uint8_t>(7 * i + p));
  return bytes;
}
inline Bytes idx_labels(const Bytes& labels) {
  Bytes bytes;
  push_big_endian(bytes, 0x801);
  push_big_endian(bytes, static_cast<uint32_t>(labels.size()));
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

// Records of `prefix` label bytes each; pixel byte b of record i is 11 i + b / 8, modulo 256.
inline Bytes cifar(const std::vector<Bytes>& labels) {
  Bytes bytes;
  for (size_t i = 0; i < labels.size(); ++i) {
    bytes.insert(bytes.end(), labels[i].begin(), labels[i].end());
    for (size_t b = 0; b < 3072; ++b) bytes.push_back(static_cast<uint8_t>(11 * i + b / 8));
  }
  return bytes;
}

struct MatSpec {
  std::vector<size_t> x_dims{32, 32, 3, 2};
  matio_classes x_class = MAT_C_UINT8;
  bool with_x = true, with_y = true, compressed = true;
  std::vector<double> labels{10, 3};
  matio_classes y_class = MAT_C_UINT8;
};
// Byte k of X (column-major) is k / 5 modulo 251.
inline void write_mat(const std::string& path, const MatSpec& spec) {
  mat_t* mat = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  REQUIRE(mat != nullptr);
  const auto put = [&](const char* name, matio_classes c, matio_types type,
                       std::vector<size_t> dims, void* data) {
    matvar_t* v = Mat_VarCreate(name, c, type, static_cast<int>(dims.size()), dims.data(), data, 0);
    REQUIRE(Mat_VarWrite(mat, v, spec.compressed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE) ==
            0);
    Mat_VarFree(v);
  };
  size_t size = 1;
  for (const size_t d : spec.x_dims) size *= d;
  Bytes x(size);
  for (size_t k = 0; k < size; ++k) x[k] = static_cast<uint8_t>(k / 5 % 251);
  std::vector<double> wide(x.begin(), x.end());
  if (spec.with_x && spec.x_class == MAT_C_UINT8)
    put("X", MAT_C_UINT8, MAT_T_UINT8, spec.x_dims, x.data());
  else if (spec.with_x)
    put("X", MAT_C_DOUBLE, MAT_T_DOUBLE, spec.x_dims, wide.data());
  std::vector<double> y = spec.labels;
  Bytes small(y.begin(), y.end());
  if (spec.with_y && spec.y_class == MAT_C_UINT8)
    put("y", MAT_C_UINT8, MAT_T_UINT8, {y.size(), 1}, small.data());
  else if (spec.with_y)
    put("y", MAT_C_DOUBLE, MAT_T_DOUBLE, {y.size(), 1}, y.data());
  Mat_Close(mat);
}

}  // namespace fedcamae::testing
