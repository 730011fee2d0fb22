// GradCAM-AE: the steps of the released detector on Grad-CAM maps.
#include <doctest/doctest.h>

#include <cmath>

#include "defense/all.h"
#include "defense/grad_cam.h"
#include "defense/heat_maps.h"
#include "models/layer_cam.h"
#include "tests/defense/server.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

std::unique_ptr<Defense> small_detector(double k = 1) {
  return make_defense("grad_cam_ae", {{"size", int64_t{24}},
                                      {"layer", std::string("conv2")},
                                      {"map_side", int64_t{12}},
                                      {"hidden", std::vector<int64_t>{6}},
                                      {"epochs", int64_t{20}},
                                      {"k", k}});
}

// Errors of the maps that `method` makes, with the steps spelled out.
std::vector<double> errors_of(Server& server, const std::vector<ClientUpdate>& updates,
                              CamMethod method) {
  const RoundContext round = server.round();
  const Probe probe = make_probe({.size = 24}, round);
  HeatMaps maps{12, 1, {}};
  for (const ClientUpdate& update : updates) {
    const BorrowedState borrowed(round.model, update.state);
    const CamResult cam = method == CamMethod::kGradCam
                              ? grad_cam(round.model, probe.images, "conv2", probe.labels)
                              : layer_cam(round.model, probe.images, "conv2", probe.labels);
    maps.rows.push_back(scale_maps(cam.raw, 12).reshape({12 * 12}));
  }
  return reconstruct_maps(maps, {.hidden = {6}, .epochs = 20}, round).errors;
}

TEST_CASE("GradCAM-AE: scores are the errors of Grad-CAM's maps, the threshold theirs") {
  Server server;
  std::vector<ClientUpdate> updates;
  for (int64_t i = 0; i < 5; ++i) updates.push_back(server.honest(i, static_cast<uint32_t>(i)));
  updates.push_back(server.noisy(9, 7));
  const DefenseResult result = small_detector()->aggregate(server.round(), updates);
  const std::vector<double> errors = errors_of(server, updates, CamMethod::kGradCam);
  CHECK(result.verdict.score == errors);
  CHECK(errors != errors_of(server, updates, CamMethod::kLayerCam));

  double mean = 0, squares = 0;
  for (const double error : errors) mean += error / 6;
  for (const double error : errors) squares += (error - mean) * (error - mean) / 5;
  CHECK(result.verdict.threshold == doctest::Approx(mean + std::sqrt(squares)));
  for (size_t i = 0; i < updates.size(); ++i)
    CHECK(result.verdict.accepted[i] == (errors[i] <= result.verdict.threshold));
}

TEST_CASE("GradCAM-AE: what is not finite is rejected; the verdict permutes with the ids") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                             server.honest(6, 2), server.honest(7, 3),
                                             server.noisy(8, 4)};
  const Verdict verdict = small_detector()->aggregate(server.round(), updates).verdict;
  CHECK(verdict.nonfinite == std::vector<bool>{false, true, false, false, false});
  CHECK_FALSE(verdict.accepted[1]);
  testing::check_permutes(server, [] { return small_detector(0.5); }, updates, {2, 3, 4, 0, 1});
}

TEST_CASE("GradCAM-AE: the published settings") {
  const Options options(grad_cam_ae_defense().options);
  CHECK(options.integer("size") == 224);
  CHECK(options.integer("map_side") == 224);
  CHECK(options.integers("hidden") == std::vector<int64_t>{128});
  CHECK(options.integer("epochs") == 200);
  CHECK(options.real("k") == 1.0);
  CHECK(options.integer("vote") == 3);
}

}  // namespace
}  // namespace fedcamae
