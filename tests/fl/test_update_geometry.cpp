// The graph attack on three updates of four numbers: d1 = (2, 0, 0, 0), d2 = (0, 3, 0, 0),
// d3 = (1, 1, 3, 0), to a global model of ones. Expected numbers are worked out by hand where
// fractions stand, else by NumPy on the vectors themselves, in double:
//   m = (1, 4/3, 1, 0); d - m = (1, -4/3, -1, 0), (-1, 5/3, -1, 0), (0, -1/3, 2, 0)
#include "fl/attacks/update_geometry.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fl/attacks/dual_ascent.h"
#include "fl/attacks/graph_signal.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr double kExact = 1e-12;   // a few roundings of numbers near one, in double
constexpr double kPrinted = 2e-8;  // NumPy's numbers have eight places
constexpr double kInside = 3e-6;   // the projection ends 1e-6 of the radius inside

using Rows = std::vector<std::vector<double>>;
const Rows kUpdates = {{2, 0, 0, 0}, {0, 3, 0, 0}, {1, 1, 3, 0}};

ModelState state_of(Context& context, const std::vector<double>& update) {
  std::vector<float> weights;
  for (const double value : update) weights.push_back(static_cast<float>(1 + value));
  return {Tensor::from(context, {static_cast<int64_t>(update.size())}, weights),
          Tensor::zeros(context, {2}),
          {1}};
}

struct Scene {
  Context context{device_options(1)}, worker{testing::device_options(1)};
  ModelState global = state_of(context, {0, 0, 0, 0});
  UpdateGeometry geometry(const std::vector<size_t>& order = {0, 1, 2}) {
    std::vector<ModelState> models;
    for (const size_t i : order) models.push_back(state_of(worker, kUpdates[i]));
    return update_geometry(context, global, models);
  }
};

std::vector<double> mixed(const std::vector<double>& c) {
  std::vector<double> x(4, 0.0);
  for (size_t i = 0; i < c.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j) x[j] += c[i] * kUpdates[i][j];
  return x;
}

void check_near(const std::vector<double>& got, const std::vector<double>& expected,
                double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CAPTURE(got[i]);
    CHECK(std::abs(got[i] - expected[i]) <= tolerance);
  }
}

SmallMatrix matrix(const Rows& rows) {
  SmallMatrix result(static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size()));
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < rows[r].size(); ++c)
      result(static_cast<int64_t>(r), static_cast<int64_t>(c)) = rows[r][c];
  return result;
}
const SmallMatrix kBefore = matrix({{0, .5, .1}, {.5, 0, .3}, {.1, .3, 0}});
const SmallMatrix kAfter = matrix({{0, .2, .9}, {.2, 0, .4}, {.9, .4, 0}});

}  // namespace

TEST_CASE("inner products, deviations and the radius, in any order of the models") {
  Scene scene;
  for (const std::vector<size_t>& order : {std::vector<size_t>{0, 1, 2}, {2, 0, 1}, {1, 2, 0}}) {
    const UpdateGeometry g = scene.geometry(order);
    check_near(g.inner.values, {4, 0, 2, 0, 9, 3, 2, 3, 11}, kExact);
    std::vector<double> ninths{34, -20, -14, -20, 43, -23, -14, -23, 37};
    for (double& value : ninths) value /= 9;
    check_near(g.deviation.values, ninths, kExact);
    CHECK(std::abs(g.radius - std::sqrt(43.0) / 3) <= kExact);
    CHECK(g.models[2].parameters.to_host() == std::vector<float>{2, 2, 4, 1});
    CHECK(std::abs(g.length({1, 1, 0}) - std::sqrt(13.0)) <= kExact);
    // (2, 0, 0, 0) - m
    CHECK(std::abs(g.distance_to_mean({1, 0, 0}) - std::sqrt(34.0) / 3) <= kExact);
  }
}

TEST_CASE("the graph is (1 + cosine) / 2 of the deviations; coordinates have their products") {
  Scene scene;
  const UpdateGeometry g = scene.geometry();
  // (1 - 20 / sqrt(34 * 43)) / 2 and so on.
  check_near(cosine_graph(g.deviation).values,
             {0, .23846711, .30264064, .23846711, 0, .21168798, .30264064, .21168798, 0}, kPrinted);
  const SmallMatrix x = principal_coordinates(g.deviation);
  std::vector<double> products = product(x, transposed(x)).values;
  for (double& value : products) value *= 38.0 / 9;  // the mean of 34/9, 43/9 and 37/9
  check_near(products, g.deviation.values, 1e-11);
  // An update that is the mean: no direction.
  CHECK(cosine_graph(matrix({{0, 0}, {0, 2}}))(0, 1) == 0.5);
  check_near(principal_coordinates(SmallMatrix(2, 2)).values, {0, 0, 0, 0}, 0);
}

