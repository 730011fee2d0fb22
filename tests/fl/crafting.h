// What an attack is given, made by hand: benign weights in a worker's context, the global model and
// the attack in another.
#pragma once

#include <vector>

#include "tests/fl/support.h"

namespace fedcamae::testing {

using Vector = std::vector<float>;

class Crafting {
 public:
  // One benign state for each of `benign`, with statistics (i + 1, 3 (i + 1)) and counter 10 + i;
  // the global model has statistics (7, 7) and counter 5.
  Crafting(const Vector& global_weights, const std::vector<Vector>& benign) {
    global = state(context, global_weights, {7, 7}, 5);
    for (const Vector& weights : benign) {
      const auto i = static_cast<float>(overheard.size());
      overheard.push_back(state(worker, weights, {i + 1, 3 * (i + 1)},
                                10 + static_cast<int64_t>(overheard.size())));
    }
  }

  std::vector<ModelState> craft(Attack& attack) {
    return attack.craft({round, seed, global, overheard, {}, attackers, {}, context});
  }
  std::vector<ModelState> craft(const std::string& name,
                                const std::vector<Setting>& settings = {}) {
    return craft(*make_attack(name, settings));
  }
  // The weights of the first upload.
  Vector weights(const std::string& name, const std::vector<Setting>& settings = {}) {
    return craft(name, settings).at(0).parameters.to_host();
  }

  Context context{device_options(1)}, worker{device_options(1)};
  ModelState global;
  std::vector<ModelState> overheard;
  std::vector<int64_t> attackers{2, 5};
  int64_t round = 4;
  uint64_t seed = 9;

 private:
  static ModelState state(Context& where, const Vector& weights, const Vector& statistics,
                          int64_t counter) {
    return {Tensor::from(where, Shape{static_cast<int64_t>(weights.size())}, weights),
            Tensor::from(where, Shape{static_cast<int64_t>(statistics.size())}, statistics),
            {counter}};
  }
};

// `count` vectors of `size` numbers around `center`: center + deviation * N(shift, 1).
std::vector<Vector> vectors_around(const Vector& center, size_t count, double shift,
                                   double deviation, uint64_t seed);
Vector normal_vector(size_t size, uint64_t seed);

double squared_distance(const Vector& a, const Vector& b);  // in double, one after the other

void check_near(const Vector& got, const std::vector<double>& expected, double tolerance);

}  // namespace fedcamae::testing
