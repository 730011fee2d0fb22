// The attack on Krum of Fang, Cao, Jia and Gong (USENIX Security 2020), with full
// knowledge: one attacker uploads
//   w = w_g - lambda * s,   s = sign of the mean of the benign updates,
// with the largest lambda of those tried for which Krum picks it out of the n - f benign updates
// and f copies of it; the other attackers support it from at most `spread` away. lambda starts from
// Theorem 1's upper bound and is halved until Krum picks the upload or lambda is below `threshold`:
//   sqrt(min_i (sum of |w_l - w_i|^2 over the n - f - 2 benign l nearest to i)
//        / ((n - 2 f - 1) |s|^2)) + max_i |w_i - w_g| / |s|,   |s|^2 = d where no sign is 0.
//
// Variants. FLPoison starts at lambda = 1; it and SAFEFL upload plain copies (spread = 0). The
// direction is that of the mean, as in all of them, not of what Krum would have picked. Krum is the
// paper's: squared distances to the n - f - 2 nearest, f the number of attackers in the round; ties
// count against the attacker. Where n is too small for f, one neighbour counts. Batch-norm
// statistics are the benign mean (overheard.h).
//
//   Worked example: w_g = 0, f = 2, benign (2, 0, 1), (2, 2, 1), (0, 0, 1), (4, 0, 1): scores over
//   the 2 nearest are 8, 12, 12, 12, lambda starts at sqrt(8 / 3) + sqrt(17 / 3). The attacker's
//   score is that of its distance to the third, 3 lambda^2 + 2 lambda + 1, below 8 after two
//   halvings: lambda = 1.00337. Cost: n^2 d for the distances of pairs, read from memory once, then
//   two readings of n vectors of d numbers: Krum's scores are known for every lambda from |s|^2,
//   <s, d_i> and |d_i|^2.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"
#include "fl/attacks/overheard.h"

namespace fedcamae {

namespace {

double sum_of_smallest(std::vector<double> values, int64_t count) {
  std::sort(values.begin(), values.end());
  const auto last = std::min(static_cast<size_t>(count), values.size());
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(last), 0.0);
}

// What Krum's scores depend on, for uploads w_g - lambda s.
class Krum {
 public:
  Krum(Context& context, const Overheard& benign, const Tensor& sign, int64_t attackers)
      : attackers_(attackers), sign_square_(ops::dot(sign, sign)) {
    std::vector<Tensor> weights;
    for (const ModelState& state : benign.states()) weights.push_back(state.parameters);
    pairs_ = ops::pairwise_squared_distances(context, weights);
    for (size_t i = 0; i < benign.count(); ++i) {
      const Tensor update = benign.update(i);
      along_.push_back(ops::dot(sign, update));
      square_.push_back(ops::dot(update, update));
    }
    neighbours_ = std::max<int64_t>(static_cast<int64_t>(square_.size()) - 2, 1);
  }

  // Theorem 1; 0 where there is no direction.
  double largest_lambda() const {
    if (sign_square_ == 0) return 0;
    double score = sum_of_smallest(others(0), neighbours_);
    for (size_t i = 1; i < square_.size(); ++i)
      score = std::min(score, sum_of_smallest(others(i), neighbours_));
    const int64_t away = std::max<int64_t>(neighbours_ - attackers_ + 1, 1);  // n - 2 f - 1
    const double radius = *std::max_element(square_.begin(), square_.end());
    return std::sqrt(score / static_cast<double>(away) / sign_square_) +
           std::sqrt(radius / sign_square_);
  }

  bool picks_the_attacker(double lambda) const {
    const std::vector<double> crafted = from_upload(lambda);
    std::vector<double> seen = crafted;
    seen.insert(seen.end(), static_cast<size_t>(attackers_ - 1), 0.0);
    const double score = sum_of_smallest(seen, neighbours_);
    for (size_t i = 0; i < square_.size(); ++i) {
      std::vector<double> row = others(i);
      row.insert(row.end(), static_cast<size_t>(attackers_), crafted[i]);
      if (!(score < sum_of_smallest(row, neighbours_))) return false;
    }
    return true;
  }

 private:
  std::vector<double> others(size_t i) const {
    const size_t n = square_.size();
    std::vector<double> row(pairs_.begin() + static_cast<std::ptrdiff_t>(i * n),
                            pairs_.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
    return row;
  }
  std::vector<double> from_upload(double lambda) const {  // |w - w_i|^2
    std::vector<double> distances;
    for (size_t i = 0; i < square_.size(); ++i)
      distances.push_back(lambda * (lambda * sign_square_ + 2 * along_[i]) + square_[i]);
    return distances;
  }

  int64_t attackers_, neighbours_ = 1;
  double sign_square_;
  std::vector<double> pairs_;           // [benign * benign], squared distances
  std::vector<double> along_, square_;  // <s, d_i>, |d_i|^2
};

class FangKrum : public Attack {
 public:
  FangKrum(double threshold, double spread) : threshold_(threshold), spread_(spread) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    const Overheard benign(context);
    const Tensor update = ops::unary(Unary::kSign, benign.mean());
    const Krum krum(context.context, benign, update,
                    static_cast<int64_t>(context.attackers.size()));
    double lambda = krum.largest_lambda();
    while (lambda >= threshold_ && !krum.picks_the_attacker(lambda)) lambda /= 2;
    ops::scale_(static_cast<float>(-lambda), update);
    std::vector<ModelState> crafted = benign.uploads(benign.weights(update));
    for (size_t i = 1; i < crafted.size() && spread_ > 0; ++i)
      crafted[i].parameters = supporter(context, crafted[0].parameters, context.attackers[i]);
    return crafted;
  }

 private:
  // `weights` and uniform noise that is no longer than `spread`.
  Tensor supporter(const AttackContext& context, const Tensor& weights, int64_t client) const {
    const double most = spread_ / std::sqrt(static_cast<double>(weights.size()));
    Tensor moved(context.context, weights.shape());
    ops::fill_uniform_({context.seed, Purpose::kAttack, static_cast<uint32_t>(context.round),
                        static_cast<uint32_t>(client)},
                       0, -most, most, moved);
    ops::axpy_(1.0f, weights, moved);
    return moved;
  }

  double threshold_, spread_;
};

}  // namespace

AttackInfo fang_krum_attack() {
  return {.name = "fang_krum",
          .doc = "uploads the global model against the benign direction, as far as Krum picks it",
          .source = "Fang et al., USENIX Security 2020 (Krum, full knowledge)",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = {{.name = "threshold",
                       .value = 1e-5,
                       .doc = "step lambda per weight below which the search ends, above 0",
                       .low = 1e-12,
                       .high = 1},
                      {.name = "spread",
                       .value = 0.01,
                       .doc = "Euclidean distance that supporters keep within; 0: plain copies",
                       .low = 0,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<FangKrum>(options.real("threshold"), options.real("spread"));
          }};
}

}  // namespace fedcamae
