#include "models/weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/ops.h"
#include "models/layout.h"
#include "models/safetensors.h"

namespace fedcamae {
namespace {

const std::string kHead = "fc.";

std::string triple_text(const std::array<float, 3>& v) {
  return fmt::format("{},{},{}", v[0], v[1], v[2]);  // the shortest text that reads back the same
}

// A whole text as numbers separated by commas; fewer or more than `count` is an error.
template <class T>
std::vector<T> parse_numbers(const SafeTensors& file, const std::string& key, size_t count) {
  const std::string& text = file.metadata().at(key);
  std::vector<T> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = true;
  while (good && numbers.size() < count) {
    T value{};
    const auto [stop, error] = std::from_chars(at, end, value);
    const bool last = numbers.size() + 1 == count;
    good = error == std::errc() && (last ? stop == end : stop != end && *stop == ',');
    if (good && !last) at = stop + 1;
    numbers.push_back(value);
  }
  if (!good)
    fail(ErrorKind::kData, "{}: __metadata__ '{}' is '{}', expected {} numbers", file.path(), key,
         printable(text), count);
  return numbers;
}

std::optional<std::array<float, 3>> read_triple(const SafeTensors& file, const std::string& key) {
  if (file.metadata().count(key) == 0) return std::nullopt;
  const std::vector<float> v = parse_numbers<float>(file, key, 3);
  for (const float x : v)
    if (!std::isfinite(x) || (key == "std" && x <= 0))
      fail(ErrorKind::kData, "{}: __metadata__ '{}' is '{}', out of range", file.path(), key,
           printable(file.metadata().at(key)));
  return std::array<float, 3>{v[0], v[1], v[2]};
}

int64_t read_count(const SafeTensors& file, const std::string& key) {
  if (file.metadata().count(key) == 0) return 0;
  const int64_t count = parse_numbers<int64_t>(file, key, 1)[0];
  if (count < 0)
    fail(ErrorKind::kData, "{}: __metadata__ '{}' is '{}', out of range", file.path(), key, count);
  return count;
}

WeightInfo read_info(const SafeTensors& file, const Model& model) {
  WeightInfo info;
  const auto& metadata = file.metadata();
  if (const auto found = metadata.find("model"); found != metadata.end()) {
    info.model = found->second;
    if (info.model != model.spec().arch)
      fail(ErrorKind::kData, "{}: holds a {}, not a {}; give --model {}", file.path(),
           printable(info.model), model.spec().arch, printable(info.model));
  }
  info.classes = read_count(file, "classes");
  info.size = read_count(file, "size");
  info.mean = read_triple(file, "mean");
  info.std = read_triple(file, "std");
  return info;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Entries of the head that differ from the model's in the number of classes only.
bool is_other_head(const StateEntry& entry, const SafeTensor& tensor) {
  return entry.name.starts_with(kHead) && tensor.shape.size() == entry.torch_shape.size() &&
         std::equal(tensor.shape.begin() + 1, tensor.shape.end(), entry.torch_shape.begin() + 1);
}

void check_names(const SafeTensors& file, const Model& model) {
  std::vector<std::string> known;
  for (const StateEntry& entry : model.entries()) {
    known.push_back(entry.name);
    if (entry.kind != EntryKind::kCounter && file.tensors().count(entry.name) == 0)
      fail(ErrorKind::kData, "{}: tensor '{}' is missing; is it a {}?", file.path(), entry.name,
           model.spec().arch);
  }
  for (const auto& [name, tensor] : file.tensors())
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(ErrorKind::kData, "{}: tensor '{}' is not one of a {}", file.path(), printable(name),
           model.spec().arch);
}

// The rows of all tensors of the file's head are its classes.
void check_head(const SafeTensors& file, const Model& model, int64_t classes) {
  for (const StateEntry& entry : model.entries()) {
    if (!entry.name.starts_with(kHead)) continue;
    const std::vector<int64_t>& shape = file.tensors().at(entry.name).shape;
    if (shape.empty()) return;  // refused with its shape
    if (classes == 0) classes = shape[0];
    if (shape[0] != classes)
      fail(ErrorKind::kData, "{}: tensor '{}' has {} rows, the file is of {} classes", file.path(),
           entry.name, shape[0], classes);
  }
}

// Whether the entry is to be read; the model's own head stays where only its size differs.
bool check_shape(const SafeTensors& file, const StateEntry& entry, bool new_head) {
  const SafeTensor& tensor = file.tensors().at(entry.name);
  if (tensor.shape == entry.torch_shape) return true;
  const bool head = is_other_head(entry, tensor);
  if (head && new_head) return false;
  fail(ErrorKind::kData, "{}: tensor '{}' is {}, the model's {}{}", file.path(), entry.name,
       shape_text(tensor.shape), shape_text(entry.torch_shape),
       head ? "; give --classes as in the file, or --new-head for a fresh head" : "");
}

void read_entry(const SafeTensors& file, const StateEntry& entry, ModelState& state) {
  if (entry.kind == EntryKind::kCounter) {
    const int64_t count = file.integers(entry.name)[0];
    if (count < 0) fail(ErrorKind::kData, "{}: tensor '{}' is negative", file.path(), entry.name);
    state.counters[static_cast<size_t>(entry.offset)] = count;
    return;
  }
  const Tensor& flat = entry.kind == EntryKind::kParameter ? state.parameters : state.statistics;
  const std::vector<float> values = from_torch_order(entry, file.floats(entry.name));
  ops::copy_(Tensor::from(flat.context(), entry.shape, values),
             flat.window(entry.offset, entry.shape));
}

}  // namespace

void save_weights(const std::string& path, const Model& model, const WeightInfo& info) {
  SafeTensorsWriter writer;
  writer.metadata("format", "pt");
  writer.metadata("model", info.model);
  writer.metadata("classes", std::to_string(info.classes));
  writer.metadata("size", std::to_string(info.size));
  if (info.mean) writer.metadata("mean", triple_text(*info.mean));
  if (info.std) writer.metadata("std", triple_text(*info.std));
  const std::vector<float> parameters = model.parameters().to_host();
  const std::vector<float> statistics = model.statistics().to_host();
  for (const StateEntry& entry : model.entries()) {
    const auto offset = static_cast<size_t>(entry.offset);
    if (entry.kind == EntryKind::kCounter) {
      writer.add(entry.name, {}, std::span(&model.counters()[offset], 1));
    } else {
      const auto& flat = entry.kind == EntryKind::kParameter ? parameters : statistics;
      writer.add(
          entry.name, entry.torch_shape,
          std::span<const float>(to_torch_order(
              entry, std::span(flat).subspan(offset, static_cast<size_t>(entry.shape.size())))));
    }
  }
  writer.write(path);
}

WeightInfo load_weights(const std::string& path, Model& model, const LoadOptions& options) {
  const SafeTensors file = SafeTensors::read(path);
  WeightInfo info = read_info(file, model);
  check_names(file, model);
  check_head(file, model, info.classes);
  ModelState state = model.state();  // the model changes only when everything has been read
  for (const StateEntry& entry : model.entries()) {
    if (file.tensors().count(entry.name) == 0) {
      state.counters[static_cast<size_t>(entry.offset)] = 0;
    } else if (check_shape(file, entry, options.new_head)) {
      read_entry(file, entry, state);
    }
  }
  model.set_state(state);
  return info;
}

}  // namespace fedcamae
