// The small autoencoder on the host: against PyTorch, and what its first weights mean.
#include "defense/row_coder.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "tests/models/golden.h"

namespace fedcamae {
namespace {

// Both sides in double; the dump is rounded to float32, numbers below 4.
constexpr double kStored = 4 * 6e-8;

void check_near(const std::vector<double>& values, const std::vector<float>& expected) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(values[i] - static_cast<double>(expected[i])) <= kStored);
  }
}

TEST_CASE("training from given weights is PyTorch's (tools/make_fedcamae_golden.py)") {
  const SafeTensors golden = testing::read_golden("row_coder.safetensors");
  const auto& shape = golden.tensors().at("rows").shape;
  const auto inputs = static_cast<size_t>(shape[1]);
  const std::vector<float> numbers = golden.floats("rows"), before = golden.floats("before");
  Rows rows;
  for (size_t begin = 0; begin < numbers.size(); begin += inputs)
    rows.emplace_back(numbers.begin() + static_cast<int64_t>(begin),
                      numbers.begin() + static_cast<int64_t>(begin + inputs));
  Random random({1});
  RowCoder coder(inputs, {.code = 3}, random);
  REQUIRE(coder.parameters().size() == before.size());
  coder.parameters().assign(before.begin(), before.end());
  check_near(coder.train(rows), golden.floats("losses"));
  check_near(coder.parameters(), golden.floats("after"));
  std::vector<double> copies;
  for (const Row& row : rows)
    for (const double v : coder.reconstruct(row)) copies.push_back(v);
  check_near(copies, golden.floats("reconstructed"));
}

TEST_CASE("first weights: the decoder's are a tenth and without bias, so it says nearly zero") {
  Random random({4, Purpose::kAutoencoder, 1});
  RowCoder coder(100, {.code = 4, .epochs = 0}, random);
  const std::vector<double>& p = coder.parameters();
  REQUIRE(p.size() == 904);
  double encoder = 0, decoder = 0;
  for (size_t i = 0; i < 404; ++i) encoder = std::max(encoder, std::abs(p[i]));
  for (size_t i = 404; i < 804; ++i) decoder = std::max(decoder, std::abs(p[i]));
  for (size_t i = 804; i < 904; ++i) CHECK(p[i] == 0);
  CHECK((encoder <= 0.1 && encoder > 0.095));    // 1 / sqrt(100)
  CHECK((decoder <= 0.05 && decoder > 0.0475));  // 0.1 / sqrt(4)
  CHECK(coder.train({Row(100, 1.0)}).empty());   // no epochs
  for (const double v : coder.reconstruct(Row(100, 1.0))) CHECK(std::abs(v) < 0.1);
}

TEST_CASE("by hand: one input, one unit, one step") {
  Random random({1});
  RowCoder coder(1, {.code = 1, .epochs = 1, .lr = 0.5, .weight_decay = 0}, random);
  coder.parameters() = {2, -1, 3, 0.5};  // y = 3 relu(2 x - 1) + 0.5
  CHECK(coder.reconstruct({1}) == Row{3.5});
  CHECK(coder.reconstruct({0}) == Row{0.5});
  // (3.5 - 1)^2 = 6.25 before; dy = 5, every gradient is positive: Adam's first step is lr each.
  CHECK(coder.train({{1}}) == std::vector<double>{6.25});
  const std::vector<double> after = coder.parameters(), expected = {1.5, -1.5, 2.5, 0};
  for (size_t i = 0; i < 4; ++i) CHECK(std::abs(after[i] - expected[i]) < 1e-8);
  CHECK_THROWS_AS(coder.reconstruct({1, 2}), Error);
}

}  // namespace
}  // namespace fedcamae
