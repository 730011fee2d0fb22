// The safetensors container: 8-byte little-endian header length, JSON header, raw data. A file is
// refused, in one line that names file, tensor and rule, where its header is not exactly what the
// format says: what it holds may come from a stranger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fedcamae {

struct SafeTensor {
  std::string dtype;  // "F32" and "I64" are read here; others are listed but hold no numbers
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian, row-major, of the dtype's size exactly
};

// A text of a file as one line of an error may show it: no control characters, not too long.
std::string printable(const std::string& text);

class SafeTensors {
 public:
  // Throws Error{kData}.
  static SafeTensors read(const std::string& path);

  const std::string& path() const { return path_; }
  const std::map<std::string, SafeTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // The numbers of one tensor; throws Error{kData} where it is absent or has another dtype.
  std::vector<float> floats(const std::string& name) const;
  std::vector<int64_t> integers(const std::string& name) const;

 private:
  void parse(const std::string& header, size_t data_begin);
  const SafeTensor& find(const std::string& name, const std::string& dtype) const;

  std::string path_;
  std::shared_ptr<const std::vector<std::byte>> file_;  // shared by copies: `bytes` point into it
  std::map<std::string, SafeTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Collects tensors and writes them in the order of `add`, atomically: to a temporary file next to
// `path`, which is then renamed.
class SafeTensorsWriter {
 public:
  void metadata(const std::string& key, const std::string& value);
  void add(const std::string& name, const std::vector<int64_t>& shape,
           std::span<const float> values);
  void add(const std::string& name, const std::vector<int64_t>& shape,
           std::span<const int64_t> values);
  void write(const std::string& path) const;  // throws Error{kData}

 private:
  struct Item {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  std::vector<Item> items_;
  std::vector<std::pair<std::string, std::string>> metadata_;
};

}  // namespace fedcamae
