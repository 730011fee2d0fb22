// FoolsGold (Fung, Yoon, Beschastnikh, RAID 2020, Algorithm 1): clients whose histories are alike
// are taken for one client in disguise, and share one vote.
//   H_i = the sum of the client's steps w_i - w_g over the rounds in which it took part; c_ij =
//   cos(H_i, H_j), v_i = max(0, the largest c_ij). Pardoned: where v_i < v_j, c_ij *= v_i / v_j.
//   a_i = 1 - the largest c_ij; a_i /= the largest a; a_i = kappa (ln(a_i / (1 - a_i)) + 1/2), cut
//   to [0, 1]. The next state is the mean of the updates by a_i. Worked example: H = (1 0), (1 0),
//   (0 1): c_12 = 1, all else 0; a = 0, 0, 1: the third alone. Cost: n^2 e / 2 multiply-adds and n
//   e numbers of memory for histories of e numbers, as the method has it; with the last layer's
//   alone, which the paper calls indicative, e is a small part of d. Statistics and counters: of
//   the same mean. Score: the largest c_ij after pardon; rejected is who gets a weight of 0, from
//   the threshold on. Claimed samples do not count. What is not finite leaves no trace in a
//   history. All alike to the last digit: nobody has a weight, the old state.
// The paper adds the weighted gradients up; our uploads are whole trainings, and are averaged.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/round_memory.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

// Of the flat parameters: all of them, or those of the module that comes last.
struct Stretch {
  int64_t first = 0, size = 0;
};
Stretch features(const Model& model, bool all) {
  const int64_t count = model.parameter_count();
  if (all) return {0, count};
  const auto module_of = [](const StateEntry& entry) {
    return entry.name.substr(0, entry.name.rfind('.'));
  };
  std::string last;
  for (const StateEntry& entry : model.entries())
    if (entry.kind == EntryKind::kParameter) last = module_of(entry);
  int64_t first = count;
  for (const StateEntry& entry : model.entries())
    if (entry.kind == EntryKind::kParameter && module_of(entry) == last)
      first = std::min(first, entry.offset);
  return {first, count - first};
}

// The largest cosine of each with another one, at least 0, after the pardon; from [n, n].
std::vector<double> pardoned(std::vector<double> cosines, size_t n) {
  std::vector<double> largest(n, 0.0), result(n, 0.0);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (i != j) largest[i] = std::max(largest[i], cosines[i * n + j]);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double pardon = largest[i] < largest[j] ? largest[i] / largest[j] : 1;
      result[i] = std::max(result[i], cosines[i * n + j] * pardon);
    }
  return result;
}

double logit_weight(double rescaled, double kappa) {
  if (rescaled <= 0) return 0;
  if (rescaled >= 1) return 1;
  return std::clamp(kappa * (std::log(rescaled / (1 - rescaled)) + 0.5), 0.0, 1.0);
}

class FoolsGold final : public Defense {
 public:
  FoolsGold(bool all, double kappa) : all_(all), kappa_(kappa) {}

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    History& history = history_.begin(round.round);
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    remember(round, updates, present, history);
    const std::vector<double> alike = pardoned(cosines(updates, present, history), present.size());
    const double most = 1 - *std::min_element(alike.begin(), alike.end());
    std::vector<double> weights(updates.size(), 0.0);
    for (size_t k = 0; k < present.size(); ++k) {
      const size_t i = present[k];
      if (most > 0) weights[i] = logit_weight((1 - alike[k]) / most, kappa_);
      verdict.score[i] = alike[k];
      verdict.accepted[i] = weights[i] > 0;
    }
    verdict.threshold = 1 - most / (1 + std::exp(0.5));  // where the logarithm is -1/2
    return {weighted_mean(round, updates, weights), std::move(verdict), {}};
  }

 private:
  using History = std::map<int64_t, Tensor>;  // by client id

  void remember(const RoundContext& round, std::span<const ClientUpdate> updates,
                const std::vector<size_t>& present, History& history) const {
    const Stretch s = features(round.model, all_);
    const auto part = [&s](const Tensor& x) { return x.window(s.first, {s.size}); };
    for (const size_t i : present) {
      Tensor& sum = history[updates[i].client];
      sum = sum.defined() ? sum.clone() : Tensor::zeros(round.model.context(), {s.size});
      add_step_(1, part(round.global.parameters), part(updates[i].state.parameters), sum);
    }
  }

  static std::vector<double> cosines(std::span<const ClientUpdate> updates,
                                     const std::vector<size_t>& present, History& history) {
    const size_t n = present.size();
    std::vector<Tensor> vectors;
    for (const size_t i : present) vectors.push_back(history.at(updates[i].client));
    Context& context = vectors[0].context();
    vectors.push_back(Tensor::zeros(context, vectors[0].shape()));  // to measure lengths from
    const std::vector<double> squares = ops::pairwise_squared_distances(context, vectors);
    const auto square = [&](size_t i, size_t j) { return squares[i * (n + 1) + j]; };
    std::vector<double> table(n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        table[i * n + j] = cosine(square(i, n), square(j, n), square(i, j));
    return table;
  }

  bool all_;
  double kappa_;
  RoundMemory<History> history_;
};

}  // namespace

DefenseInfo foolsgold_defense() {
  return {.name = "foolsgold",
          .doc =
              "a mean in which clients of like histories weigh little; score: the largest "
              "cosine with another's history, pardoned",
          .source = "FoolsGold: Fung et al., RAID 2020",
          .options = {{.name = "features",
                       .value = std::string("last_layer"),
                       .doc = "whose steps are remembered, n times as many numbers: the last "
                              "layer's parameters, or all",
                       .choices = {"last_layer", "all"}},
                      {.name = "kappa",
                       .value = 1.0,
                       .doc = "confidence: how sharply weights part into 0 and 1",
                       .low = 1e-6,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<FoolsGold>(options.text("features") == "all",
                                               options.real("kappa"));
          }};
}

}  // namespace fedcamae
