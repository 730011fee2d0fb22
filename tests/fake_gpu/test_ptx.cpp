// The interpreter on kernels_good.cu, compiled for several architectures, against the CPU.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <bit>

#include "tests/fake_gpu/kernel_bodies.h"
#include "tests/fake_gpu/test_ptx_support.h"

using namespace fake_gpu::testing;

namespace {

// Each architecture, with threads and blocks from first to last and from last to first.
template <class F>
void on_all(F f) {
  for (const std::string architecture : kArchitectures)
    for (const bool reversed : {false, true}) {
      CAPTURE(architecture);
      CAPTURE(reversed);
      Machine machine("kernels_good", architecture);
      machine.reversed = reversed;
      f(machine);
    }
}

std::vector<float> some_floats(size_t count, float from = -4, float to = 4) {
  std::vector<float> values(count);
  uint32_t state = 12345;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = from + (to - from) * static_cast<float>(state >> 8) / static_cast<float>(1 << 24);
  }
  return values;
}

// The functions of CUDA's library have errors of up to a few units in the last place; so does the
// CPU's.
constexpr double kFloatFunction = 1e-6, kDoubleFunction = 1e-15;

template <class T>
void check_close(const std::vector<T>& got, const std::vector<T>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(static_cast<double>(got[i] - expected[i])) <=
          tolerance * std::max(1.0, std::abs(static_cast<double>(expected[i]))));
  }
}

template <class T>
void check_same(const std::vector<T>& got, const std::vector<T>& expected) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i] == expected[i]);
  }
}

}  // namespace

TEST_CASE("grid-stride addition is exact") {
  on_all([](Machine& m) {
    const auto a = some_floats(1000), b = some_floats(1000, 0, 1);
    const uint64_t y = m.memory.make<float>(1000);
    m.run("add_kernel", {3}, {64}, 0, m.memory.put(a), m.memory.put(b), y, int64_t{1000});
    std::vector<float> expected(1000);
    for (size_t i = 0; i < 1000; ++i) expected[i] = a[i] + b[i];
    check_same(m.memory.take<float>(y), expected);
  });
}

TEST_CASE("softmax with shuffles and shared memory") {
  on_all([](Machine& m) {
    const int columns = 150;
    const auto x = some_floats(3 * columns);
    const uint64_t y = m.memory.make<float>(x.size());
    m.run("softmax_kernel", {3}, {64}, 0, m.memory.put(x), y, columns);
    std::vector<float> expected(x.size());
    for (size_t r = 0; r < 3; ++r) {
      double sum = 0;
      for (int c = 0; c < columns; ++c) sum += std::exp(static_cast<double>(x[r * columns + c]));
      for (int c = 0; c < columns; ++c)
        expected[r * columns + c] =
            static_cast<float>(std::exp(static_cast<double>(x[r * columns + c])) / sum);
    }
    check_close(m.memory.take<float>(y), expected, kFloatFunction);
  });
}

TEST_CASE("adam, with its arguments in a struct") {
  on_all([](Machine& m) {
    const auto g = some_floats(100);
    auto w = some_floats(100, 0, 1), mean = some_floats(100, -1, 0),
         square = some_floats(100, 1, 2);
    const bodies::AdamStep step{1e-3f, 0.9f, 0.999f, 1e-8f, 3};
    const uint64_t dw = m.memory.put(w), dm = m.memory.put(mean), dv = m.memory.put(square);
    m.run("adam_kernel", {2}, {64}, 0, step, m.memory.put(g), dw, dm, dv, 100);
    for (size_t i = 0; i < 100; ++i) bodies::adam(step, g[i], w[i], mean[i], square[i]);
    check_close(m.memory.take<float>(dw), w, kFloatFunction);
    check_close(m.memory.take<float>(dm), mean, kFloatFunction);
    check_close(m.memory.take<float>(dv), square, kFloatFunction);
  });
}

TEST_CASE("a tiled transpose") {
  on_all([](Machine& m) {
    const int rows = 21, columns = 37;
    const auto x = some_floats(rows * columns);
    const uint64_t y = m.memory.make<float>(x.size());
    m.run("transpose_kernel", {3, 2}, {16, 16}, 0, m.memory.put(x), y, rows, columns);
    std::vector<float> expected(x.size());
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) expected[c * rows + r] = x[r * columns + c];
    check_same(m.memory.take<float>(y), expected);
  });
}

