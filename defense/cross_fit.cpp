#include "defense/cross_fit.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "defense/core_rows.h"

namespace fedcamae {
namespace {

// Rows around their training rows' median, in units of the training rows' root mean square.
struct Standard {
  Row centre;
  double scale = 1;
  Row apply(const Row& row) const {
    Row result(row);
    for (size_t i = 0; i < row.size(); ++i) result[i] = (row[i] - centre[i]) / scale;
    return result;
  }
  Row undo(const Row& row) const {
    Row result(row);
    for (size_t i = 0; i < row.size(); ++i) result[i] = row[i] * scale + centre[i];
    return result;
  }
};

Standard standard_of(const Rows& rows, const std::vector<size_t>& training) {
  Standard standard{median_row(rows, training), 1};
  double squares = 0;
  for (const size_t i : training) squares += squared_distance(rows[i], standard.centre);
  const auto numbers = static_cast<double>(training.size() * standard.centre.size());
  if (squares > 0) standard.scale = std::sqrt(squares / numbers);
  return standard;
}

double mean_squared_error(const Row& row, const Row& reconstructed) {
  return squared_distance(row, reconstructed) / static_cast<double>(row.size());
}

CrossFit around_median(const Rows& rows, const std::vector<size_t>& heard) {
  CrossFit result;
  const Row median = median_row(rows, heard);
  for (const Row& row : rows) {
    result.errors.push_back(mean_squared_error(row, median));
    result.reconstructed.push_back(median);
  }
  return result;
}

// Where each row's voice stands in the core, or past its end.
std::vector<size_t> places_in(const std::vector<size_t>& core, const std::vector<size_t>& voices) {
  std::vector<size_t> places;
  for (const size_t voice : voices)
    places.push_back(
        static_cast<size_t>(std::find(core.begin(), core.end(), voice) - core.begin()));
  return places;
}

}  // namespace

CrossFit cross_fit(const Rows& rows, const std::vector<size_t>& voices,
                   const std::vector<size_t>& core, const CrossFitSpec& spec,
                   const RandomKey& key) {
  check(voices.size() == rows.size() && spec.folds >= 2, "[cross_fit] {} rows, {} voices, {} folds",
        rows.size(), voices.size(), spec.folds);
  if (rows.empty()) return {};
  if (core.size() < 3 || spec.coder.epochs == 0) return around_median(rows, first_of_each(voices));

  const size_t folds = std::min(static_cast<size_t>(spec.folds), core.size());
  const std::vector<size_t> places = places_in(core, voices);
  CrossFit result{std::vector<double>(rows.size(), 0.0), Rows(rows.size())};
  for (size_t fold = 0; fold < folds; ++fold) {
    std::vector<size_t> training;
    for (size_t i = 0; i < core.size(); ++i)
      if (i % folds != fold) training.push_back(core[i]);
    const Standard standard = standard_of(rows, training);
    Rows standardised;
    for (const size_t i : training) standardised.push_back(standard.apply(rows[i]));
    Random random({key.seed, key.purpose, key.round, static_cast<uint32_t>(fold)});
    RowCoder coder(rows[0].size(), spec.coder, random);
    coder.train(standardised);
    for (size_t i = 0; i < rows.size(); ++i) {
      const bool in_core = places[i] < core.size();
      if (in_core && places[i] % folds != fold) continue;  // it, or its copy, was seen
      Row copy = standard.undo(coder.reconstruct(standard.apply(rows[i])));
      result.errors[i] += mean_squared_error(rows[i], copy) / (in_core ? 1.0 : double(folds));
      result.reconstructed[i] = std::move(copy);
    }
  }
  return result;
}

}  // namespace fedcamae
