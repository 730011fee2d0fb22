#include "models/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"

namespace fedcamae {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
// A ResNet-50's header has 40 kB. The parser takes some ten times the text's size in memory.
constexpr uint64_t kMaxHeader = uint64_t{16} << 20;
constexpr int kMaxDepth = 3;  // header, entry, list: deeper is not this format

size_t dtype_bytes(const std::string& dtype) {
  static const std::map<std::string, size_t> kBytes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const auto found = kBytes.find(dtype);
  return found == kBytes.end() ? 0 : found->second;
}

std::vector<std::byte> read_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    fail(ErrorKind::kData, "{}: no such file; check the path", path);
  if (!std::filesystem::is_regular_file(path, error))
    fail(ErrorKind::kData, "{}: not a file; give a .safetensors file", path);
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<std::byte> bytes;
  if (in) {
    bytes.resize(static_cast<size_t>(in.tellg()));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  if (!in) fail(ErrorKind::kData, "{}: cannot be read; check its permissions", path);
  return bytes;
}

// nlohmann::json keeps the last of several equal keys; here they are an error.
json parse_json(const std::string& path, const std::string& text) {
  std::vector<std::set<std::string>> open;  // keys of the objects that are being read
  std::string twice;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth)
      fail(ErrorKind::kData, "{}: the header is nested deeper than the format's", path);
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  json header;
  try {
    header = json::parse(text, watch);
  } catch (const json::exception&) {
    fail(ErrorKind::kData, "{}: the header is not valid JSON; is it a safetensors file?", path);
  }
  if (!twice.empty())
    fail(ErrorKind::kData, "{}: the header has '{}' twice", path, printable(twice));
  if (!header.is_object()) fail(ErrorKind::kData, "{}: the header is not a JSON object", path);
  return header;
}

bool is_count(const json& value) {
  return value.is_number_unsigned() &&
         value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

// Bytes of a tensor of this shape, or -1 where the product overflows.
int64_t checked_size(const std::vector<int64_t>& shape, size_t item) {
  auto size = static_cast<int64_t>(item);
  for (const int64_t d : shape)
    if (__builtin_mul_overflow(size, d, &size)) return -1;
  return size;
}

struct Range {
  int64_t begin, end;
  std::string name;
};

// One entry of the header; `range` receives its bytes' place.
SafeTensor parse_entry(const std::string& path, const std::string& name, const json& entry,
                       Range& range) {
  const auto refuse = [&](const std::string& rule) {
    fail(ErrorKind::kData, "{}: tensor '{}': {}", path, printable(name), rule);
  };
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets"))
    refuse("must have dtype, shape and data_offsets, and nothing else");
  const json& shape = entry["shape"];
  const json& offsets = entry["data_offsets"];
  if (!entry["dtype"].is_string() || dtype_bytes(entry["dtype"]) == 0)
    refuse("dtype " + printable(entry["dtype"].dump()) + " is not one of the format");
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), is_count))
    refuse("shape must be a list of whole numbers from 0");
  if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) || !is_count(offsets[1]))
    refuse("data_offsets must be two whole numbers from 0");
  SafeTensor tensor{entry["dtype"], shape.get<std::vector<int64_t>>(), {}};
  range = {offsets[0], offsets[1], name};
  const int64_t size = checked_size(tensor.shape, dtype_bytes(tensor.dtype));
  if (size < 0) refuse("the product of its shape overflows");
  if (range.end < range.begin || range.end - range.begin != size)
    refuse(fmt::format("its shape needs {} bytes, data_offsets are [{}, {}]", size, range.begin,
                       range.end));
  return tensor;
}

// The ranges must fill the data, one after the other, without holes and overlaps.
void check_ranges(const std::string& path, std::vector<Range> ranges, int64_t data_size) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  int64_t end = 0;
  for (const Range& range : ranges) {
    if (range.begin != end)
      fail(ErrorKind::kData, "{}: tensor '{}': its data begins at {}, {} the data before it ends",
           path, printable(range.name), range.begin,
           range.begin < end ? "before" : "after a hole where");
    end = range.end;
  }
  if (end > data_size)
    fail(ErrorKind::kData, "{}: truncated, tensor '{}' ends at byte {} of the data, there are {}",
         path, printable(ranges.back().name), end, data_size);
  if (end < data_size)
    fail(ErrorKind::kData, "{}: {} bytes after the last tensor", path, data_size - end);
}

}  // namespace

std::string printable(const std::string& text) {
  constexpr size_t kLongest = 100;
  std::string shown = text.substr(0, kLongest);
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  return text.size() > kLongest ? shown + "..." : shown;
}

SafeTensors SafeTensors::read(const std::string& path) {
  SafeTensors out;
  out.path_ = path;
  out.file_ = std::make_shared<const std::vector<std::byte>>(read_file(path));
  const std::vector<std::byte>& file = *out.file_;
  if (file.size() < kLengthBytes)
    fail(ErrorKind::kData, "{}: truncated, {} bytes cannot hold a safetensors header", path,
         file.size());
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeader)
    fail(ErrorKind::kData, "{}: header length {} is above {}; is it a safetensors file?", path,
         length, kMaxHeader);
  if (length > file.size() - kLengthBytes)
    fail(ErrorKind::kData, "{}: truncated, the header has {} bytes, {} are there", path, length,
         file.size() - kLengthBytes);
  const auto* begin = reinterpret_cast<const char*>(file.data()) + kLengthBytes;
  out.parse(std::string(begin, length), kLengthBytes + length);
  return out;
}

void SafeTensors::parse(const std::string& text, size_t data_begin) {
  if (text.empty() || text.front() != '{')
    fail(ErrorKind::kData, "{}: the header does not begin with '{{'; is it a safetensors file?",
         path_);
  const json header = parse_json(path_, text);
  std::vector<Range> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object() || !std::all_of(entry.begin(), entry.end(),
                                             [](const json& value) { return value.is_string(); }))
        fail(ErrorKind::kData, "{}: __metadata__ must map text to text", path_);
      metadata_ = entry.get<std::map<std::string, std::string>>();
      continue;
    }
    ranges.emplace_back();
    tensors_[name] = parse_entry(path_, name, entry, ranges.back());
  }
  check_ranges(path_, ranges, static_cast<int64_t>(file_->size() - data_begin));
  for (const Range& range : ranges)
    tensors_[range.name].bytes = {file_->data() + data_begin + range.begin,
                                  file_->data() + data_begin + range.end};
}

const SafeTensor& SafeTensors::find(const std::string& name, const std::string& dtype) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(ErrorKind::kData, "{}: tensor '{}' is missing", path_, name);
  if (found->second.dtype != dtype)
    fail(ErrorKind::kData, "{}: tensor '{}' is {}, expected {}; convert it first", path_, name,
         found->second.dtype, dtype);
  return found->second;
}

namespace {

template <class T>
std::vector<T> numbers_of(const SafeTensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty())  // an empty vector has no address
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace

std::vector<float> SafeTensors::floats(const std::string& name) const {
  return numbers_of<float>(find(name, "F32"));
}
std::vector<int64_t> SafeTensors::integers(const std::string& name) const {
  return numbers_of<int64_t>(find(name, "I64"));
}

}  // namespace fedcamae
