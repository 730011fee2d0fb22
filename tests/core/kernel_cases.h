// What the kernel tests share: numbers inside guard zones, and every level of this machine.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/cpu/kernels.h"
#include "core/random.h"
#include "core/tensor.h"

namespace fedcamae::test {

// Numbers of a shape with a guard zone on both sides. Fresh ones are NaN, which shows in any sum.
class Guarded {
 public:
  static constexpr float kGuard = 12345.5f;
  static constexpr int64_t kZone = 64;

  explicit Guarded(const Shape& shape)
      : shape_(shape), numbers_(static_cast<size_t>(shape.size() + 2 * kZone), kGuard) {
    for (int64_t i = 0; i < shape.size(); ++i) data()[i] = std::numeric_limits<float>::quiet_NaN();
  }
  // Integers of [-4, 4]: any sum of a few thousand products is exact in float32, in any order.
  static Guarded integers(const Shape& shape, Random& random) {
    Guarded made(shape);
    for (int64_t i = 0; i < shape.size(); ++i)
      made.data()[i] = static_cast<float>(random.below(9)) - 4.0f;
    return made;
  }
  static Guarded normals(const Shape& shape, Random& random) {
    Guarded made(shape);
    for (int64_t i = 0; i < shape.size(); ++i) made.data()[i] = static_cast<float>(random.normal());
    return made;
  }

  const Shape& shape() const { return shape_; }
  float* data() { return numbers_.data() + kZone; }
  const float* data() const { return numbers_.data() + kZone; }
  View view() { return {data(), shape_}; }
  ConstView view() const { return {data(), shape_}; }
  bool intact() const {
    for (int64_t i = 0; i < kZone; ++i)
      if (numbers_[static_cast<size_t>(i)] != kGuard ||
          numbers_[numbers_.size() - 1 - static_cast<size_t>(i)] != kGuard)
        return false;
    return true;
  }
  // Compares bits of numbers, so NaN differs from everything but itself.
  int64_t first_difference(const Guarded& other) const {
    for (int64_t i = 0; i < shape_.size(); ++i)
      if (!(data()[i] == other.data()[i])) return i;
    return -1;
  }

 private:
  Shape shape_;
  std::vector<float> numbers_;
};

// bfloat16 numbers between guard zones of a NaN, at an address that is aligned to nothing else.
// Fresh ones are another NaN. Numbers are compared by their bits.
class NarrowGuarded {
 public:
  static constexpr Bfloat16 kGuard{0x7fd5}, kFresh{0x7fc0};
  static constexpr int64_t kZone = 65;

  explicit NarrowGuarded(const Shape& shape)
      : shape_(shape), numbers_(static_cast<size_t>(shape.size() + 2 * kZone), kGuard) {
    for (int64_t i = 0; i < shape.size(); ++i) data()[i] = kFresh;
  }
  explicit NarrowGuarded(const Guarded& from) : NarrowGuarded(from.shape()) {
    for (int64_t i = 0; i < shape_.size(); ++i) data()[i] = to_bfloat16(from.data()[i]);
  }

  const Shape& shape() const { return shape_; }
  Bfloat16* data() { return numbers_.data() + kZone; }
  const Bfloat16* data() const { return numbers_.data() + kZone; }
  View view() { return {reinterpret_cast<float*>(data()), shape_, ElementType::kBfloat16}; }
  ConstView view() const {
    return {reinterpret_cast<const float*>(data()), shape_, ElementType::kBfloat16};
  }
  bool intact() const {
    for (int64_t i = 0; i < kZone; ++i)
      if (numbers_[static_cast<size_t>(i)].bits != kGuard.bits ||
          numbers_[numbers_.size() - 1 - static_cast<size_t>(i)].bits != kGuard.bits)
        return false;
    return true;
  }
  int64_t first_difference(const NarrowGuarded& other) const {
    for (int64_t i = 0; i < shape_.size(); ++i)
      if (data()[i].bits != other.data()[i].bits) return i;
    return -1;
  }

 private:
  Shape shape_;
  std::vector<Bfloat16> numbers_;
};

inline std::vector<const cpu::CpuKernels*> kernel_levels() {
  std::vector<const cpu::CpuKernels*> levels;
  for (const char* name : {"baseline", "avx2", "avx512", "avx512_bf16"})
    if (const cpu::CpuKernels* level = cpu::find_cpu_kernels(name)) levels.push_back(level);
  return levels;
}

}  // namespace fedcamae::test
