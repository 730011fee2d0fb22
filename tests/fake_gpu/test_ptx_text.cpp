// Single instructions, written by hand: what kernels that nvcc compiles seldom reach.
#include <bit>
#include <cmath>
#include <limits>

#include "tests/fake_gpu/test_ptx_support.h"

using namespace fake_gpu;
using namespace fake_gpu::testing;

namespace {

// A kernel of one thread that runs `code` with %a, %b and %c given, and stores %d.
uint64_t run_text(const std::string& code, uint64_t a, uint64_t b = 0, uint64_t c = 0) {
  Bench memory;
  const ptx::Module module(R"(.version 9.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 y, .param .u64 a, .param .u64 b, .param .u64 c) {
  .reg .b64 %y, %a, %b, %c, %d, %e;
  .reg .pred %p, %q;
  ld.param.u64 %y, [y];
  ld.param.u64 %a, [a];
  ld.param.u64 %b, [b];
  ld.param.u64 %c, [c];
  )" + code + R"(
  st.global.u64 [%y], %d;
  ret;
})",
                           memory);
  const uint64_t y = memory.make<uint64_t>(1);
  const ptx::Kernel* kernel = module.find("k");
  REQUIRE(kernel);
  const void* arguments[] = {&y, &a, &b, &c};
  ptx::Launch launch;
  launch.parameters = kernel->pack(const_cast<void**>(arguments));
  kernel->run(launch, memory);
  return memory.take<uint64_t>(y)[0];
}

uint64_t bits(float v) { return std::bit_cast<uint32_t>(v); }
uint64_t bits(double v) { return std::bit_cast<uint64_t>(v); }

struct Case {
  const char* code;
  uint64_t a, b, c, expected;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.code);
    const uint64_t got = run_text(one.code, one.a, one.b, one.c);
    CHECK(got == one.expected);
  }
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kTiny = 1e-40f;
constexpr uint64_t kMinus = ~uint64_t{0};
constexpr float kThird = 1.0f / 3;

}  // namespace

TEST_CASE("minimum and maximum skip NaN unless asked, and know the sign of zero") {
  check_all({{"min.f32 %d, %a, %b;", bits(kNan), bits(1.f), 0, bits(1.f)},
             {"min.f32 %d, %a, %b;", bits(1.f), bits(kNan), 0, bits(1.f)},
             {"max.f32 %d, %a, %b;", bits(-0.f), bits(0.f), 0, bits(0.f)},
             {"min.f32 %d, %a, %b;", bits(0.f), bits(-0.f), 0, bits(-0.f)},
             {"min.NaN.f32 %e, %a, %b; setp.nan.f32 %p, %e, %e; selp.u64 %d, 1, 0, %p;", bits(kNan),
              bits(1.f), 0, 1}});
}

TEST_CASE("rounding, denormals and saturation") {
  const float third_down = std::nextafter(kThird, 0.f);
  check_all({{"div.rn.f32 %d, %a, %b;", bits(1.f), bits(3.f), 0, bits(kThird)},
             {"div.rz.f32 %d, %a, %b;", bits(1.f), bits(3.f), 0, bits(third_down)},
             {"div.rm.f32 %d, %a, %b;", bits(1.f), bits(3.f), 0, bits(third_down)},
             {"div.rp.f32 %d, %a, %b;", bits(1.f), bits(3.f), 0, bits(kThird)},
             {"add.f32 %d, %a, %b;", bits(kTiny), bits(0.f), 0, bits(kTiny)},
             {"add.ftz.f32 %d, %a, %b;", bits(kTiny), bits(0.f), 0, bits(0.f)},
             {"add.sat.f32 %d, %a, %b;", bits(1.f), bits(2.f), 0, bits(1.f)},
             {"add.sat.f32 %d, %a, %b;", bits(kNan), bits(2.f), 0, bits(0.f)},
             {"fma.rn.f64 %d, %a, %b, %c;", bits(1 + 0x1p-30), bits(1 - 0x1p-30), bits(-1.0),
              bits(-0x1p-60)}});
}

TEST_CASE("conversions round, saturate, and keep the sign") {
  check_all({{"cvt.rzi.s32.f32 %d, %a;", bits(3e9f), 0, 0, 0x7fffffff},
             {"cvt.rzi.u32.f32 %d, %a;", bits(-5.f), 0, 0, 0},
             {"cvt.rzi.s32.f32 %d, %a;", bits(kNan), 0, 0, 0},
             {"cvt.rni.s32.f32 %d, %a;", bits(2.5f), 0, 0, 2},
             {"cvt.rmi.s32.f32 %d, %a;", bits(-2.5f), 0, 0, kMinus - 2},
             {"cvt.rpi.f32.f32 %d, %a;", bits(2.25f), 0, 0, bits(3.f)},
             {"cvt.rn.f32.u64 %d, %a;", kMinus, 0, 0, bits(0x1p64f)},
             {"cvt.rz.f32.u64 %d, %a;", kMinus, 0, 0, bits(std::nextafter(0x1p64f, 0.f))},
             {"cvt.s64.s8 %d, %a;", 0x80, 0, 0, kMinus - 127},
             {"cvt.u16.u32 %d, %a;", 0x12345, 0, 0, 0x2345},
             {"cvt.sat.u8.s32 %d, %a;", 300, 0, 0, 255},
             {"cvt.rn.bf16.f32 %d, %a;", 0x3f808000, 0, 0, 0x3f80},
             {"cvt.rn.bf16.f32 %d, %a;", 0x3f818000, 0, 0, 0x3f82},
             {"cvt.rn.bf16x2.f32 %d, %a, %b;", bits(1.f), bits(-2.f), 0, 0x3f80c000},
             {"cvt.rn.f16.f32 %d, %a;", bits(65520.f), 0, 0, 0x7c00},
             {"cvt.f32.f16 %d, %a;", 1, 0, 0, bits(0x1p-24f)}});
}

