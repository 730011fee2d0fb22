#include "fl/attacks/distance_bound.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "fl/attacks/overheard.h"

namespace fedcamae {

namespace {

// What two ways of adding the squares of some 1e8 numbers in double may differ by, and more:
// whoever measures the bound finds it kept.
constexpr double kMargin = 0x1p-24;

class DistanceBound : public Attack {
 public:
  DistanceBound(ReduceDistances reduce, const std::string& direction)
      : reduce_(reduce), direction_(direction) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  std::vector<ModelState> craft(const AttackContext& context) override;

 private:
  struct Bound {
    Tensor weights;  // of the benign state whose distances are the largest
    double value = 0;
  };
  Bound bound_of(Context& context, const Overheard& benign) const;
  Tensor direction_of(const Overheard& benign, const Tensor& mean) const;
  double largest_gamma(const Overheard& benign, const Tensor& mean, const Tensor& direction,
                       double bound) const;

  ReduceDistances reduce_;
  std::string direction_;
};

// The pairs tell which state it is; what is compared later is measured as the crafted weights are.
DistanceBound::Bound DistanceBound::bound_of(Context& context, const Overheard& benign) const {
  std::vector<Tensor> weights;
  for (const ModelState& state : benign.states()) weights.push_back(state.parameters);
  const std::vector<double> table = ops::pairwise_squared_distances(context, weights);
  const size_t n = weights.size();
  size_t farthest = 0;
  double largest = -1;
  for (size_t i = 0; i < n; ++i) {
    const double value = reduce_(std::span(table).subspan(i * n, n));
    if (value > largest) {
      largest = value;
      farthest = i;
    }
  }
  const Tensor center = weights[farthest].to(context);
  return {center, reduce_(benign.squared_distances(center))};
}

Tensor DistanceBound::direction_of(const Overheard& benign, const Tensor& mean) const {
  if (direction_ == "std") return benign.deviation(mean);
  if (direction_ == "sign") return ops::unary(Unary::kSign, mean);
  Tensor direction = mean.clone();
  const double length = ops::norm(mean);
  if (length > 0) ops::scale_(static_cast<float>(1 / length), direction);
  return direction;
}

// |mean - gamma p - d_i|^2 = a_i - 2 gamma b_i + gamma^2 c.
double DistanceBound::largest_gamma(const Overheard& benign, const Tensor& mean,
                                    const Tensor& direction, double bound) const {
  const double c = ops::dot(direction, direction);
  if (c == 0) return 0;
  std::vector<double> a, b;
  for (size_t i = 0; i < benign.count(); ++i) {
    const Tensor difference = mean.clone();
    ops::axpy_(-1.0f, benign.update(i), difference);
    a.push_back(ops::dot(difference, difference));
    b.push_back(ops::dot(difference, direction));
  }
  std::vector<double> distances(a.size());
  return largest_that([&](double gamma) {
    for (size_t i = 0; i < a.size(); ++i) distances[i] = a[i] + gamma * (gamma * c - 2 * b[i]);
    return reduce_(distances) <= bound;
  });
}

std::vector<ModelState> DistanceBound::craft(const AttackContext& context) {
  const Overheard benign(context);
  const Bound bound = bound_of(context.context, benign);
  const Tensor mean = benign.mean();
  const Tensor direction = direction_of(benign, mean);
  const double gamma = largest_gamma(benign, mean, direction, bound.value * (1 - 2 * kMargin));
  const double most = gamma > 0 ? 1 : 0;
  for (double less = 0; less <= most; less = less == 0 ? kMargin : 2 * less) {
    const Tensor update = mean.clone();
    ops::axpy_(static_cast<float>(-gamma * (1 - less)), direction, update);
    const Tensor weights = benign.weights(update);
    if (reduce_(benign.squared_distances(weights)) <= bound.value * (1 - kMargin))
      return benign.uploads(weights);
  }
  return benign.uploads(bound.weights);
}

}  // namespace

std::vector<Option> distance_bound_options() {
  return {{.name = "direction",
           .value = std::string("std"),
           .doc = "what the mean is moved against: std, unit (the mean's own), sign (the mean's)",
           .choices = {"std", "unit", "sign"}}};
}

std::unique_ptr<Attack> make_distance_bound(ReduceDistances reduce, const Options& options) {
  return std::make_unique<DistanceBound>(reduce, options.text("direction"));
}

}  // namespace fedcamae