TEST_CASE(
    "regeneration: U' U^T, the null vector aligned, the others turned to their counterparts") {
  const SmallMatrix c =
      regeneration(laplacian_basis(laplacian(kBefore)), laplacian_basis(laplacian(kAfter)));
  check_near(c.values,
             {.41398988, -.2801042, .86611432, .86611432, .41398988, -.2801042, -.2801042,
              .86611432, .41398988},
             kPrinted);
  const SmallMatrix after = product(c, matrix(kUpdates));
  check_near(after.values,
             {1.69409409, .02580171, 2.59834295, 0, 1.45212443, .96186545, -.84031261, 0,
              -.14621852, 3.01233284, 1.24196965, 0},
             kPrinted);
  double spread = 0;
  const std::vector<double> mean{1, 4.0 / 3, 1, 0};
  for (int64_t j = 0; j < 4; ++j) {
    double sum = 0;
    for (int64_t r = 0; r < 3; ++r) {
      sum += after(r, j);
      spread += std::pow(after(r, j) - mean[static_cast<size_t>(j)], 2);
    }
    CHECK(std::abs(sum / 3 - mean[static_cast<size_t>(j)]) <= kExact);
  }
  CHECK(std::abs(spread - 114.0 / 9) <= 1e-11);  // 34/9 + 43/9 + 37/9
}

TEST_CASE("graphs that are not connected keep the column means too") {
  // Two pairs; then no edge at all.
  SmallMatrix pairs(4, 4);
  pairs(0, 1) = pairs(1, 0) = 0.75;
  pairs(2, 3) = pairs(3, 2) = 0.25;
  for (const SmallMatrix& graph : {pairs, SmallMatrix(4, 4), SmallMatrix(1, 1)}) {
    SmallMatrix other(graph.rows, graph.rows);
    for (int64_t i = 0; i < graph.rows; ++i)
      for (int64_t j = 0; j < graph.rows; ++j)
        other(i, j) = 0.1 * static_cast<double>(1 + i + j + 2 * i * j);
    const SmallMatrix c =
        regeneration(laplacian_basis(laplacian(graph)), laplacian_basis(laplacian(other)));
    const SmallMatrix square = product(c, transposed(c));
    for (int64_t i = 0; i < c.rows; ++i) {
      double column = 0, row = 0;
      for (int64_t j = 0; j < c.rows; ++j) {
        column += c(j, i);
        row += c(i, j);
        CHECK(std::abs(square(i, j) - (i == j ? 1 : 0)) <= kExact);
      }
      CHECK(std::abs(column - 1) <= kExact);
      CHECK(std::abs(row - 1) <= kExact);
    }
  }
}

TEST_CASE("dual ascent from d3: three steps and twelve, by NumPy in the four coordinates") {
  Scene scene;
  const UpdateGeometry g = scene.geometry();
  const auto ascended_update = [&](SpanObjective objective, int64_t steps) {
    return mixed(ascend_in_span(g, {0, 0, 1}, g.radius, objective, {steps, 0.2, 1, 0.1}));
  };
  check_near(ascended_update(SpanObjective::kStep, 3), {.32524514, .10751377, 2.28212369, 0},
             kPrinted);
  check_near(ascended_update(SpanObjective::kStep, 12), {-.21507568, -.3967672, .44492209, 0},
             kPrinted);
  check_near(ascended_update(SpanObjective::kCosine, 3), {.4734214, .24042381, 2.8182497, 0},
             kPrinted);
  check_near(ascended_update(SpanObjective::kCosine, 12), {-.04486053, -.23450538, 1.00328754, 0},
             kPrinted);
  // No step: the row itself, which is inside; half the radius: pulled towards the mean.
  check_near(ascended_update(SpanObjective::kStep, 0), {1, 1, 3, 0}, kExact);
  const std::vector<double> pulled =
      ascend_in_span(g, {0, 0, 1}, g.radius / 2, SpanObjective::kStep, {.steps = 0});
  CHECK(std::abs(g.distance_to_mean(pulled) - g.radius / 2) <= kInside);
}

TEST_CASE("with many small steps the inner product's ascent ends at m - bound m / |m|") {
  Scene scene;
  const UpdateGeometry g = scene.geometry();
  const std::vector<double> x = mixed(
      ascend_in_span(g, {0, 0, 1}, g.radius, SpanObjective::kStep, {20000, 0.002, 0.05, 0.1}));
  const double length = std::sqrt(1 + 16.0 / 9 + 1), factor = 1 - g.radius / length;
  // The last circles of the dual ascent.
  constexpr double kCircle = 5e-3;
  check_near(x, {factor, 4 * factor / 3, factor, 0}, kCircle);
}

TEST_CASE("dual ascent stays finite where there is nothing to ascend or no room") {
  Scene scene;
  const ModelState same = state_of(scene.worker, {0, 0, 0, 0});
  const UpdateGeometry nothing = update_geometry(scene.context, scene.global, {same, same});
  for (const SpanObjective objective : {SpanObjective::kStep, SpanObjective::kCosine}) {
    for (const double c : ascend_in_span(nothing, {1, 0}, 0, objective, {}))
      CHECK(std::isfinite(c));
    const UpdateGeometry g = scene.geometry();
    for (const double c : ascend_in_span(g, {1.0 / 3, 1.0 / 3, 1.0 / 3}, 0, objective, {}))
      CHECK(std::abs(c - 1.0 / 3) <= kExact);
  }
}

}  // namespace fedcamae
