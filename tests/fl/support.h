// A tiny federation: images made in memory, an attack and a defense that do what the test says.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fl/federation.h"
#include "tests/support/devices.h"

namespace fedcamae::testing {

// Images of 8 x 8 that a small network can learn: noise, and a bright quadrant that tells the
// class. Labels come in turn: image i is of class i modulo `classes`.
ImageSet tiny_images(int64_t count, int64_t classes, uint64_t seed);
Dataset tiny_dataset(int64_t train = 90, int64_t test = 40, int64_t classes = 4);

// small_cnn on the device under test, 6 clients of which 2 are malicious, IID, one round of one
// epoch.
FederationSpec tiny_spec();

// Everything of a state, statistics and counters included, or of a round but its times, as text
// that differs where a bit differs.
std::vector<float> numbers(const ModelState& state);
std::string fingerprint(const RoundRecord& record);
std::vector<int64_t> ids(const RoundRecord& record);
std::vector<int64_t> malicious(const RoundRecord& record);  // their ids

ModelState random_state(Context& context, int64_t parameters, uint64_t seed);

struct Setting {
  std::string name;
  OptionValue value;
};
std::unique_ptr<Attack> make_attack(const std::string& name,
                                    const std::vector<Setting>& settings = {});

class FakeAttack : public Attack {
 public:
  bool own = false, hears = false, images = false;
  std::function<std::vector<ModelState>(const AttackContext&)> work;  // empty: the global model
  std::function<void(std::vector<int32_t>&)> labels;
  bool trains() const override { return own; }
  bool overhears() const override { return hears; }
  bool uses_images() const override { return images; }
  void poison_labels(std::vector<int32_t>& values, int64_t) const override {
    if (labels) labels(values);
  }
  std::vector<ModelState> craft(const AttackContext& context) override {
    if (work) return work(context);
    return std::vector<ModelState>(context.attackers.size(), context.global);
  }
};

// Unweighted mean, everybody accepted, the score of an update its distance from the global model;
// `look` sees every round first, `change` may alter the result.
class FakeDefense : public Defense {
 public:
  using Updates = std::span<const ClientUpdate>;
  std::function<void(const RoundContext&, Updates)> look;
  std::function<void(const RoundContext&, Updates, DefenseResult&)> change;
  bool remembers() const override { return false; }
  DefenseResult aggregate(const RoundContext& round, Updates updates) override;
};
std::unique_ptr<FakeDefense> looking(
    std::function<void(const RoundContext&, FakeDefense::Updates)> look);
std::unique_ptr<FakeDefense> changing(
    std::function<void(const RoundContext&, FakeDefense::Updates, DefenseResult&)> change);

// One line of the right kind that names `part`.
void check_error(ErrorKind kind, const std::string& part, const std::function<void()>& call);

}  // namespace fedcamae::testing
