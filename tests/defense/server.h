// A server with a small model and a few images, and updates made for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fl/defense.h"

namespace fedcamae::testing {

class Server {
 public:
  // The model is one of tests/models/golden.h with its weights.
  explicit Server(const std::string& arch = "small_cnn", int64_t classes = 4, int threads = 1);

  Context& context() { return context_; }
  const ModelState& global() const { return global_; }
  const ServerData& data() const { return data_; }
  // Round `number` of a run with seed 5; the flags of RoundContext as given.
  RoundContext round(int64_t number = 1, bool weighted = false, bool want_pictures = false);

  // The same with another global state, which must outlive it.
  RoundContext round_from(const ModelState& global, int64_t number = 1, bool weighted = false);

  // Every parameter, statistic and counter is `value`.
  ClientUpdate constant(int64_t client, double value, int64_t samples = 10);
  // All zeros, the first parameter is `value`: a point on a line.
  ClientUpdate point(int64_t client, double value);
  // All zeros, but for the parameters from `first` on; first < 0 counts from the end.
  ClientUpdate vector(int64_t client, const std::vector<double>& values, int64_t first = 0);
  ModelState zeros() { return constant(0, 0).state; }
  // The global state, each number scaled by 1 + 0.05 u with u in [-1, 1) of this content.
  ClientUpdate honest(int64_t client, uint32_t content);
  // The global state plus U(1, 2) on every parameter.
  ClientUpdate noisy(int64_t client, uint32_t content);
  ClientUpdate not_finite(int64_t client);  // one weight is NaN

 private:
  Context context_;
  std::unique_ptr<Model> model_;
  ModelState global_;
  ServerData data_;
};

// With options changed from their defaults; integers must be int64_t.
struct Change {
  std::string name;
  OptionValue value;
};
std::unique_ptr<Defense> make_defense(const std::string& name,
                                      const std::vector<Change>& changes = {});

// A defense sees `updates`, then one like it the same updates under other ids: the one at position
// i gets the id of position order[i]. The verdict must permute to the last bit, NaN included.
using Maker = std::function<std::unique_ptr<Defense>()>;
void check_permutes(Server& server, const Maker& make, const std::vector<ClientUpdate>& updates,
                    const std::vector<size_t>& order);

}  // namespace fedcamae::testing
