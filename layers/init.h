// Initial distributions, as torchvision uses them.
#pragma once

#include "core/random.h"
#include "core/tensor.h"

namespace fedcamae {

void fill_normal(Random& random, double deviation, const Tensor& x);  // mean 0
void fill_uniform(Random& random, double bound, const Tensor& x);     // [-bound, bound)
// Kaiming normal for ReLU, fan-out (He et al., ICCV 2015): deviation sqrt(2 / (K R S)). Groups do
// not count, as in torchvision. w [K, R, S, C / groups].
void fill_kaiming_fan_out(Random& random, const Tensor& w);
// PyTorch's default for the weights and biases of linear layers and the biases of convolutions:
// uniform within 1 / sqrt(fan_in).
void fill_fan_in(Random& random, int64_t fan_in, const Tensor& x);

}  // namespace fedcamae
