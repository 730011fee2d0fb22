// The centre of a round, found without labels: the rows nearest to the coordinate-wise median.
#pragma once

#include <cstddef>
#include <vector>

#include "defense/row_coder.h"

namespace fedcamae {

// The median of each coordinate over the chosen rows, at least one; of an even number the mean of
// the middle two.
Row median_row(const Rows& rows, const std::vector<size_t>& chosen);
double squared_distance(const Row& a, const Row& b);

// Rows that are nearly the same are one voice: a crowd of copies must not move the centre, nor
// teach an autoencoder what it should flag. For each row the first row that lies within `nearness`
// of it and is nobody's copy: itself, where there is none before it.
std::vector<size_t> voices(const Rows& rows, double nearness);
std::vector<size_t> first_of_each(const std::vector<size_t>& voices);  // those that are their own

// floor(m / 2) + 1 of the m chosen rows, nearest to their median first; equally near ones in their
// order.
std::vector<size_t> core_rows(const Rows& rows, const std::vector<size_t>& chosen);

}  // namespace fedcamae
