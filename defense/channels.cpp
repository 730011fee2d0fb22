#include "defense/channels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "defense/core_rows.h"
#include "defense/scalars.h"

namespace fedcamae {
namespace {

Row to_unit_length(Row row) {
  double squares = 0;
  for (const double v : row) squares += v * v;
  const double length = std::sqrt(squares);
  if (length > 0)
    for (double& v : row) v /= length;
  return row;
}

// The median over the probes of a map's mean.
double heat_of(const Evidence& evidence) {
  const size_t pixels = evidence.side * evidence.side;
  std::vector<double> means;
  for (size_t begin = 0; begin < evidence.heat.size(); begin += pixels) {
    double sum = 0;
    for (size_t i = 0; i < pixels; ++i) sum += evidence.heat[begin + i];
    means.push_back(sum / static_cast<double>(pixels));
  }
  return median(std::move(means));
}

// What is left of each of a row's `parts` without its component along the same part of `direction`;
// zero where that is a rounding of it.
void take_out(Row& row, const Row& direction, size_t parts) {
  constexpr double kRounding = 1e-10;  // of squares of float32 numbers' differences
  const size_t width = row.size() / parts;
  for (size_t begin = 0; begin < row.size(); begin += width) {
    double along = 0, squares = 0, before = 0, after = 0;
    for (size_t i = begin; i < begin + width; ++i) {
      along += row[i] * direction[i];
      squares += direction[i] * direction[i];
      before += row[i] * row[i];
    }
    const double factor = squares > 0 ? along / squares : 0;
    for (size_t i = begin; i < begin + width; ++i) {
      row[i] -= factor * direction[i];
      after += row[i] * row[i];
    }
    if (after <= kRounding * before)
      std::fill_n(row.begin() + static_cast<int64_t>(begin), width, 0.0);
  }
}

}  // namespace

Row shape_row(const Evidence& evidence) {
  constexpr double kNotZero = 1e-7;  // pytorch-grad-cam's
  const auto pixels = static_cast<int64_t>(evidence.side * evidence.side);
  Row row = evidence.heat;
  for (auto map = row.begin(); map != row.end(); map += pixels) {
    const double low = *std::min_element(map, map + pixels);
    for (auto v = map; v != map + pixels; ++v) *v -= low;
    const double high = *std::max_element(map, map + pixels);
    for (auto v = map; v != map + pixels; ++v) *v /= kNotZero + high;
  }
  return to_unit_length(std::move(row));
}

Row change_row(const Evidence& evidence, const Evidence& global) {
  check(evidence.evidence.size() == global.evidence.size(),
        "[change_row] maps of {} and {} numbers", evidence.evidence.size(), global.evidence.size());
  Row row = evidence.evidence;
  for (size_t i = 0; i < row.size(); ++i) row[i] -= global.evidence[i];
  take_out(row, global.evidence, global.probes);
  return to_unit_length(std::move(row));
}

std::vector<double> above_median(const std::vector<double>& values,
                                 const std::vector<size_t>& heard, double k) {
  if (heard.empty()) return std::vector<double>(values.size(), 0.0);
  std::vector<double> chosen;
  for (const size_t i : heard) chosen.push_back(values[i]);
  const double middle = median(chosen);
  const double cut = k * robust_deviation(std::move(chosen), middle);
  std::vector<double> excess;
  for (const double v : values) {
    const double above = v - middle;
    excess.push_back(cut > 0 ? std::clamp(above / cut, -kMostExcess, kMostExcess)
                             : (above > 0 ? kMostExcess : 0));
  }
  return excess;
}

std::vector<double> heat_excess(const std::vector<Evidence>& models,
                                const std::vector<size_t>& heard, double factor) {
  constexpr double kLeast = 1e-30;  // a map that is black everywhere
  if (heard.empty()) return {};
  std::vector<double> heats;
  for (const Evidence& model : models) heats.push_back(std::log(heat_of(model) + kLeast));
  const double middle = median_at(heats, heard);
  for (double& v : heats) v = std::abs(v - middle) / std::log(factor);
  return heats;
}

std::vector<double> length_excess(const std::vector<double>& lengths,
                                  const std::vector<size_t>& heard, double factor) {
  if (heard.empty()) return {};
  std::vector<double> excess;
  const double cut = factor * median_at(lengths, heard);
  for (const double length : lengths)
    excess.push_back(cut > 0 ? std::min(length / cut, kMostExcess) : length > 0 ? kMostExcess : 0);
  return excess;
}

Twins find_twins(const Rows& rows, double k, double ratio) {
  constexpr double kSame = 1e-12;  // of rows of length 1
  std::vector<size_t> moved;
  for (size_t i = 0; i < rows.size(); ++i)
    if (std::any_of(rows[i].begin(), rows[i].end(), [](double v) { return v != 0; }))
      moved.push_back(i);
  Twins twins{std::vector<double>(rows.size(), 0.0), voices(rows, 0)};
  if (moved.size() < 2) return twins;

  std::vector<double> nearest;  // log d
  for (const size_t i : moved) {
    double d = std::numeric_limits<double>::infinity();
    for (const size_t j : moved)
      if (j != i) d = std::min(d, squared_distance(rows[i], rows[j]));
    nearest.push_back(std::log(d + kSame));
  }
  const double middle = median(nearest);
  const double cut = std::max(k * robust_deviation(nearest, middle), std::log(ratio));
  for (size_t i = 0; i < moved.size(); ++i) twins.excess[moved[i]] = (middle - nearest[i]) / cut;
  twins.voices = voices(rows, std::exp((middle - cut) / 2));
  return twins;
}

}  // namespace fedcamae
