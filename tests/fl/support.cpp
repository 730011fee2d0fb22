#include "tests/fl/support.h"

#include <cmath>

#include "core/ops.h"
#include "core/random.h"

namespace fedcamae::testing {

ImageSet tiny_images(int64_t count, int64_t classes, uint64_t seed) {
  constexpr int64_t kSide = 8;
  Random random({.seed = seed});
  ImageSet set;
  set.height = set.width = kSide;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i % classes;
    set.labels.push_back(static_cast<int32_t>(label));
    for (int64_t y = 0; y < kSide; ++y)
      for (int64_t x = 0; x < kSide; ++x)
        for (int64_t c = 0; c < 3; ++c) {
          const int64_t quadrant = 2 * (y / 4) + x / 4;
          const bool bright = quadrant == label % 4 && c == label / 4 % 3;
          set.pixels.push_back(static_cast<uint8_t>(random.below(120) + (bright ? 130 : 0)));
        }
  }
  return set;
}

Dataset tiny_dataset(int64_t train, int64_t test, int64_t classes) {
  Dataset dataset;
  dataset.name = "tiny";
  dataset.classes = classes;
  dataset.train = tiny_images(train, classes, 1);
  dataset.test = tiny_images(test, classes, 2);
  dataset.normalization = {{0.25f, 0.25f, 0.25f}, {0.2f, 0.2f, 0.2f}};
  return dataset;
}

FederationSpec tiny_spec() {
  FederationSpec spec;
  spec.seed = 3;
  spec.device = device_options(1).device;
  spec.model = {"small_cnn", 4};
  spec.clients = 6;
  spec.attackers = 2;
  spec.batch = 8;
  spec.optimizer = {.type = "adam", .lr = 0.01};
  spec.partition = "iid";
  spec.server_images = 8;
  return spec;
}

std::vector<float> numbers(const ModelState& state) {
  std::vector<float> all = state.parameters.to_host();
  for (const float value : state.statistics.to_host()) all.push_back(value);
  for (const int64_t value : state.counters) all.push_back(static_cast<float>(value));
  return all;
}

std::string fingerprint(const RoundRecord& record) {
  const Detection& d = record.detection;
  std::string text =
      fmt::format("{} {:a} {:a} {:a} | {} {} {} {} {} {:a}\n", record.round,
                  record.accuracy.value_or(-1), record.loss.value_or(-1), record.threshold, d.tp,
                  d.fp, d.tn, d.fn, d.nonfinite, d.auc.value_or(-1));
  for (const ClientRecord& c : record.clients)
    text += fmt::format("{} {} {:a} {:a} {} {} {}\n", c.client, c.samples, c.loss, c.score,
                        c.accepted, c.nonfinite, c.malicious);
  return text;
}

std::vector<int64_t> ids(const RoundRecord& record) {
  std::vector<int64_t> all;
  for (const ClientRecord& client : record.clients) all.push_back(client.client);
  return all;
}
std::vector<int64_t> malicious(const RoundRecord& record) {
  std::vector<int64_t> all;
  for (const ClientRecord& client : record.clients)
    if (client.malicious) all.push_back(client.client);
  return all;
}

ModelState random_state(Context& context, int64_t parameters, uint64_t seed) {
  constexpr int64_t kStatistics = 6;
  Random random({.seed = seed});
  std::vector<float> p(static_cast<size_t>(parameters)), s(kStatistics);
  for (float& value : p) value = static_cast<float>(random.normal());
  for (float& value : s) value = static_cast<float>(random.uniform(0.5, 2));
  return {Tensor::from(context, Shape{parameters}, p),
          Tensor::from(context, Shape{kStatistics}, s),
          {static_cast<int64_t>(seed), 7}};
}

std::unique_ptr<Attack> make_attack(const std::string& name, const std::vector<Setting>& settings) {
  for (const AttackInfo& info : attacks()) {
    if (info.name != name) continue;
    Options options(info.options);
    for (const Setting& setting : settings) options.set(setting.name, setting.value);
    return info.make(options);
  }
  FAIL("no attack " << name);
  return nullptr;
}

DefenseResult FakeDefense::aggregate(const RoundContext& round, Updates updates) {
  if (look) look(round, updates);
  DefenseResult result;
  result.next = updates[0].state.to(round.model.context());
  for (size_t i = 1; i < updates.size(); ++i) {
    ops::axpy_(1.0f, updates[i].state.parameters, result.next.parameters);
    ops::axpy_(1.0f, updates[i].state.statistics, result.next.statistics);
  }
  const float share = 1.0f / static_cast<float>(updates.size());
  ops::scale_(share, result.next.parameters);
  ops::scale_(share, result.next.statistics);
  result.verdict.threshold = 1e9;
  for (const ClientUpdate& update : updates) {
    result.verdict.score.push_back(std::sqrt(ops::squared_distance(
        update.state.parameters.to(round.model.context()), round.global.parameters)));
    result.verdict.accepted.push_back(true);
    result.verdict.nonfinite.push_back(false);
  }
  if (change) change(round, updates, result);
  return result;
}

std::unique_ptr<FakeDefense> looking(
    std::function<void(const RoundContext&, FakeDefense::Updates)> look) {
  auto defense = std::make_unique<FakeDefense>();
  defense->look = std::move(look);
  return defense;
}

std::unique_ptr<FakeDefense> changing(
    std::function<void(const RoundContext&, FakeDefense::Updates, DefenseResult&)> change) {
  auto defense = std::make_unique<FakeDefense>();
  defense->change = std::move(change);
  return defense;
}

void check_error(ErrorKind kind, const std::string& part, const std::function<void()>& call) {
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

}  // namespace fedcamae::testing
