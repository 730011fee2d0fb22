// What Min-Max and Min-Sum (Shejwalkar and Houmansadr, NDSS 2021) have in common: the
// mean of the benign updates, moved as far along a direction as a bound on the squared distances to
// the benign updates allows,
//   w = w_g + mean - gamma * p,   reduce_i |w - w_i|^2 <= max_j reduce_i |w_j - w_i|^2,
// with the largest such gamma. The options' `direction` is p:
//   std   the coordinate-wise standard deviation of the benign updates (the default)
//   unit  mean / |mean|
//   sign  the sign of every coordinate of the mean
// gamma. The paper halves steps down from gamma = 10 until they are below 1e-5. The distances are
// quadratic in gamma and hold on an interval that begins at 0, so we find its end in double from
// 2 n + 1 inner products, take the crafted weights as they are rounded, measure their distances,
// and take a smaller gamma where these are over the bound; where none is left (all benign updates
// equal, or one alone), the upload is the benign update whose own distances are the bound.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fl/attack.h"

namespace fedcamae {

// Of the squared distances from one vector to every benign one: what the bound is about.
using ReduceDistances = double (*)(std::span<const double>);

std::vector<Option> distance_bound_options();
std::unique_ptr<Attack> make_distance_bound(ReduceDistances reduce, const Options& options);

}  // namespace fedcamae