TEST_CASE("reductions: a tree over a block, over a warp, and Welford's merge") {
  on_all([](Machine& m) {
    std::vector<float> x(200);
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17);
    const uint64_t dx = m.memory.put(x), y = m.memory.make<float>(2), one = m.memory.make<float>(1);
    m.run("tree_sum_kernel", {2}, {128}, 128 * sizeof(float), dx, y, 200);
    std::vector<float> expected(2);
    for (size_t i = 0; i < x.size(); ++i) expected[i / 128] += x[i];
    check_same(m.memory.take<float>(y), expected);
    m.run("warp_tree_kernel", {1}, {32}, 0, dx, one);
    CHECK(m.memory.take<float>(one)[0] == 241);
    const uint64_t moments = m.memory.make<double>(2);
    m.run("welford_kernel", {1}, {128}, 0, dx, moments, 200);
    double mean = 0, square = 0;
    for (const float v : x) mean += v / 200.0;
    for (const float v : x) square += (v - mean) * (v - mean);
    check_close(m.memory.take<double>(moments), {mean, square}, 1e-13);  // sums of 200
  });
}

TEST_CASE("normal numbers: Philox and Box-Muller in double") {
  on_all([](Machine& m) {
    const uint64_t y = m.memory.make<double>(200);
    m.run("normal_kernel", {4}, {32}, 0, y, 100);
    std::vector<double> expected(200);
    for (uint32_t i = 0; i < 100; ++i)
      bodies::box_muller(bodies::philox({{i, 1, 2, 3}}, 17, 19), expected[2 * i],
                         expected[2 * i + 1]);
    check_close(m.memory.take<double>(y), expected, kDoubleFunction);
  });
}

TEST_CASE("elements of two bytes and of one: neighbours share a word without a race") {
  on_all([](Machine& m) {
    const auto x = some_floats(99);
    const uint64_t dx = m.memory.put(x), narrow = m.memory.make<uint16_t>(99);
    const uint64_t back = m.memory.make<float>(99), bytes = m.memory.make<int8_t>(99);
    m.run("bfloat16_kernel", {2}, {64}, 0, dx, narrow, back, 99);
    m.run("bytes_kernel", {2}, {64}, 0, dx, bytes, 99);
    for (size_t i = 0; i < 99; ++i) {
      CHECK(m.memory.take<uint16_t>(narrow)[i] == bodies::to_bfloat16(x[i]));
      CHECK(m.memory.take<float>(back)[i] == bodies::from_bfloat16(bodies::to_bfloat16(x[i])));
      CHECK(m.memory.take<int8_t>(bytes)[i] == static_cast<int8_t>(std::rint(x[i] * 10)));
    }
  });
}

TEST_CASE("vectors of four, and a constant table") {
  on_all([](Machine& m) {
    const auto x = some_floats(4 * 30);
    const uint64_t y = m.memory.make<float>(x.size());
    m.run("float4_kernel", {1}, {32}, 0, m.memory.put(x), y, 30);
    std::vector<float> expected(x.size());
    for (size_t i = 0; i < x.size(); i += 4) {
      expected[i] = x[i + 3];
      expected[i + 1] = 2 * x[i];
      expected[i + 2] = x[i + 1] + x[i + 2];
      expected[i + 3] = static_cast<float>(1 << (i / 4 & 3));
    }
    check_same(m.memory.take<float>(y), expected);
  });
}

TEST_CASE("atomics of all kinds") {
  on_all([](Machine& m) {
    std::vector<int> x(100);
    for (int i = 0; i < 100; ++i) x[i] = i * 7 % 64;
    const uint64_t counts = m.memory.put(std::vector<int>(9)),
                   sum = m.memory.put(std::vector<float>(1));
    const uint64_t most = m.memory.put(std::vector<int>(1)),
                   turns = m.memory.put(std::vector<unsigned>(1));
    const uint64_t wide = m.memory.put(std::vector<uint64_t>(1)),
                   exact = m.memory.put(std::vector<double>(1));
    m.run("atomics_kernel", {2}, {64}, 0, m.memory.put(x), counts, sum, most, turns, wide, exact,
          100);
    std::vector<int> expected(9);
    int total = 0;
    for (const int v : x) ++expected[v & 7], total += v, expected[8] ^= v;
    check_same(m.memory.take<int>(counts), expected);
    CHECK(m.memory.take<float>(sum)[0] == static_cast<float>(total));
    CHECK(m.memory.take<int>(most)[0] == 63);
    CHECK(m.memory.take<unsigned>(turns)[0] == 0);
    CHECK(m.memory.take<uint64_t>(wide)[0] == static_cast<uint64_t>(total) << 33);
    CHECK(m.memory.take<double>(exact)[0] == 0.5 * total);
  });
}

