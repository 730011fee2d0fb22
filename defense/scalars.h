// Small sums over the numbers of a round, one a client.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fedcamae {

// Of an even number of values the mean of the middle two; NaN of none.
double median(std::vector<double> values);
// 1.4826 times the median distance of values from their median `middle`: the standard deviation,
// were they normal.
double robust_deviation(std::vector<double> values, double middle);
double median_at(std::span<const double> values, std::span<const size_t> positions);

// `positions` by values[position], the smallest first; equal values stay in their order, which is
// that of the ids. No value may be NaN.
std::vector<size_t> order_by(std::span<const double> values, std::vector<size_t> positions);

// What a vector of this norm is to be multiplied by, to be no longer than the limit: in [0, 1].
double clip_factor(double norm, double limit);
// The shares of a mean of clipped vectors: counts[i] by their sum, times the factor of norms[i];
// 0 where the count is 0. Not all counts are 0.
std::vector<double> clipped_shares(std::span<const double> counts, std::span<const double> norms,
                                   double limit);

// Of two vectors with these squared norms and this squared distance, in [-1, 1]; 0 where one is 0.
// Made for squared norms and distances that are summed in double: no dot product is needed.
double cosine(double squared_a, double squared_b, double squared_distance);

}  // namespace fedcamae