TEST_CASE("comparisons with NaN, and predicates") {
  const std::string pick = " selp.u64 %d, 1, 0, %p;";
  const auto compare = [&](const char* how, float a, float b) {
    return run_text(std::string("setp.") + how + ".f32 %p, %a, %b;" + pick, bits(a), bits(b));
  };
  for (const char* how : {"eq", "ne", "lt", "le", "gt", "ge", "num"})
    CHECK(compare(how, 1, kNan) == 0);
  for (const char* how : {"equ", "neu", "ltu", "leu", "gtu", "geu", "nan"})
    CHECK(compare(how, 1, kNan) == 1);
  CHECK(compare("equ", 1, 2) == 0);
  CHECK(compare("ltu", 1, 2) == 1);
  CHECK(compare("geu", 1, 2) == 0);
  check_all({{"setp.eq.s32 %q, 1, 2; setp.lt.and.s32 %p, %a, %b, !%q; selp.u64 %d, 1, 0, %p;", 1, 2,
              0, 1},
             {"setp.lt.s32 %p|%q, %a, %b; selp.u64 %d, 1, 0, %q;", 1, 2, 0, 0},
             {"mov.u64 %d, 5; setp.eq.s32 %p, 1, 1; @!%p mov.u64 %d, 6;", 0, 0, 0, 5},
             {"slct.u64.s32 %d, %a, %b, %c;", 7, 8, kMinus, 8}});
}

TEST_CASE("integers at their edges") {
  check_all({{"shl.b32 %d, %a, %b;", 1, 40, 0, 0},
             {"shr.s32 %d, %a, %b;", 0x80000000, 40, 0, kMinus},
             {"mul.hi.s64 %d, %a, %b;", kMinus, 2, 0, kMinus},
             {"mul.hi.u64 %d, %a, %b;", kMinus, 2, 0, 1},
             {"mul.wide.s16 %d, %a, %b;", 0xffff, 3, 0, kMinus - 2},
             {"mad.wide.u32 %d, %a, %b, %c;", 0xffffffff, 2, 1, 0x1ffffffff},
             {"div.s32 %d, %a, %b;", 0x80000000, 0xffffffff, 0, 0xffffffff80000000},
             {"rem.s32 %d, %a, %b;", 0x80000000, 0xffffffff, 0, 0},
             {"bfe.s32 %d, %a, 4, 4;", 0x80, 0, 0, kMinus - 7},
             {"bfe.u32 %d, %a, 28, 8;", 0xf0000000, 0, 0, 0xf},
             {"bfi.b32 %d, %a, %b, 8, 4;", 0xff, 0, 0, 0xf00},
             {"bfind.s32 %d, %a;", kMinus, 0, 0, 0xffffffff},
             {"prmt.b32 %d, %a, %b, 0x8041;", 0x000080ff, 0x11, 0, 0xffff1180},
             {"shf.l.clamp.b32 %d, %a, %b, 40;", 5, 6, 0, 5},
             {"shf.r.wrap.b32 %d, %a, %b, 36;", 0x10, 1, 0, 0x10000001},
             {"lop3.b32 %d, %a, %b, %c, 0x96;", 0xff, 0x0f, 0x3c, 0xcc},
             {"add.cc.u32 %e, %a, %b; addc.u32 %d, 0, 0;", 0xffffffff, 1, 0, 1},
             {"sub.cc.u32 %e, %a, %b; subc.u32 %d, 5, 0;", 0, 1, 0, 4},
             {"mov.b64 {%d, %e}, %a; mov.b64 %d, {%e, %d};", 0x100000002, 0, 0, 0x200000001}});
}

TEST_CASE("an unknown instruction is a fault where it runs, not where it stands") {
  CHECK(run_text("setp.eq.s32 %p, 1, 2; @%p frob.u32 %d, %a; mov.u64 %d, 3;", 0) == 3);
  CHECK_THROWS_WITH_AS(run_text("frob.u32 %d, %a;", 0), doctest::Contains("'frob.u32'"),
                       ptx::Fault);
  CHECK_THROWS_WITH_AS(run_text("add.frob.u32 %d, %a, %b;", 0), doctest::Contains("does not know"),
                       ptx::Fault);
  CHECK_THROWS_WITH_AS(run_text("mov.u32 %d, %smid;", 0), doctest::Contains("operand"), ptx::Fault);
}
