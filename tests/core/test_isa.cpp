// The choice of an instruction-set level.
#include <doctest/doctest.h>

#include <string>

#include "core/cpu/kernels.h"
#include "tests/core/kernel_cases.h"

using namespace fedcamae;

TEST_CASE("a level that is named is the one that is chosen") {
  CHECK(cpu::find_cpu_kernels("baseline") != nullptr);  // every machine has it
  for (const cpu::CpuKernels* level : test::kernel_levels())
    CHECK(&cpu::choose_cpu_kernels(level->name) == level);
}

TEST_CASE("without a wish the best level is chosen") {
  const cpu::CpuKernels* best = test::kernel_levels().back();
  CHECK(&cpu::choose_cpu_kernels(nullptr) == best);
  CHECK(&cpu::choose_cpu_kernels("") == best);
}

TEST_CASE("an unknown level is an error of usage that names those to choose from") {
  CHECK(cpu::find_cpu_kernels("avx1024") == nullptr);
  try {
    cpu::choose_cpu_kernels("avx1024");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK(std::string(error.what()).find("'avx1024'") != std::string::npos);
    CHECK(std::string(error.what()).find("baseline") != std::string::npos);
  }
}

TEST_CASE("panels are whole vectors") {
  for (const cpu::CpuKernels* level : test::kernel_levels()) {
    const cpu::ScopedCpuKernels scope(*level);
    CHECK(cpu_isa_name() == level->name);
    CHECK(level->panel % level->vector == 0);
    CHECK(cpu::padded_columns(1) == level->vector);
    CHECK(cpu::padded_columns(level->vector) == level->vector);
  }
}
