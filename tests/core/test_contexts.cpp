// Several contexts on one device: who may read whose tensors, and in which order things happen. On
// a device with streams every context has its own, and nothing but a wait orders two of them.
#include <doctest/doctest.h>

#include <vector>

#include "core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

constexpr int64_t kSize = 20000;

// The sum of a tensor that holds one whole number everywhere, to the bit.
void check_all(const Tensor& x, float value) {
  CHECK(x.to_host() == std::vector<float>(static_cast<size_t>(x.size()), value));
}

TEST_CASE("contexts: copies and axpy read what another context was asked to write") {
  Context server(testing::device_options(2)), worker(testing::device_options(1));
  const Tensor theirs = Tensor::full(worker, {kSize}, 3.0f);
  const Tensor mine = Tensor::full(server, {kSize}, 10.0f);
  ops::scale_(2.0f, theirs);
  ops::axpy_(0.5f, theirs, mine);
  ops::scale_(2.0f, theirs);
  const Tensor moved = theirs.to(server);
  ops::scale_(2.0f, theirs);
  const Tensor copied(server, {kSize});
  ops::copy_(theirs, copied);
  check_all(mine, 13.0f);
  check_all(moved, 12.0f);
  check_all(copied, 24.0f);
}

TEST_CASE("contexts: nothing is written before another context has read it") {
  Context server(testing::device_options(2)), worker(testing::device_options(1));
  const Tensor sum = Tensor::zeros(server, {kSize}), kept(server, {kSize});
  Tensor theirs = Tensor::full(worker, {kSize}, 3.0f);
  ops::axpy_(1.0f, theirs, sum);
  ops::copy_(theirs, kept);
  const Tensor moved = theirs.to(server);
  ops::fill_(theirs, -1.0f);
  theirs = {};  // its memory is the next tensor's
  const Tensor next = Tensor::full(worker, {kSize}, -2.0f);
  check_all(next, -2.0f);
  check_all(sum, 3.0f);
  check_all(kept, 3.0f);
  check_all(moved, 3.0f);
}

TEST_CASE("contexts: distances between vectors of several contexts") {
  Context server(testing::device_options(2)), a(testing::device_options(1)),
      b(testing::device_options(1));
  const Tensor vectors[] = {Tensor::full(a, {kSize}, 1.0f), Tensor::full(b, {kSize}, 3.0f),
                            Tensor::full(server, {kSize}, 4.0f)};
  for (const Tensor& v : vectors) ops::scale_(2.0f, v);
  const double size = static_cast<double>(kSize);
  CHECK(ops::squared_distance(vectors[2], vectors[0]) == 36 * size);
  const std::vector<double> table = ops::pairwise_squared_distances(server, vectors);
  CHECK(table == std::vector<double>{0, 16 * size, 36 * size, 16 * size, 0, 4 * size, 36 * size,
                                     4 * size, 0});
  CHECK(ops::pairwise_squared_distances(server, {}).empty());
  const Tensor uneven[] = {vectors[0], Tensor::full(a, {kSize + 1}, 1.0f)};
  CHECK_THROWS_AS(ops::pairwise_squared_distances(server, uneven), Error);
}

TEST_CASE("contexts: to() takes numbers to the CPU and back, bit for bit") {
  Context device(testing::device_options(1)), host(testing::cpu_options(1));
  testing::Inputs inputs(201);
  const auto x = inputs.reals({3, 5, 7});
  const Tensor there = testing::to_tensor(host, x).to(device);
  CHECK(&there.context() == &device);
  testing::check_equal(there, x);
  ops::scale_(2.0f, there);
  const Tensor back = there.to(host);
  CHECK(&back.context() == &host);
  ops::scale_(0.5f, back);  // reads host memory: the copy has arrived
  testing::check_equal(back, x);
  CHECK(Tensor(device, {0}).to(host).size() == 0);
}

TEST_CASE("contexts: other operations refuse a mixture") {
  Context one(testing::device_options(1)), two(testing::device_options(1));
  const Tensor a = Tensor::zeros(one, {2, 2}), b = Tensor::zeros(two, {2, 2});
  CHECK_THROWS_WITH(ops::add(a, b), doctest::Contains("[binary] tensors are of two contexts"));
  CHECK_THROWS_AS(ops::gemm(a, b), Error);
  CHECK_THROWS_AS(ops::dot(a, b), Error);
  CHECK_THROWS_AS(ops::add_row_(b, a), Error);
}

TEST_CASE("scale_to_unit and fill_normal: checks") {
  Context context(testing::device_options(1));
  CHECK_THROWS_AS(ops::scale_to_unit_(Tensor()), Error);
  CHECK_THROWS_AS(ops::scale_to_unit_(Tensor::zeros(context, {3, 0})), Error);
  CHECK_THROWS_AS(ops::fill_normal_({}, 0, 1, Tensor()), Error);
  ops::fill_normal_({}, 0, 1, Tensor(context, {0}));
}

}  // namespace
}  // namespace fedcamae
