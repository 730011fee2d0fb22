#include "defense/channels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

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
  check(evidence.scores.size() == global.scores.size(), "[change_row] {} and {} scores",
        evidence.scores.size(), global.scores.size());
  Row row = evidence.scores;
  for (size_t i = 0; i < row.size(); ++i) row[i] -= global.scores[i];
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

double agreement(const Row& scores, const std::vector<size_t>& label, size_t classes) {
  check(scores.size() == label.size() * classes, "[agreement] {} scores of {} probes, {} classes",
        scores.size(), label.size(), classes);
  if (classes < 2) return 0;
  Row evidence = scores;
  for (auto of_probe = evidence.begin(); of_probe != evidence.end();) {
    const auto end = of_probe + static_cast<int64_t>(classes);
    const double mean = std::accumulate(of_probe, end, 0.0) / static_cast<double>(classes);
    for (; of_probe != end; ++of_probe) *of_probe -= mean;
  }
  double sum = 0;
  for (size_t c = 0; c < classes; ++c) {
    double won = 0, pairs = 0;
    for (size_t p = 0; p < label.size(); ++p)
      for (size_t q = 0; label[p] == c && q < label.size(); ++q) {
        if (label[q] == c) continue;
        const double own = evidence[p * classes + c], other = evidence[q * classes + c];
        won += own > other ? 1 : own == other ? 0.5 : 0;
        ++pairs;
      }
    sum += won / pairs;
  }
  return sum / static_cast<double>(classes) - 0.5;
}

std::vector<double> agreement_excess(const std::vector<Evidence>& models, const Evidence& global,
                                     const std::vector<size_t>& heard, double share) {
  if (heard.empty() || agreement(global.scores, global.label, global.classes) < kKnows)
    return std::vector<double>(models.size(), 0.0);
  std::vector<double> excess;
  for (const Evidence& e : models) {
    const double mirrored = e.mirrored.empty() ? 0 : agreement(e.mirrored, e.label, e.classes);
    excess.push_back(2 * agreement(e.scores, e.label, e.classes) - mirrored);
  }
  const double middle = median_at(excess, heard);
  for (double& v : excess) v = middle > 0 ? (middle - v) / ((1 - share) * middle) : 0;
  return excess;
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
