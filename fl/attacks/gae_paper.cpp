// Graph-autoencoder model poisoning (Li et al., IEEE TIFS 2024) as the papers describe it;
// docs/attack.md says where each step is from and what was left open.
#include <algorithm>
#include <numeric>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"
#include "fl/attacks/gae.h"
#include "fl/attacks/graph_signal.h"
#include "fl/attacks/loss_ascent.h"
#include "fl/attacks/overheard.h"
#include "fl/attacks/update_geometry.h"

namespace fedcamae {

namespace {

class PaperGae final : public Attack {
 public:
  explicit PaperGae(const PaperGaeSpec& spec) : spec_(spec) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  bool uses_images() const override { return spec_.objective == "loss"; }
  std::vector<ModelState> craft(const AttackContext& context) override;

 private:
  SmallMatrix regenerate(const AttackContext& context, const UpdateGeometry& geometry,
                         Random& random) const;
  ModelState upload(const AttackContext& context, const UpdateGeometry& geometry, int64_t node,
                    std::vector<double> row, Random& random) const;

  PaperGaeSpec spec_;
};

// The rows of F', those first that go most against the mean update.
std::vector<int64_t> by_harm(const UpdateGeometry& geometry, const SmallMatrix& rows) {
  std::vector<double> along(static_cast<size_t>(rows.rows), 0.0);  // K <row, m>
  for (int64_t r = 0; r < rows.rows; ++r)
    for (int64_t i = 0; i < rows.cols; ++i)
      for (int64_t j = 0; j < rows.cols; ++j)
        along[static_cast<size_t>(r)] += rows(r, i) * geometry.inner(i, j);
  std::vector<int64_t> order(static_cast<size_t>(rows.rows));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return along[static_cast<size_t>(a)] < along[static_cast<size_t>(b)];
  });
  return order;
}

// U' U^T: row r has the coefficients of the r-th regenerated update.
SmallMatrix PaperGae::regenerate(const AttackContext& context, const UpdateGeometry& geometry,
                                 Random& random) const {
  const SmallMatrix graph = cosine_graph(geometry.deviation);
  VariationalGraph autoencoder(context.context, principal_coordinates(geometry.deviation), graph,
                               spec_.autoencoder, random);
  autoencoder.train(random);
  return regeneration(laplacian_basis(laplacian(graph)),
                      laplacian_basis(laplacian(autoencoder.reconstructed())));
}

ModelState PaperGae::upload(const AttackContext& context, const UpdateGeometry& geometry,
                            int64_t node, std::vector<double> row, Random& random) const {
  const double bound = spec_.bound * geometry.radius;
  const ModelState& model = geometry.models[static_cast<size_t>(node)];
  ModelState state{{}, model.statistics.to(context.context), model.counters};
  if (spec_.objective != "loss") {
    DualAscentSpec ascent = spec_.ascent;
    if (spec_.objective == "none") ascent.steps = 0;
    const SpanObjective objective =
        spec_.objective == "cosine" ? SpanObjective::kCosine : SpanObjective::kStep;
    state.parameters = combined(context.context, context.global, geometry,
                                ascend_in_span(geometry, std::move(row), bound, objective, ascent));
    return state;
  }
  const ModelState mean = mean_state(context.context, context.global, geometry);
  state.parameters = combined(context.context, context.global, geometry, row);
  ascend_loss_(context, {mean, bound}, {spec_.ascent, spec_.batch}, random, state.parameters);
  return state;
}

std::vector<ModelState> PaperGae::craft(const AttackContext& context) {
  const uint32_t round = static_cast<uint32_t>(context.round);
  Random shared({context.seed, Purpose::kAttack, round, kSharedDraw});
  const Overheard heard(context);
  const UpdateGeometry geometry =
      update_geometry(context.context, context.global,
                      choose_models(heard.states(), context.global, spec_.models, shared));
  const SmallMatrix rows = regenerate(context, geometry, shared);
  const std::vector<int64_t> order = by_harm(geometry, rows);
  std::vector<ModelState> crafted;
  for (size_t i = 0; i < context.attackers.size(); ++i) {
    const int64_t node = order[i % order.size()];
    const auto first = rows.values.begin() + static_cast<std::ptrdiff_t>(node * rows.cols);
    Random random(
        {context.seed, Purpose::kAttack, round, static_cast<uint32_t>(context.attackers[i])});
    crafted.push_back(upload(context, geometry, node, {first, first + rows.cols}, random));
  }
  return crafted;
}

}  // namespace

std::unique_ptr<Attack> make_paper_gae(const PaperGaeSpec& spec) {
  return std::make_unique<PaperGae>(spec);
}

}  // namespace fedcamae
