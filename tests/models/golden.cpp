#include "tests/models/golden.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/losses.h"
#include "models/layout.h"
#include "models/network.h"

namespace fedcamae::testing {
namespace {

// splitmix64 of (stream, i); the upper 24 bits as a number in [-1, 1).
double number(uint64_t stream, uint64_t i) {
  uint64_t z = (stream << 40) + i;
  z = (z + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<double>(z >> 40) * 0x1p-23 - 1.0;
}

struct Spread {
  double centre, width;
};
Spread spread_of(const StateEntry& entry) {
  const Shape& s = entry.shape;
  if (s.rank() == 4) return {0.0, std::sqrt(6.0 / static_cast<double>(s[0] * s[1] * s[2]))};
  if (s.rank() == 2) return {0.0, std::sqrt(1.0 / static_cast<double>(s[1]))};
  if (entry.name.ends_with("running_var")) return {1.0, 0.5};
  if (entry.name.ends_with("weight")) return {1.0, 0.25};
  if (entry.name.ends_with("fc1.bias")) return {1.0, 0.125};
  return {0.0, 0.125};
}

std::unique_ptr<Network> tiny(const std::string& arch, int64_t classes) {
  if (arch == "tiny_resnet")
    return make_resnet(
        {.stem = 16, .planes = {8, 16, 16, 24}, .depths = {2, 1, 1, 2}, .classes = classes});
  if (arch == "tiny_regnet")
    return make_regnet_y({.stem = 16,
                          .widths = {16, 24, 40, 48},
                          .depths = {1, 2, 1, 1},
                          .group_width = 8,
                          .classes = classes});
  return make_network(arch, classes);
}

}  // namespace

std::unique_ptr<Model> reference_model(const std::string& arch, int64_t classes, Context& context) {
  auto model = std::make_unique<Model>(ModelSpec{arch, classes}, tiny(arch, classes), context);
  std::vector<float> parameters(static_cast<size_t>(model->parameters().size()));
  std::vector<float> statistics(static_cast<size_t>(model->statistics().size()));
  uint64_t stream = 0;
  for (const StateEntry& entry : model->entries()) {
    const uint64_t s = stream++;
    if (entry.kind == EntryKind::kCounter) continue;
    const Spread spread = spread_of(entry);
    std::vector<float> values(static_cast<size_t>(entry.shape.size()));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(spread.centre + spread.width * number(s, i));
    auto& flat = entry.kind == EntryKind::kParameter ? parameters : statistics;
    const std::vector<float> stored = from_torch_order(entry, values);
    std::copy(stored.begin(), stored.end(), flat.begin() + entry.offset);
  }
  model->set_state({Tensor::from(context, model->parameters().shape(), parameters),
                    Tensor::from(context, model->statistics().shape(), statistics),
                    std::vector<int64_t>(model->counters().size(), 3)});
  return model;
}

ReferenceBatch reference_batch(int64_t batch, int64_t height, int64_t width, int64_t classes,
                               Context& context, uint64_t stream) {
  const Shape shape{batch, height, width, 3};
  std::vector<float> pixels(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(number(stream, i));
  std::vector<int32_t> labels;
  for (int64_t n = 0; n < batch; ++n) labels.push_back(static_cast<int32_t>((7 * n + 3) % classes));
  return {Tensor::from(context, shape, pixels), IndexTensor::from(context, labels)};
}

SafeTensors read_golden(const std::string& name) {
  return SafeTensors::read(std::string(FEDCAMAE_TEST_DATA) + "/" + name);
}

double training_step(Model& model, const ReferenceBatch& batch) {
  model.set_training(true);
  const Var loss = cross_entropy(model.forward(batch.images), batch.labels);
  backward(loss);
  return static_cast<double>(loss.value().item());
}

std::vector<float> entry_values(const StateEntry& entry, const Tensor& flat) {
  return to_torch_order(entry, flat.window(entry.offset, entry.shape).to_host());
}

std::vector<StateEntry> entries_of(const Model& model, EntryKind kind) {
  std::vector<StateEntry> found;
  for (const StateEntry& entry : model.entries())
    if (entry.kind == kind) found.push_back(entry);
  return found;
}

std::vector<size_t> sample_positions(size_t s, int64_t size, int64_t samples) {
  std::vector<size_t> positions;
  for (int64_t j = 0; j < samples; ++j)
    positions.push_back((s * 7919 + static_cast<size_t>(j) * 104729) % static_cast<size_t>(size));
  return positions;
}

double euclidean_distance(const std::vector<float>& a, const std::vector<float>& b) {
  check(a.size() == b.size(), "[distance] {} numbers and {}", a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  check(a.size() == b.size(), "[difference] {} numbers and {}", a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, d);
  }
  return largest;
}

double largest_magnitude(const std::vector<float>& a) {
  return largest_difference(a, std::vector<float>(a.size(), 0.0f));
}

double euclidean_norm(const std::vector<float>& a) {
  return euclidean_distance(a, std::vector<float>(a.size(), 0.0f));
}

}  // namespace fedcamae::testing