TEST_CASE("integers of all sizes and signs") {
  std::vector<int64_t> a, b;
  const int64_t edges[] = {1,
                           -1,
                           2,
                           -7,
                           100,
                           255,
                           -128,
                           32767,
                           -32768,
                           65537,
                           INT32_MAX,
                           INT32_MIN,
                           int64_t{1} << 40,
                           -(int64_t{1} << 40) + 3,
                           INT64_MAX,
                           INT64_MIN + 1};
  for (const int64_t x : edges)
    for (const int64_t y : edges) a.push_back(x), b.push_back(y);
  std::vector<int64_t> expected(a.size() * bodies::kIntegers);
  for (size_t i = 0; i < a.size(); ++i) {
    if (static_cast<int32_t>(a[i]) == INT32_MIN && static_cast<int32_t>(b[i]) == -1) a[i] = 5;
    bodies::integers(a[i], b[i], &expected[i * bodies::kIntegers]);
  }
  on_all([&](Machine& m) {
    const uint64_t out = m.memory.make<int64_t>(expected.size());
    m.run("integers_kernel", {8}, {32}, 0, m.memory.put(a), m.memory.put(b), out, 256);
    check_same(m.memory.take<int64_t>(out), expected);
  });
}

TEST_CASE("functions in single precision") {
  const auto x = some_floats(96, -20, 20);
  std::vector<float> expected(x.size() * bodies::kFloats);
  for (size_t i = 0; i < x.size(); ++i) bodies::floats(x[i], &expected[i * bodies::kFloats]);
  on_all([&](Machine& m) {
    const uint64_t out = m.memory.make<float>(expected.size());
    m.run("floats_kernel", {3}, {32}, 0, m.memory.put(x), out, 96);
    check_close(m.memory.take<float>(out), expected, kFloatFunction);
  });
}

TEST_CASE("functions in double precision") {
  std::vector<double> x;
  for (const float v : some_floats(96, -20, 20)) x.push_back(v * 1.0000000001);
  std::vector<double> expected(x.size() * bodies::kDoubles);
  for (size_t i = 0; i < x.size(); ++i) bodies::doubles(x[i], &expected[i * bodies::kDoubles]);
  on_all([&](Machine& m) {
    const uint64_t out = m.memory.make<double>(expected.size());
    m.run("doubles_kernel", {3}, {32}, 0, m.memory.put(x), out, 96);
    check_close(m.memory.take<double>(out), expected, kDoubleFunction);
  });
}

TEST_CASE("a switch, local arrays, recursion") {
  on_all([](Machine& m) {
    const uint64_t y = m.memory.make<int>(12);
    m.run("switch_kernel", {1}, {12}, 0, y);
    for (int i = 0; i < 12; ++i) CHECK(m.memory.take<int>(y)[i] == bodies::chosen(i));
    m.run("recursion_kernel", {1}, {12}, 0, y);
    CHECK(m.memory.take<int>(y)[11] == 89);

    std::vector<int> order(16);
    for (int k = 0; k < 16; ++k) order[k] = (k * 5 + 3) & 15;
    const uint64_t sums = m.memory.make<float>(32);
    m.run("local_array_kernel", {1}, {32}, 0, m.memory.put(order), sums);
    float values[16], sum = 0;
    for (int k = 0; k < 16; ++k) values[k] = static_cast<float>(k) * 1.5f;
    for (int k = 0; k < 16; ++k) {
      values[order[k]] += sum;
      sum += values[order[(k + 5) & 15]];
    }
    CHECK(m.memory.take<float>(sums)[31] == sum + 5);
  });
}

