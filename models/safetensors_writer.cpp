#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/safetensors.h"

namespace fedcamae {
namespace {

template <class T>
std::vector<std::byte> to_bytes(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

void SafeTensorsWriter::metadata(const std::string& key, const std::string& value) {
  metadata_.emplace_back(key, value);
}
void SafeTensorsWriter::add(const std::string& name, const std::vector<int64_t>& shape,
                            std::span<const float> values) {
  items_.push_back({name, "F32", shape, to_bytes(values)});
}
void SafeTensorsWriter::add(const std::string& name, const std::vector<int64_t>& shape,
                            std::span<const int64_t> values) {
  items_.push_back({name, "I64", shape, to_bytes(values)});
}

void SafeTensorsWriter::write(const std::string& path) const {
  namespace fs = std::filesystem;
  nlohmann::ordered_json header;
  for (const auto& [key, value] : metadata_) header["__metadata__"][key] = value;
  size_t end = 0;
  for (const Item& item : items_) {
    const size_t begin = end;
    end += item.bytes.size();
    header[item.name] = {
        {"dtype", item.dtype}, {"shape", item.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // readers that map the file want it aligned

  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  std::error_code error;
  {
    std::ofstream out(temporary, std::ios::binary);
    const uint64_t length = text.size();
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const Item& item : items_)
      out.write(reinterpret_cast<const char*>(item.bytes.data()),
                static_cast<std::streamsize>(item.bytes.size()));
    out.close();
    if (!out) {
      fs::remove(temporary, error);
      fail(ErrorKind::kData, "{}: cannot be written; check the folder and the free space", path);
    }
  }
  fs::rename(temporary, path, error);
  if (error) {
    const std::string reason = error.message();
    fs::remove(temporary, error);
    fail(ErrorKind::kData, "{}: cannot be written: {}", path, reason);
  }
}

}  // namespace fedcamae
