#include "layers/init.h"

#include <cmath>
#include <vector>

#include "core/ops.h"

namespace fedcamae {
namespace {

template <class Draw>
void fill(const Tensor& x, const Draw& draw) {
  std::vector<float> host(static_cast<size_t>(x.size()));
  for (float& v : host) v = static_cast<float>(draw());
  ops::copy_(Tensor::from(x.context(), x.shape(), host), x);
}

}  // namespace

void fill_normal(Random& random, double deviation, const Tensor& x) {
  fill(x, [&] { return deviation * random.normal(); });
}

void fill_uniform(Random& random, double bound, const Tensor& x) {
  fill(x, [&] { return random.uniform(-bound, bound); });
}

void fill_kaiming_fan_out(Random& random, const Tensor& w) {
  const Shape& s = w.shape();
  fill_normal(random, std::sqrt(2.0 / static_cast<double>(s[0] * s[1] * s[2])), w);
}

void fill_fan_in(Random& random, int64_t fan_in, const Tensor& x) {
  fill_uniform(random, 1.0 / std::sqrt(static_cast<double>(fan_in)), x);
}

}  // namespace fedcamae
