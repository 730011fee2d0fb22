// The CPU's convolutions against plain loops, at every instruction-set level of this machine.
#include <doctest/doctest.h>

#include "core/cpu/conv_plan.h"
#include "tests/core/kernel_cases.h"

using namespace fedcamae;
using test::Guarded;
using test::NarrowGuarded;

namespace {

struct Case {
  int64_t n, h, w, c, k, r, s, stride, padding, groups;

  ConvSpec spec() const { return {.stride = stride, .padding = padding, .groups = groups}; }
  Shape x() const { return {n, h, w, c}; }
  Shape weight() const { return {k, r, s, c / groups}; }
  Shape y() const {
    return {n, (h + 2 * padding - r) / stride + 1, (w + 2 * padding - s) / stride + 1, k};
  }
  std::string str() const {
    return fmt::format("x {} w {} stride {} padding {} groups {}", x().str(), weight().str(),
                       stride, padding, groups);
  }
};

// visit(y, x, w) for every product of the convolution, as flat indices.
template <class Visit>
void each_product(const Case& d, const Visit& visit) {
  const Shape y = d.y();
  const int64_t gc = d.c / d.groups;
  const int64_t gk = d.k / d.groups;
  for (int64_t n = 0; n < d.n; ++n)
    for (int64_t oh = 0; oh < y.h(); ++oh)
      for (int64_t ow = 0; ow < y.w(); ++ow)
        for (int64_t k = 0; k < d.k; ++k)
          for (int64_t r = 0; r < d.r; ++r)
            for (int64_t s = 0; s < d.s; ++s) {
              const int64_t ih = oh * d.stride - d.padding + r;
              const int64_t iw = ow * d.stride - d.padding + s;
              if (ih < 0 || ih >= d.h || iw < 0 || iw >= d.w) continue;
              for (int64_t c = 0; c < gc; ++c)
                visit(((n * y.h() + oh) * y.w() + ow) * d.k + k,
                      ((n * d.h + ih) * d.w + iw) * d.c + k / gk * gc + c,
                      ((k * d.r + r) * d.s + s) * gc + c);
            }
}

void zero(Guarded& x) { std::fill(x.data(), x.data() + x.shape().size(), 0.0f); }

template <class Numbers>
struct ResultsOf {
  Numbers y, dx, dw;
  explicit ResultsOf(const Case& d) : y(d.y()), dx(d.x()), dw(d.weight()) {}
  // The numbers of `from`, rounded where these are narrower.
  template <class Other>
  explicit ResultsOf(const ResultsOf<Other>& from) : y(from.y), dx(from.dx), dw(from.dw) {}
};
using Results = ResultsOf<Guarded>;
using NarrowResults = ResultsOf<NarrowGuarded>;
Results by_loops(const Case& d, const Guarded& x, const Guarded& w, const Guarded& dy) {
  Results out(d);
  zero(out.y), zero(out.dx), zero(out.dw);
  each_product(d, [&](int64_t iy, int64_t ix, int64_t iw) {
    out.y.data()[iy] += x.data()[ix] * w.data()[iw];
    out.dx.data()[ix] += dy.data()[iy] * w.data()[iw];
    out.dw.data()[iw] += dy.data()[iy] * x.data()[ix];
  });
  return out;
}
template <class Numbers>
ResultsOf<Numbers> by_kernels(const Case& d, const Numbers& x, const Numbers& w, const Numbers& dy,
                              int threads) {
  ResultsOf<Numbers> out(d);
  cpu::conv2d(x.view(), w.view(), d.spec(), out.y.view(), threads);
  cpu::conv2d_backward_data(dy.view(), w.view(), d.spec(), out.dx.view(), threads);
  cpu::conv2d_backward_weight(dy.view(), x.view(), d.spec(), out.dw.view(), threads);
  CHECK(out.y.intact());
  CHECK(out.dx.intact());
  CHECK(out.dw.intact());
  return out;
}
template <class Numbers>
void check_same(const ResultsOf<Numbers>& got, const ResultsOf<Numbers>& want) {
  CHECK(got.y.first_difference(want.y) == -1);
  CHECK(got.dx.first_difference(want.dx) == -1);
  CHECK(got.dw.first_difference(want.dw) == -1);
}

const Case kCases[] = {
    // n, h, w, c, k, r, s, stride, padding, groups
    {2, 8, 8, 64, 64, 1, 1, 1, 0, 1},    // 1x1
    {2, 8, 8, 64, 130, 3, 3, 1, 1, 1},   // several panels, the last a narrow one
    {2, 16, 16, 3, 64, 7, 7, 2, 3, 1},   // a stem
    {1, 17, 13, 3, 32, 3, 3, 2, 1, 1},   // odd sizes, not square
    {3, 4, 4, 48, 40, 3, 3, 2, 1, 1},    // stride 2 on even sizes
    {2, 5, 7, 20, 24, 1, 1, 2, 0, 1},    // stride 2 leaves pixels without a gradient
    {70, 1, 1, 96, 160, 3, 3, 1, 1, 1},  // a single pixel: only the centre tap
    {3, 2, 2, 33, 17, 3, 3, 1, 1, 1},    // every pixel a corner
    {2, 6, 6, 48, 48, 3, 3, 1, 1, 3},    // groups of 16
    {2, 7, 7, 64, 32, 3, 3, 2, 1, 2},    // groups, another number of outputs
    {2, 6, 5, 12, 12, 3, 3, 1, 1, 12},   // depthwise
    {2, 6, 5, 10, 15, 3, 3, 2, 1, 5},    // tiny groups
    {1, 9, 11, 7, 5, 5, 5, 1, 2, 1},     // 5x5, nothing a multiple of anything
    {2, 10, 9, 19, 6, 3, 5, 3, 2, 1},    // stride 3, a kernel that is not square
    {1, 6, 6, 18, 20, 1, 1, 1, 3, 1},    // padding beyond a 1x1 kernel: outputs without taps
    {1, 5, 5, 17, 3, 2, 2, 3, 0, 1},     // stride beyond the kernel: pixels never read
    {1, 3, 3, 1, 1, 3, 3, 1, 0, 1},      // one number out
    {5, 8, 8, 16, 16, 3, 3, 1, 1, 1},    // exactly one vector
    {3, 3, 3, 200, 70, 1, 1, 1, 0, 1},   // more than two blocks of channels
    {1, 224, 9, 3, 16, 3, 3, 2, 1, 1},   // a tall image
    {2, 40, 37, 2, 70, 5, 3, 1, 2, 1},   // few channels: several blocks of rows, two panels
    {5, 16, 12, 32, 24, 3, 3, 1, 1, 1},  // blocks of pixels, the last image without a partner
};

}  // namespace

