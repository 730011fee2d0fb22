#include "tests/defense/server.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/random.h"
#include "defense/registry.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae::testing {
namespace {

constexpr uint64_t kSeed = 5;
constexpr int64_t kImages = 12, kSide = 16;
// Bits of two sums of a few float32 numbers in another order may differ in the last places.
constexpr double kReordered = 1e-6;

ServerData make_data(int64_t classes) {
  ServerData data;
  data.classes = classes;
  data.normalization = {{0.25f, 0.5f, 0.75f}, {0.5f, 0.25f, 0.125f}};
  data.images.height = data.images.width = kSide;
  Random random({.seed = 77});
  for (int64_t i = 0; i < kImages; ++i) {
    data.images.labels.push_back(static_cast<int32_t>(i % classes));
    for (int64_t byte = 0; byte < data.images.image_bytes(); ++byte)
      data.images.pixels.push_back(static_cast<uint8_t>(random.below(256)));
  }
  return data;
}

Tensor filled(const Tensor& like, const std::function<double(float)>& value) {
  std::vector<float> numbers = like.to_host();
  for (float& v : numbers) v = static_cast<float>(value(v));
  return Tensor::from(like.context(), like.shape(), numbers);
}

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

}  // namespace

Server::Server(const std::string& arch, int64_t classes, int threads)
    : context_(device_options(threads)),
      model_(reference_model(arch, classes, context_)),
      global_(model_->state()),
      data_(make_data(classes)) {}

RoundContext Server::round(int64_t number, bool weighted, bool want_pictures) {
  return {number, kSeed, global_, *model_, data_, weighted, want_pictures};
}

RoundContext Server::round_from(const ModelState& global, int64_t number, bool weighted) {
  return {number, kSeed, global, *model_, data_, weighted, false};
}

ClientUpdate Server::constant(int64_t client, double value, int64_t samples) {
  const auto fill = [&](float) { return value; };
  return {client,
          {filled(global_.parameters, fill), filled(global_.statistics, fill),
           std::vector<int64_t>(global_.counters.size(), std::llround(value))},
          samples,
          0.5};
}

ClientUpdate Server::point(int64_t client, double value) { return vector(client, {value}); }

ClientUpdate Server::vector(int64_t client, const std::vector<double>& values, int64_t first) {
  ClientUpdate update = constant(client, 0);
  const Tensor& parameters = update.state.parameters;
  if (first < 0) first += parameters.size();
  for (const double value : values)
    ops::fill_(parameters.window(first++, {1}), static_cast<float>(value));
  return update;
}

ClientUpdate Server::honest(int64_t client, uint32_t content) {
  Random random({.seed = 1, .client = content});
  const auto near = [&](float v) {
    return static_cast<double>(v) * (1 + 0.05 * random.uniform(-1, 1));
  };
  return {client,
          {filled(global_.parameters, near), filled(global_.statistics, near), global_.counters},
          10,
          0.5};
}

ClientUpdate Server::noisy(int64_t client, uint32_t content) {
  Random random({.seed = 2, .client = content});
  ClientUpdate update = honest(client, content);
  update.state.parameters = filled(
      global_.parameters, [&](float v) { return static_cast<double>(v) + random.uniform(1, 2); });
  return update;
}

ClientUpdate Server::not_finite(int64_t client) {
  ClientUpdate update = honest(client, 99);
  const Tensor& p = update.state.parameters;
  ops::fill_(p.window(p.size() / 2, {1}), std::numeric_limits<float>::quiet_NaN());
  return update;
}

std::unique_ptr<Defense> make_defense(const std::string& name, const std::vector<Change>& changes) {
  for (const DefenseInfo& info : defenses()) {
    if (info.name != name) continue;
    Options options(info.options);
    for (const Change& change : changes) options.set(change.name, change.value);
    return info.make(options);
  }
  FAIL("no defense is called ", name);
  return nullptr;
}

void check_permutes(Server& server, const Maker& make, const std::vector<ClientUpdate>& updates,
                    const std::vector<size_t>& order) {
  std::vector<ClientUpdate> moved(updates.size());
  for (size_t i = 0; i < updates.size(); ++i) {
    moved[order[i]] = updates[i];
    moved[order[i]].client = updates[order[i]].client;
  }
  const DefenseResult before = make()->aggregate(server.round(), updates);
  const DefenseResult after = make()->aggregate(server.round(), moved);
  CHECK(same_bits(before.verdict.threshold, after.verdict.threshold));
  for (size_t i = 0; i < updates.size(); ++i) {
    CAPTURE(i);
    CHECK(same_bits(before.verdict.score[i], after.verdict.score[order[i]]));
    CHECK(before.verdict.accepted[i] == after.verdict.accepted[order[i]]);
    CHECK(before.verdict.nonfinite[i] == after.verdict.nonfinite[order[i]]);
  }
  const std::vector<float> a = before.next.parameters.to_host(),
                           b = after.next.parameters.to_host();
  CHECK(largest_difference(a, b) <= kReordered * largest_magnitude(a));
  CHECK(before.next.counters == after.next.counters);
}

}  // namespace fedcamae::testing
