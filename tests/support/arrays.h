// Between tensors of a device and arrays of the reference; random inputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"
#include "core/reference/array.h"
#include "core/tensor.h"

namespace fedcamae::testing {

using reference::Array;

Tensor to_tensor(Context& context, const Array<double>& x);
Array<double> to_array(const Tensor& x);
// Gives a function of complex arrays its real arguments.
Array<std::complex<double>> to_complex(const Array<double>& x);

// Random inputs that have no symmetry to hide behind: no two dimensions are exchangeable, the mean
// is not zero. All are float32 numbers, so that a device and the reference see the same.
class Inputs {
 public:
  explicit Inputs(uint64_t seed) : random_({.seed = seed, .purpose = Purpose::kTest}) {}
  // Whole numbers in [low, high].
  Array<double> integers(const Shape& shape, int64_t low = -2, int64_t high = 3);
  // Normal, rounded to float32.
  Array<double> reals(const Shape& shape, double mean = 0.25, double deviation = 1.0);
  Array<double> uniform(const Shape& shape, double low, double high);
  // At least `gap` away from zero, for functions with a kink there.
  Array<double> away_from_zero(const Shape& shape, double gap);
  // All different, at least 0.01 apart: no ties for a maximum.
  Array<double> distinct(const Shape& shape);
  std::vector<int32_t> labels(int64_t rows, int64_t classes);

 private:
  Random random_;
};

}  // namespace fedcamae::testing
