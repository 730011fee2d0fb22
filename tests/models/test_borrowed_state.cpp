// A model that evaluates with another state's numbers where they lie.
#include <doctest/doctest.h>

#include <stdexcept>

#include "autograd/functions.h"
#include "layers/losses.h"
#include "layers/optimizer.h"
#include "models/model.h"
#include "tests/models/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

void check_same_state(const ModelState& a, const ModelState& b) {
  testing::check_same_bits(a.parameters, b.parameters);
  testing::check_same_bits(a.statistics, b.statistics);
  CHECK(a.counters == b.counters);
}

// A model that has been trained for a step, and another one's state.
struct Scene {
  Context context{testing::device_options(2)};
  std::unique_ptr<Model> model = testing::reference_model("tiny_regnet", 5, context);
  testing::ReferenceBatch batch = testing::reference_batch(2, 32, 32, 5, context);
  ModelState own, other;

  Scene() {
    testing::training_step(*model, batch);  // statistics and counters that are not the first ones
    model->set_training(false);
    own = model->state();
    other = own.clone();
    ops::scale_(0.75f, other.parameters);
    ops::scale_(1.25f, other.statistics);
    other.counters.assign(other.counters.size(), 9);
  }
  Tensor logits() const {
    const NoGrad no_grad;
    return model->forward(batch.images).value();
  }
  Tensor logits_of(const ModelState& state) const {
    model->set_state(state);
    Tensor result = logits();
    model->set_state(own);
    return result;
  }
};

TEST_CASE(
    "a borrowed state: what set_state gives, without a copy, and the model's own afterwards") {
  Scene s;
  const Tensor expected = s.logits_of(s.other), before = s.logits();
  const ModelState kept = s.other.clone();
  const float* const address = s.model->parameters().data();
  ops::fill_(s.model->gradients(), 7.0f);
  s.model->set_training(true);
  {
    const int64_t bytes = s.context.pool_stats().bytes_in_use;
    const BorrowedState borrowed(*s.model, s.other);
    CHECK(s.context.pool_stats().bytes_in_use == bytes);
    CHECK(s.model->parameters().data() == s.other.parameters.data());
    CHECK_FALSE(s.model->training());
    testing::check_same_bits(s.logits(), expected);
    check_same_state(s.model->state(), kept);
    const Model::Tapped tapped = s.model->forward_tapped(s.batch.images, s.model->default_layer());
    gradients(tapped.logits, {{tapped.activation}});
  }
  CHECK(s.model->parameters().data() == address);
  CHECK(s.model->training());
  check_same_state(s.model->state(), s.own);
  check_same_state(s.other, kept);
  for (const float g : s.model->gradients().to_host()) REQUIRE(g == 7.0f);
  s.model->set_training(false);
  testing::check_same_bits(s.logits(), before);
}

TEST_CASE("a borrowed state: training afterwards is as if nothing had been borrowed") {
  std::vector<float> parameters[2], statistics[2];
  for (const bool borrows : {false, true}) {
    Scene s;
    const ModelState kept = s.other.clone();
    Optimizer sgd({.type = "sgd"}, s.model->parameters(), s.model->gradients());
    if (borrows) {
      const BorrowedState borrowed(*s.model, s.other);
      s.logits();
    }
    testing::training_step(*s.model, s.batch);
    sgd.step(0.1);
    parameters[borrows] = s.model->parameters().to_host();
    statistics[borrows] = s.model->statistics().to_host();
    check_same_state(s.other, kept);
    CHECK(s.model->counters()[0] == s.own.counters[0] + 1);
  }
  CHECK(parameters[0] == parameters[1]);
  CHECK(statistics[0] == statistics[1]);
}

TEST_CASE("a borrowed state: nothing writes to it, and an exception ends it") {
  Scene s;
  const ModelState kept = s.other.clone();
  try {
    const BorrowedState borrowed(*s.model, s.other);
    CHECK(s.model->borrows());
    s.model->set_training(true);
    CHECK_THROWS_WITH_AS(s.model->forward(s.batch.images), doctest::Contains("borrows"), Error);
    CHECK_THROWS_AS(s.model->set_state(s.own), Error);
    CHECK_THROWS_AS(s.model->initialize(1), Error);
    CHECK_THROWS_AS(BorrowedState(*s.model, s.own), Error);
    CHECK(s.model->parameters().data() == s.other.parameters.data());
    throw std::runtime_error("on the way");
  } catch (const std::runtime_error&) {
  }
  CHECK_FALSE(s.model->borrows());
  check_same_state(s.other, kept);
  check_same_state(s.model->state(), s.own);
  s.model->set_state(s.other);
  check_same_state(s.model->state(), kept);
}

TEST_CASE(
    "a borrowed state: of another size or type it is refused, and the model stays as it was") {
  Scene s;
  const Tensor before = s.logits();
  ModelState wider = s.other, fewer = s.other, without = s.other, narrow = s.other;
  wider.parameters = Tensor::zeros(s.context, {s.own.parameters.size() + 1});
  fewer.counters.pop_back();
  without.statistics = Tensor();
  narrow.parameters = ops::cast(s.other.parameters, ElementType::kBfloat16);
  for (const ModelState* wrong : {&wider, &fewer, &without, &narrow}) {
    CHECK_THROWS_AS(BorrowedState(*s.model, *wrong), Error);
    CHECK_THROWS_AS(s.model->set_state(*wrong), Error);
    CHECK_FALSE(s.model->borrows());
  }
  testing::check_same_bits(s.logits(), before);
  if (testing::skip_on_cpu()) return;
  Context host(testing::cpu_options(1));
  CHECK_THROWS_AS(BorrowedState(*s.model, s.other.to(host)), Error);
  testing::check_same_bits(s.logits(), before);
}

// On a device with streams each context has its own, and nothing but the model waits.
TEST_CASE(
    "a borrowed state of another context: read after it is written, written after it is read") {
  Scene s;
  const Tensor expected = s.logits_of(s.other);
  Context worker(testing::device_options(1));
  const ModelState half = s.other.clone();
  ops::scale_(0.5f, half.parameters);
  const ModelState theirs = half.to(worker);
  ops::scale_(2.0f, theirs.parameters);  // to the bit, and the worker may not be done yet
  Tensor logits;
  {
    const BorrowedState borrowed(*s.model, theirs);
    CHECK(&s.model->parameters().context() == &s.context);
    logits = s.logits();
  }
  ops::fill_(theirs.parameters, 0.0f);
  ops::fill_(theirs.statistics, 0.0f);
  testing::check_same_bits(logits, expected);
}

}  // namespace
}  // namespace fedcamae
