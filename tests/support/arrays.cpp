#include "tests/support/arrays.h"

#include <cmath>

namespace fedcamae::testing {

Tensor to_tensor(Context& context, const Array<double>& x) {
  const std::vector<float> host(x.data.begin(), x.data.end());
  return Tensor::from(context, x.shape, host);
}

Array<double> to_array(const Tensor& x) {
  Array<double> out(x.shape());
  const std::vector<float> host = x.to_host();
  out.data.assign(host.begin(), host.end());
  return out;
}

Array<std::complex<double>> to_complex(const Array<double>& x) {
  Array<std::complex<double>> out(x.shape);
  out.data.assign(x.data.begin(), x.data.end());
  return out;
}

Array<double> Inputs::integers(const Shape& shape, int64_t low, int64_t high) {
  Array<double> x(shape);
  for (double& value : x.data)
    value = static_cast<double>(
        low + static_cast<int64_t>(random_.below(static_cast<uint64_t>(high - low + 1))));
  return x;
}

Array<double> Inputs::reals(const Shape& shape, double mean, double deviation) {
  Array<double> x(shape);
  for (double& value : x.data) value = static_cast<float>(mean + deviation * random_.normal());
  return x;
}

Array<double> Inputs::uniform(const Shape& shape, double low, double high) {
  Array<double> x(shape);
  for (double& value : x.data) value = static_cast<float>(random_.uniform(low, high));
  return x;
}

Array<double> Inputs::away_from_zero(const Shape& shape, double gap) {
  Array<double> x = reals(shape);
  for (double& value : x.data) value = static_cast<float>(value < 0 ? value - gap : value + gap);
  return x;
}

Array<double> Inputs::distinct(const Shape& shape) {
  Array<double> x(shape);
  const std::vector<int64_t> order = random_.permutation(shape.size());
  const int64_t third = shape.size() / 3;  // a third of them below zero
  for (int64_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(0.01 * static_cast<double>(order[static_cast<size_t>(i)] - third));
  return x;
}

std::vector<int32_t> Inputs::labels(int64_t rows, int64_t classes) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < rows; ++i)
    out.push_back(static_cast<int32_t>(random_.below(static_cast<uint64_t>(classes))));
  return out;
}

}  // namespace fedcamae::testing
