#include "defense/core_rows.h"

#include <algorithm>

#include "core/error.h"
#include "defense/scalars.h"

namespace fedcamae {

Row median_row(const Rows& rows, const std::vector<size_t>& chosen) {
  check(!chosen.empty(), "[median_row] no rows");
  Row result, column(chosen.size());
  for (size_t i = 0; i < rows[chosen[0]].size(); ++i) {
    for (size_t j = 0; j < chosen.size(); ++j) column[j] = rows[chosen[j]][i];
    result.push_back(median(column));
  }
  return result;
}

double squared_distance(const Row& a, const Row& b) {
  check(a.size() == b.size(), "[squared_distance] rows of {} and {}", a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

std::vector<size_t> voices(const Rows& rows, double nearness) {
  std::vector<size_t> result(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    result[i] = i;
    for (size_t j = 0; j < i && result[i] == i; ++j)
      if (result[j] == j && squared_distance(rows[i], rows[j]) <= nearness * nearness)
        result[i] = j;
  }
  return result;
}

std::vector<size_t> first_of_each(const std::vector<size_t>& voices) {
  std::vector<size_t> own;
  for (size_t i = 0; i < voices.size(); ++i)
    if (voices[i] == i) own.push_back(i);
  return own;
}

std::vector<size_t> core_rows(const Rows& rows, const std::vector<size_t>& chosen) {
  if (chosen.empty()) return {};
  const Row median = median_row(rows, chosen);
  std::vector<double> distance(rows.size(), 0.0);
  for (const size_t i : chosen) distance[i] = squared_distance(rows[i], median);
  std::vector<size_t> core = order_by(distance, chosen);
  core.resize(std::min(chosen.size(), chosen.size() / 2 + 1));
  return core;
}

}  // namespace fedcamae