TEST_CASE("convolutions are exact on small integers") {
  for (const Case& d : kCases) {
    CAPTURE(d.str());
    Random random({.seed = 7, .purpose = Purpose::kTest});
    const Guarded x = Guarded::integers(d.x(), random);
    const Guarded w = Guarded::integers(d.weight(), random);
    const Guarded dy = Guarded::integers(d.y(), random);
    const Results want = by_loops(d, x, w, dy);
    for (const cpu::CpuKernels* level : test::kernel_levels()) {
      CAPTURE(level->name);
      const cpu::ScopedCpuKernels scope(*level);
      check_same(by_kernels(d, x, w, dy, 1), want);
      check_same(by_kernels(d, x, w, dy, 2), want);
    }
  }
}

TEST_CASE("convolutions give the same bits for any number of threads") {
  for (const Case& d : kCases) {
    CAPTURE(d.str());
    Random random({.seed = 8, .purpose = Purpose::kTest});
    const Guarded x = Guarded::normals(d.x(), random);
    const Guarded w = Guarded::normals(d.weight(), random);
    const Guarded dy = Guarded::normals(d.y(), random);
    for (const cpu::CpuKernels* level : test::kernel_levels()) {
      CAPTURE(level->name);
      const cpu::ScopedCpuKernels scope(*level);
      const Results one = by_kernels(d, x, w, dy, 1);
      for (int threads : {2, 3, 5}) {
        CAPTURE(threads);
        check_same(by_kernels(d, x, w, dy, threads), one);
      }
    }
  }
}

// Sums of whole numbers are exact in float32, in any order: what is left is the one rounding.
TEST_CASE("bfloat16 convolutions round exact sums once") {
  for (const Case& d : kCases) {
    CAPTURE(d.str());
    Random random({.seed = 11, .purpose = Purpose::kTest});
    const Guarded x = Guarded::integers(d.x(), random);
    const Guarded w = Guarded::integers(d.weight(), random);
    const Guarded dy = Guarded::integers(d.y(), random);
    const Results exact = by_loops(d, x, w, dy);
    const NarrowResults want(exact);
    const NarrowGuarded nx(x), nw(w), ndy(dy);
    for (const cpu::CpuKernels* level : test::kernel_levels()) {
      CAPTURE(level->name);
      const cpu::ScopedCpuKernels scope(*level);
      check_same(by_kernels(d, nx, nw, ndy, 1), want);
      check_same(by_kernels(d, nx, nw, ndy, 2), want);
    }
  }
}

TEST_CASE("bfloat16 convolutions give the same bits for any number of threads") {
  for (const Case& d : kCases) {
    CAPTURE(d.str());
    Random random({.seed = 12, .purpose = Purpose::kTest});
    const NarrowGuarded x(Guarded::normals(d.x(), random));
    const NarrowGuarded w(Guarded::normals(d.weight(), random));
    const NarrowGuarded dy(Guarded::normals(d.y(), random));
    for (const cpu::CpuKernels* level : test::kernel_levels()) {
      CAPTURE(level->name);
      const cpu::ScopedCpuKernels scope(*level);
      const NarrowResults one = by_kernels(d, x, w, dy, 1);
      for (int threads : {2, 3, 5}) {
        CAPTURE(threads);
        check_same(by_kernels(d, x, w, dy, threads), one);
      }
    }
  }
}

TEST_CASE("every tap of a plan reads inside the image") {
  for (const Case& d : kCases) {
    CAPTURE(d.str());
    const cpu::ConvShape shape = cpu::conv_shape(d.x(), d.weight(), d.y(), d.spec());
    const auto inside = [](const cpu::ConvPlan& plan, int64_t read, int64_t written) {
      int64_t pixels = 0;
      for (const cpu::PixelClass& group : plan.classes) {
        pixels += static_cast<int64_t>(group.to.size());
        for (const cpu::Run& run : group.runs)
          for (int64_t from : group.from)
            if (from + run.a < 0 || from + run.a + run.length > read) return false;
      }
      return pixels == written;
    };
    CHECK(inside(*cpu::forward_plan(shape), d.x().size(), d.y().rows()));
    CHECK(inside(*cpu::backward_data_plan(shape), d.y().size(), d.x().rows()));
  }
}
