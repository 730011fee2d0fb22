// The interpreter on kernels_broken.cu: each fault must be found, and named with its place.
#include <cmath>

#include "tests/fake_gpu/test_ptx_support.h"

using namespace fake_gpu;
using namespace fake_gpu::testing;

namespace {

// The line in kernels_broken.cu where `kernel` has its "// <- ".
std::string marked_line(const std::string& kernel) {
  std::istringstream text(text_of(FAKE_GPU_SOURCE "/kernels_broken.cu"));
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.find(" " + kernel + "(") != std::string::npos) inside = true;
    if (inside && line.find("// <- ") != std::string::npos)
      return "kernels_broken.cu:" + std::to_string(number);
  }
  return "no line";
}

// Runs it, for every architecture and order: the report must name the kernel, its line and `what`.
template <class... Args>
void expect_fault(const std::string& name, const std::string& what, ptx::Extent grid,
                  ptx::Extent block, size_t shared, Args... args) {
  for (const std::string architecture : kArchitectures)
    for (const bool reversed : {false, true}) {
      CAPTURE(name);
      CAPTURE(architecture);
      CAPTURE(reversed);
      Machine m("kernels_broken", architecture);
      m.reversed = reversed;
      const auto memory = [&](auto value) {
        if constexpr (std::is_same_v<decltype(value), std::vector<float>>)
          return m.memory.put(value);
        else
          return value;
      };
      std::string report = "no fault";
      try {
        m.run(name, grid, block, shared, memory(args)...);
      } catch (const ptx::Fault& fault) {
        report = fault.what();
      }
      CAPTURE(report);
      CHECK(report.find(name + " at ") == 0);
      CHECK(report.find(marked_line(name)) != std::string::npos);
      CHECK(report.find(what) != std::string::npos);
      CHECK(report.find("block (") != std::string::npos);
      CHECK(report.find("thread (") != std::string::npos);
    }
}

const std::vector<float> k64(64, 1.f), k100(100, 1.f);

}  // namespace

TEST_CASE("accesses outside of memory are found") {
  expect_fault("off_by_one_kernel", "out of bounds", {2}, {64}, 0, k100, 100);
  expect_fault("no_guard_kernel", "out of bounds", {2}, {64}, 0, k100, k100);
  expect_fault("misaligned_kernel", "misaligned", {1}, {1}, 0, k64, k64);
  expect_fault("null_kernel", "null", {1}, {1}, 0, uint64_t{0});
  expect_fault("too_little_shared_kernel", "outside", {1}, {64}, 63 * sizeof(float), k64);
  expect_fault("between_arrays_kernel", "outside", {1}, {64}, 0, k64, 9);
}

TEST_CASE("races are found") {
  expect_fault("no_barrier_kernel", "race", {1}, {64}, 0, k64, k64);
  expect_fault("tree_without_barrier_kernel", "race", {1}, {64}, 64 * sizeof(float), k64, k64);
  expect_fault("one_too_many_kernel", "race", {1}, {64}, 65 * sizeof(float), k64, k64);
  expect_fault("plain_add_kernel", "race", {1}, {64}, 0, k64, k64);
  expect_fault("blocks_race_kernel", "race", {2}, {64}, 0, k64);
  expect_fault("readers_then_writer_kernel", "race", {1}, {64}, 0, k64);
}

TEST_CASE("barriers that not all threads reach are found") {
  expect_fault("divergent_barrier_kernel", "not every thread", {1}, {64}, 0, k64);
  expect_fault("two_barriers_kernel", "other than that", {1}, {64}, 0, k64);
  expect_fault("early_return_kernel", "not every thread", {1}, {64}, 0, k64, 40);
}

TEST_CASE("wrong masks are found") {
  expect_fault("wrong_mask_kernel", "takes no part", {1}, {32}, 0, k64, k64);
  expect_fault("mask_of_ended_kernel", "has ended", {1}, {32}, 0, k64, 20);
  expect_fault("mask_without_me_kernel", "lacks its own lane", {1}, {32}, 0, k64);
}

TEST_CASE("assertions, divisions by zero and endless loops are found") {
  expect_fault("assert_kernel", "assertion failed: n < 3", {1}, {32}, 0, 3);
  expect_fault("divide_kernel", "divides", {1}, {1}, 0, std::vector<float>{1, 1, 0});
  expect_fault("endless_kernel", "does not come to an end", {1}, {1}, 0, std::vector<float>{0});
}

TEST_CASE("shared memory that nobody wrote reads as NaN") {
  Machine m("kernels_broken", kArchitectures[0]);
  const uint64_t y = m.memory.make<float>(64);
  m.run("uninitialised_kernel", {1}, {64}, 0, y);
  CHECK(m.memory.take<float>(y)[31] == 1);
  CHECK(std::isnan(m.memory.take<float>(y)[32]));
}

TEST_CASE("a launch that a GPU refuses is refused") {
  Machine m("kernels_broken", kArchitectures[0]);
  const uint64_t y = m.memory.make<float>(2048);
  CHECK_THROWS_AS(m.run("null_kernel", {1}, {1025}, 0, y), ptx::Refusal);
  CHECK_THROWS_AS(m.run("null_kernel", {0}, {1}, 0, y), ptx::Refusal);
  CHECK_THROWS_AS(m.run("null_kernel", {1, 65536}, {1}, 0, y), ptx::Refusal);
  CHECK_THROWS_AS(m.run("bounded_kernel", {1}, {65}, 0, y), ptx::Refusal);
  CHECK_THROWS_AS(m.run("too_little_shared_kernel", {1}, {64}, 49153, y), ptx::Refusal);
  m.run("bounded_kernel", {1}, {64}, 0, y);
}
