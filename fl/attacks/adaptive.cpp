// An attacker who knows FedCAMAE: it moves from a benign model in a harmful direction, as far
// as its own heat maps stay within the spread of the benign ones, which it sees
// on its own images (as Min-Max, Shejwalkar and Houmansadr, NDSS 2021, does with distances between
// weights).
//
//   w(s) = w_j + s (target - w_j), the largest s in [0, 1] found by halving with
//   |maps(w(s)) - mean map| <= slack * max_i |map_i - mean map|
//
// w_j is the benign model whose maps are nearest to the mean map: the averaged model's own may lie
// outside of the benign ones' spread. The target is at `bound` largest benign distances from the
// mean of the weights: in the direction against the mean step (`step`), or what gae's objective
// `loss` finds there. The maps are LayerCAM's as FedCAMAE draws them, at the last layer with 4 x 4
// of them, of the image's own label, each scaled to [0, 1]; distances are Euclidean over all probes
// together. What is uploaded was itself looked at, or is w_j: nothing rests on the maps' distance
// growing with s. Batch-norm statistics and counters are w_j's. Without an image of their own the
// attackers upload the benign model with the shortest update; with nobody to overhear, the global
// model.
//   Cost: 2 n + `halvings` + 1 maps of each probe; four vectors of d numbers.
#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"
#include "fl/attacks/loss_ascent.h"
#include "fl/attacks/map_spread.h"
#include "fl/attacks/overheard.h"
#include "fl/attacks/update_geometry.h"

namespace fedcamae {

namespace {

struct AdaptiveSpec {
  bool loss = true;  // the direction
  double bound = 1, slack = 1;
  int64_t halvings = 8;
  MapProbeSpec probes;
  LossAscentSpec ascent;
};

class Adaptive final : public Attack {
 public:
  explicit Adaptive(const AdaptiveSpec& spec) : spec_(spec) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  bool uses_images() const override { return true; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    const UpdateGeometry geometry =
        update_geometry(context.context, context.global, Overheard(context).states());
    if (context.images->count() == 0 || !(geometry.radius > 0))
      return std::vector<ModelState>(context.attackers.size(),
                                     geometry.models[0].to(context.context));
    Random random(
        {context.seed, Purpose::kAttack, static_cast<uint32_t>(context.round), kSharedDraw});
    const MapSpread spread(context, geometry.models, spec_.probes, random);
    const ModelState start = geometry.models[spread.nearest()].to(context.context);
    Tensor offset = target(context, geometry, start, random);
    ops::axpy_(-1.0f, start.parameters, offset);
    const auto at = [&](double s) {
      ModelState state = start.clone();
      ops::axpy_(static_cast<float>(s), offset, state.parameters);
      return state;
    };
    const double s = largest_checked(1, spec_.halvings, [&](double share) {
      return spread.distance(at(share)) <= spec_.slack * spread.radius();
    });
    return std::vector<ModelState>(context.attackers.size(), at(s));
  }

 private:
  // At the bound's distance from the mean, in the direction that is asked for.
  Tensor target(const AttackContext& context, const UpdateGeometry& geometry,
                const ModelState& start, Random& random) const {
    const ModelState mean = mean_state(context.context, context.global, geometry);
    const double bound = spec_.bound * geometry.radius;
    Tensor weights =
        spec_.loss ? start.parameters.clone() : context.global.parameters.to(context.context);
    if (spec_.loss) ascend_loss_(context, {mean, bound}, spec_.ascent, random, weights);
    ops::axpy_(-1.0f, mean.parameters, weights);
    const double length = ops::norm(weights);
    // Just inside, as a projection is.
    constexpr double kInside = 1 - 1e-6;
    ops::scale_(static_cast<float>(length > 0 ? kInside * bound / length : 0), weights);
    ops::axpy_(1.0f, mean.parameters, weights);
    return weights;
  }

  AdaptiveSpec spec_;
};

std::vector<Option> adaptive_options() {
  return {
      {.name = "direction",
       .value = std::string("loss"),
       .doc = "where to: up the next global model's loss on own images, or against the benign mean "
              "step",
       .choices = {"loss", "step"}},
      {.name = "bound",
       .value = 1.0,
       .doc = "largest distance from the benign mean, in largest such distances of a benign "
              "update; above 0",
       .low = 1e-6,
       .high = 1e6},
      {.name = "slack",
       .value = 1.0,
       .doc = "largest distance of its maps from the benign mean map, in largest such distances of "
              "a benign update; 0 or more",
       .low = 0,
       .high = 1e6},
      {.name = "halvings",
       .value = int64_t{8},
       .doc = "halvings of the interval that the search looks at, 0 to 50",
       .low = 0,
       .high = 50},
      {.name = "probes",
       .value = int64_t{4},
       .doc = "own images that the maps are looked at on, at least 1 (fewer where it holds fewer)",
       .low = 1,
       .high = 1e6},
      {.name = "size",
       .value = int64_t{0},
       .doc = "side that they are resized to, pixels, 0 to 4096; 0: their own",
       .low = 0,
       .high = 4096},
      {.name = "map_side",
       .value = int64_t{28},
       .doc = "side of the maps, pixels, 1 to 4096",
       .low = 1,
       .high = 4096},
      {.name = "ascent_steps",
       .value = int64_t{20},
       .doc = "direction loss: steps of the ascent, 0 or more",
       .low = 0,
       .high = 1e6},
  };
}

}  // namespace

AttackInfo adaptive_attack() {
  return {.name = "adaptive",
          .doc =
              "knows FedCAMAE: from a benign model in a harmful direction, as far as its heat "
              "maps stay within the benign ones' spread",
          .source = "this project, after Min-Max (Shejwalkar and Houmansadr, NDSS 2021)",
          .knowledge =
              "overhears the benign updates of the round; own images, and what the defense "
              "looks at",
          .options = adaptive_options(),
          .make = [](const Options& options) {
            AdaptiveSpec spec;
            spec.loss = options.text("direction") == "loss";
            spec.bound = options.real("bound");
            spec.slack = options.real("slack");
            spec.halvings = options.integer("halvings");
            spec.probes = {options.integer("probes"), options.integer("size"),
                           options.integer("map_side")};
            spec.ascent.dual.steps = options.integer("ascent_steps");
            return std::make_unique<Adaptive>(spec);
          }};
}

}  // namespace fedcamae
