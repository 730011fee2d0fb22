// An attacker who knows FedCAMAE: it moves from the mean of the benign updates in a harmful
// direction, as far as its own heat maps stay within the spread of the benign ones, which it sees
// on its own images (as Min-Max, Shejwalkar and Houmansadr, NDSS 2021, does with distances between
// weights).
//
//   w(s) = mean + s * radius * direction,   radius the largest distance of a benign update from the
//   mean the largest s in [0, bound] found by halving with  |maps(w(s)) - mean map| <= slack *
//   max_i |map_i - mean map|
//
// The maps are LayerCAM's at the model's default layer, of the image's own label, each scaled to
// [0, 1]; the distance is Euclidean over all probes together. direction: `step`, against the mean
// step; `loss`, what gae's objective `loss` finds within the radius. What is uploaded was itself
// looked at: nothing rests on the maps' distance growing with s. Without an image of their own, or
// with no benign update, the attackers upload the mean.
//   Cost: n + `halvings` + 1 maps of each probe; four vectors of d numbers.
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
    const ModelState mean = mean_state(context.context, context.global, geometry);
    if (context.images->count() == 0 || !(geometry.radius > 0))
      return std::vector<ModelState>(context.attackers.size(), mean);
    Random random(
        {context.seed, Purpose::kAttack, static_cast<uint32_t>(context.round), kSharedDraw});
    const MapSpread spread(context, geometry.models, spec_.probes, random);
    const Tensor offset = harmful_offset(context, geometry, mean, random);
    const auto at = [&](double s) {
      ModelState state{mean.parameters.clone(), mean.statistics, mean.counters};
      ops::axpy_(static_cast<float>(s), offset, state.parameters);
      return state;
    };
    const double s = largest_checked(spec_.bound, spec_.halvings, [&](double share) {
      return spread.distance(at(share)) <= spec_.slack * spread.radius();
    });
    return std::vector<ModelState>(context.attackers.size(), at(s));
  }

 private:
  // From the mean to the radius, in the direction that is asked for.
  Tensor harmful_offset(const AttackContext& context, const UpdateGeometry& geometry,
                        const ModelState& mean, Random& random) const {
    Tensor offset = mean.parameters.clone();
    if (spec_.loss)
      ascend_loss_(context, {mean, geometry.radius}, spec_.ascent, random, offset);
    else
      ops::copy_(context.global.parameters, offset);
    ops::axpy_(-1.0f, mean.parameters, offset);
    const double length = ops::norm(offset);
    // Just inside, as a projection is.
    constexpr double kInside = 1 - 1e-6;
    ops::scale_(static_cast<float>(length > 0 ? kInside * geometry.radius / length : 0), offset);
    return offset;
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
       .value = int64_t{224},
       .doc = "side that they are resized to, pixels, 1 to 4096",
       .low = 1,
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
              "knows FedCAMAE: as far from the benign mean in a harmful direction as its heat "
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
