#include "fl/attacks/update_geometry.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/ops.h"

namespace fedcamae {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// sqrt(a^T matrix a), 0 where rounding makes the square negative.
double norm_in(const SmallMatrix& matrix, const std::vector<double>& a) {
  double square = 0;
  for (int64_t r = 0; r < matrix.rows; ++r)
    for (int64_t c = 0; c < matrix.cols; ++c)
      square += a[static_cast<size_t>(r)] * matrix(r, c) * a[static_cast<size_t>(c)];
  return std::sqrt(std::max(square, 0.0));
}

// <d_i - m, d_j - m> of <d_i, d_j>: rows and columns centred.
SmallMatrix centred(const SmallMatrix& inner) {
  const int64_t k = inner.rows;
  std::vector<double> mean(static_cast<size_t>(k), 0.0);
  double all = 0;
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < k; ++j)
      mean[static_cast<size_t>(i)] += inner(i, j) / static_cast<double>(k);
    all += mean[static_cast<size_t>(i)] / static_cast<double>(k);
  }
  SmallMatrix result(k, k);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j)
      result(i, j) =
          inner(i, j) - mean[static_cast<size_t>(i)] - mean[static_cast<size_t>(j)] + all;
  return result;
}

}  // namespace

double UpdateGeometry::length(const std::vector<double>& c) const { return norm_in(inner, c); }

double UpdateGeometry::distance_to_mean(const std::vector<double>& c) const {
  std::vector<double> off = c;
  for (double& value : off) value -= 1.0 / static_cast<double>(count());
  return norm_in(inner, off);
}

UpdateGeometry update_geometry(Context& context, const ModelState& global,
                               std::vector<ModelState> models) {
  const size_t k = models.size(), side = k + 1;
  std::vector<Tensor> vectors{global.parameters};
  for (const ModelState& model : models) vectors.push_back(model.parameters);
  // [side, side], the global model first.
  const std::vector<double> squares = ops::pairwise_squared_distances(context, vectors);
  std::vector<size_t> order(k);
  std::iota(order.begin(), order.end(), 1);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return squares[a] < squares[b]; });

  UpdateGeometry result;
  result.inner = SmallMatrix(static_cast<int64_t>(k), static_cast<int64_t>(k));
  for (size_t i = 0; i < k; ++i) {
    result.models.push_back(models[order[i] - 1]);
    for (size_t j = 0; j < k; ++j)
      result.inner(static_cast<int64_t>(i), static_cast<int64_t>(j)) =
          (squares[order[i]] + squares[order[j]] - squares[order[i] * side + order[j]]) / 2;
  }
  result.deviation = centred(result.inner);
  for (int64_t i = 0; i < result.count(); ++i)
    result.radius = std::max(result.radius, std::sqrt(std::max(result.deviation(i, i), 0.0)));
  return result;
}

Tensor combined(Context& context, const ModelState& global, const UpdateGeometry& geometry,
                const std::vector<double>& c) {
  Tensor weights = Tensor::zeros(context, global.parameters.shape());
  double sum = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    ops::axpy_(static_cast<float>(c[i]), geometry.models[i].parameters, weights);
    sum += c[i];
  }
  ops::axpy_(static_cast<float>(1 - sum), global.parameters, weights);
  return weights;
}

ModelState mean_state(Context& context, const ModelState& global, const UpdateGeometry& geometry) {
  const std::vector<double> equal(geometry.models.size(),
                                  1 / static_cast<double>(geometry.count()));
  ModelState mean{combined(context, global, geometry, equal),
                  Tensor::zeros(context, global.statistics.shape()), geometry.models[0].counters};
  for (size_t i = 0; i < equal.size(); ++i)
    ops::axpy_(static_cast<float>(equal[i]), geometry.models[i].statistics, mean.statistics);
  return mean;
}

SmallMatrix cosine_graph(const SmallMatrix& deviation) {
  const int64_t k = deviation.rows;
  SmallMatrix result(k, k);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) {
      if (i == j) continue;
      const double scale = std::sqrt(std::max(deviation(i, i) * deviation(j, j), 0.0));
      const double cosine = scale > 0 ? std::clamp(deviation(i, j) / scale, -1.0, 1.0) : 0;
      result(i, j) = (1 + cosine) / 2;
    }
  return result;
}

SmallMatrix principal_coordinates(const SmallMatrix& deviation) {
  const int64_t k = deviation.rows;
  const Eigen::MatrixXd gram = Eigen::Map<const RowMajor>(deviation.values.data(), k, k);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  const double mean_square = gram.trace() / static_cast<double>(k);
  SmallMatrix result(k, k);
  if (!(mean_square > 0)) return result;
  for (int64_t c = 0; c < k; ++c) {
    const int64_t from = k - 1 - c;  // Eigen has the smallest first
    const double scale = std::sqrt(std::max(solver.eigenvalues()(from), 0.0) / mean_square);
    for (int64_t r = 0; r < k; ++r) result(r, c) = scale * solver.eigenvectors()(r, from);
  }
  return result;
}

}  // namespace fedcamae