TEST_CASE("bits") {
  on_all([](Machine& m) {
    std::vector<uint32_t> x{0x80f0'1234, 0x0000'0001, 0xdead'beef, 0x7fff'0000};
    const uint64_t y = m.memory.make<uint32_t>(40);
    m.run("bits_kernel", {1}, {4}, 0, m.memory.put(x), y);
    const auto got = m.memory.take<uint32_t>(y);
    for (size_t i = 0; i < 4; ++i) {
      const uint32_t a = x[i], b = x[i ^ 1];
      const uint64_t both = uint64_t{b} << 32 | a;
      uint32_t reversed = 0;
      for (int k = 0; k < 32; ++k) reversed |= (a >> k & 1) << (31 - k);
      const auto byte = [&](int k) { return static_cast<uint32_t>(both >> 8 * k & 0xff); };
      const std::vector<uint32_t> expected{static_cast<uint32_t>(std::popcount(a)),
                                           static_cast<uint32_t>(std::countl_zero(a)),
                                           reversed,
                                           static_cast<uint32_t>(std::countr_zero(a)) + 1,
                                           static_cast<uint32_t>(uint64_t{a} * b >> 32),
                                           byte(7) | byte(3) << 8 | byte(5) << 16 | byte(2) << 24,
                                           static_cast<uint32_t>(both << 9 >> 32),
                                           static_cast<uint32_t>(both >> 9),
                                           a >> 5 & 0xfff,
                                           (a & 0xffff00ff) | (b & 0xff) << 8};
      check_same({got.begin() + 10 * i, got.begin() + 10 * i + 10}, expected);
    }
  });
}

TEST_CASE("ballots, votes, matches, and shuffles of parts of a warp") {
  on_all([](Machine& m) {
    const uint64_t y = m.memory.make<uint32_t>(6 * 64);
    m.run("together_kernel", {1}, {64}, 0, y);
    const auto got = m.memory.take<uint32_t>(y);
    for (uint32_t t = 0; t < 64; ++t) {
      CAPTURE(t);
      const uint32_t first = t / 32 * 32;
      uint32_t thirds = 0;
      for (uint32_t k = 0; k < 32; ++k) thirds |= static_cast<uint32_t>((first + k) % 3 == 0) << k;
      const uint32_t other = t % 32 < 16 ? t / 8 * 8 + 3 : t % 8 == 0 ? t : t - 1;
      check_same({got.begin() + 6 * t, got.begin() + 6 * t + 6},
                 std::vector<uint32_t>{thirds, t < 32 ? 1u : 2u, 13, 2, 0xfu << t % 32 / 4 * 4,
                                       first * 32 + 496 + other});
    }
  });
}

TEST_CASE("a barrier of some warps") {
  on_all([](Machine& m) {
    const uint64_t y = m.memory.make<uint32_t>(64);
    m.run("named_barrier_kernel", {1}, {96}, 0, y);
    for (uint32_t t = 0; t < 64; ++t) CHECK(m.memory.take<uint32_t>(y)[t] == 63 - t);
  });
}

TEST_CASE("half and bfloat16") {
  on_all([](Machine& m) {
    const auto x = some_floats(32);
    const uint64_t y = m.memory.make<float>(6 * 32);
    m.run("halves_kernel", {1}, {32}, 0, m.memory.put(x), y);
    const auto got = m.memory.take<float>(y);
    const auto half = [](double v) { return static_cast<float>(static_cast<_Float16>(v)); };
    const auto narrow = [](float v) { return bodies::from_bfloat16(bodies::to_bfloat16(v)); };
    for (size_t i = 0; i < 32; ++i) {
      const float h = half(x[i]), b = narrow(x[i]);
      check_same({got.begin() + 6 * i, got.begin() + 6 * i + 6},
                 std::vector<float>{half(h + 0.5), half(h * h), b, narrow(b + 0.25f),
                                    half(h * 2.0 + 1), h > 0 ? 1.f : 0.f});
    }
  });
}

TEST_CASE("templates") {
  on_all([](Machine& m) {
    int found = 0;
    for (const std::string& name : m.module.kernels()) {
      if (name.find("scale_kernelIs") != std::string::npos) {
        const uint64_t y = m.memory.make<int16_t>(3);
        m.run(name, {1}, {32}, 0, m.memory.put(std::vector<int16_t>{1, -2, 30000}), y, int16_t{3},
              3);
        check_same(m.memory.take<int16_t>(y), {3, -6, static_cast<int16_t>(90000)});
        ++found;
      }
      if (name.find("scale_kernelId") != std::string::npos) {
        const uint64_t y = m.memory.make<double>(2);
        m.run(name, {1}, {32}, 0, m.memory.put(std::vector<double>{1, -2.5}), y, 3.0, 2);
        check_same(m.memory.take<double>(y), {3, -7.5});
        ++found;
      }
    }
    CHECK(found == 2);
  });
}
