// The CPU's matrix product against plain loops, at every instruction-set level of this machine.
#include <doctest/doctest.h>

#include "tests/core/kernel_cases.h"

using namespace fedcamae;
using test::Guarded;
using test::NarrowGuarded;

namespace {

struct Case {
  int64_t m, n, k;
};
const Case kCases[] = {{1, 1, 1},     {6, 64, 16},   {7, 65, 3},     {5, 17, 200},   {64, 10, 320},
                       {24, 130, 70}, {2, 300, 129}, {130, 2, 33},   {13, 4, 0},     {24, 40, 1500},
                       {24, 700, 24}, {700, 33, 24}, {65, 129, 513}, {200, 20, 300}, {3, 66, 4200}};

Shape shape_of(bool transposed, int64_t rows, int64_t columns) {
  return transposed ? Shape{columns, rows} : Shape{rows, columns};
}

Guarded by_loops(const Case& d, const GemmSpec& spec, const Guarded& a, const Guarded& b,
                 const Guarded& before) {
  Guarded c(Shape{d.m, d.n});
  for (int64_t i = 0; i < d.m; ++i)
    for (int64_t j = 0; j < d.n; ++j) {
      float sum = spec.accumulate ? before.data()[i * d.n + j] : 0.0f;
      for (int64_t l = 0; l < d.k; ++l)
        sum += a.data()[spec.transpose_a ? l * d.m + i : i * d.k + l] *
               b.data()[spec.transpose_b ? j * d.k + l : l * d.n + j];
      c.data()[i * d.n + j] = sum;
    }
  return c;
}

template <class Fn>
void each_spec(const Fn& fn) {
  for (bool a : {false, true})
    for (bool b : {false, true})
      for (bool accumulate : {false, true}) {
        const GemmSpec spec{.transpose_a = a, .transpose_b = b, .accumulate = accumulate};
        CAPTURE(a);
        CAPTURE(b);
        CAPTURE(accumulate);
        fn(spec);
      }
}

}  // namespace

TEST_CASE("the matrix product is exact on small integers") {
  for (const Case& d : kCases)
    each_spec([&](const GemmSpec& spec) {
      CAPTURE(d.m);
      CAPTURE(d.n);
      CAPTURE(d.k);
      Random random({.seed = 9, .purpose = Purpose::kTest});
      const Guarded a = Guarded::integers(shape_of(spec.transpose_a, d.m, d.k), random);
      const Guarded b = Guarded::integers(shape_of(spec.transpose_b, d.k, d.n), random);
      const Guarded before = Guarded::integers(Shape{d.m, d.n}, random);
      const Guarded want = by_loops(d, spec, a, b, before);
      for (const cpu::CpuKernels* level : test::kernel_levels())
        for (int threads : {1, 3}) {
          CAPTURE(level->name);
          CAPTURE(threads);
          const cpu::ScopedCpuKernels scope(*level);
          Guarded c = spec.accumulate ? before : Guarded(Shape{d.m, d.n});
          cpu::gemm(spec, a.view(), b.view(), c.view(), threads);
          CHECK(c.first_difference(want) == -1);
          CHECK(c.intact());
        }
    });
}

TEST_CASE("the matrix product gives the same bits for any number of threads") {
  for (const Case& d : kCases)
    each_spec([&](const GemmSpec& spec) {
      Random random({.seed = 10, .purpose = Purpose::kTest});
      const Guarded a = Guarded::normals(shape_of(spec.transpose_a, d.m, d.k), random);
      const Guarded b = Guarded::normals(shape_of(spec.transpose_b, d.k, d.n), random);
      const Guarded before = Guarded::normals(Shape{d.m, d.n}, random);
      for (const cpu::CpuKernels* level : test::kernel_levels()) {
        const cpu::ScopedCpuKernels scope(*level);
        Guarded one = before;
        cpu::gemm(spec, a.view(), b.view(), one.view(), 1);
        for (int threads : {2, 4, 7}) {
          Guarded c = before;
          cpu::gemm(spec, a.view(), b.view(), c.view(), threads);
          CHECK(c.first_difference(one) == -1);
        }
      }
    });
}

TEST_CASE("the matrix product of bfloat16 is exact on small integers, and rounded once") {
  for (const Case& d : kCases)
    each_spec([&](const GemmSpec& spec) {
      CAPTURE(d.m);
      CAPTURE(d.n);
      CAPTURE(d.k);
      Random random({.seed = 13, .purpose = Purpose::kTest});
      const Guarded a = Guarded::integers(shape_of(spec.transpose_a, d.m, d.k), random);
      const Guarded b = Guarded::integers(shape_of(spec.transpose_b, d.k, d.n), random);
      const Guarded before = Guarded::integers(Shape{d.m, d.n}, random);
      const Guarded want = by_loops(d, spec, a, b, before);
      const NarrowGuarded na(a), nb(b), rounded(want);
      for (const cpu::CpuKernels* level : test::kernel_levels())
        for (int threads : {1, 3}) {
          CAPTURE(level->name);
          CAPTURE(threads);
          const cpu::ScopedCpuKernels scope(*level);
          Guarded wide = spec.accumulate ? before : Guarded(Shape{d.m, d.n});
          cpu::gemm(spec, na.view(), nb.view(), wide.view(), threads);
          CHECK(wide.first_difference(want) == -1);
          CHECK(wide.intact());
          NarrowGuarded narrow =
              spec.accumulate ? NarrowGuarded(before) : NarrowGuarded(Shape{d.m, d.n});
          cpu::gemm(spec, na.view(), nb.view(), narrow.view(), threads);
          CHECK(narrow.first_difference(rounded) == -1);
          CHECK(narrow.intact());
        }
    });
}

TEST_CASE("the matrix product of bfloat16 gives the same bits for any number of threads") {
  for (const Case& d : kCases)
    each_spec([&](const GemmSpec& spec) {
      Random random({.seed = 14, .purpose = Purpose::kTest});
      const NarrowGuarded a(Guarded::normals(shape_of(spec.transpose_a, d.m, d.k), random));
      const NarrowGuarded b(Guarded::normals(shape_of(spec.transpose_b, d.k, d.n), random));
      const NarrowGuarded before(Guarded::normals(Shape{d.m, d.n}, random));
      for (const cpu::CpuKernels* level : test::kernel_levels()) {
        const cpu::ScopedCpuKernels scope(*level);
        NarrowGuarded one = before;
        cpu::gemm(spec, a.view(), b.view(), one.view(), 1);
        for (int threads : {2, 4, 7}) {
          NarrowGuarded c = before;
          cpu::gemm(spec, a.view(), b.view(), c.view(), threads);
          CHECK(c.first_difference(one) == -1);
        }
      }
    });
}
