#include "defense/core_rows.h"

#include <algorithm>

#include "core/error.h"

namespace fedcamae {

Row median_row(const Rows& rows, const std::vector<size_t>& chosen) {
  check(!chosen.empty(), "[median_row] no rows");
  const size_t n = chosen.size(), middle = n / 2;
  Row result, column(n);
  for (size_t i = 0; i < rows[chosen[0]].size(); ++i) {
    for (size_t j = 0; j < n; ++j) column[j] = rows[chosen[j]][i];
    std::sort(column.begin(), column.end());
    result.push_back(n % 2 == 1 ? column[middle] : (column[middle - 1] + column[middle]) / 2);
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
  std::vector<size_t> core = chosen;
  std::stable_sort(core.begin(), core.end(),
                   [&](size_t a, size_t b) { return distance[a] < distance[b]; });
  core.resize(std::min(chosen.size(), chosen.size() / 2 + 1));
  return core;
}

}  // namespace fedcamae
